// The fit of a formula's constants: Levenberg-Marquardt from the normal equations, the linear ones first.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "evolution.hpp"

namespace splinework {
namespace {

// Solves (A + damping diag A) step = -g by Cholesky; false where A is not positive definite.
bool damped_step(const double* normal, const double* gradient, int n, double damping, double* step, double* factor) {
    for (int i = 0; i < n; ++i) {
        for (int j = 0; j <= i; ++j) {
            double v = normal[i * n + j];
            if (i == j) v += damping * v + 1e-300;
            for (int k = 0; k < j; ++k) v -= factor[i * n + k] * factor[j * n + k];
            if (i == j) {
                if (!(v > 1e-15 * normal[i * n + i])) return false;
                factor[i * n + i] = std::sqrt(v);
            } else {
                factor[i * n + j] = v / factor[j * n + j];
            }
        }
    }
    for (int i = 0; i < n; ++i) {
        double v = -gradient[i];
        for (int k = 0; k < i; ++k) v -= factor[i * n + k] * step[k];
        step[i] = v / factor[i * n + i];
    }
    for (int i = n - 1; i >= 0; --i) {
        double v = step[i];
        for (int k = i + 1; k < n; ++k) v -= factor[k * n + i] * step[k];
        step[i] = v / factor[i * n + i];
    }
    return true;
}

}  // namespace

bool Evolution::fit(Individual& one, int steps) {
    if (!compile(one.tree, code_, constants_)) return false;
    const int n = code_.parameters;
    const double cost = 2 * static_cast<double>(code_.steps.size() + code_.own * own_cost + n);
    std::vector<double>& c = constants_;
    std::array<double, max_coefficients * max_coefficients> normal, further, factor;
    std::array<double, max_coefficients> gradient, next_gradient, step;
    const FormulaKernel& kernel = formula_kernel();
    double rss = kernel.squares(code_, c.data(), rows_, normal.data(), gradient.data());
    charge(cost);
    if (!(rss < std::numeric_limits<double>::infinity())) return false;
    std::vector<double> trial(c.size());
    double damping = 1e-3;
    // First the coefficients outside alone, which are a linear problem.
    std::array<int, max_coefficients> outer;
    int outside = 0;
    {
        if (one.tree.has_constant) outer[outside++] = code_.free[0];
        const Step& root = code_.steps.back();
        for (int k = 0; k < root.count && root.operation == Operation::sum; ++k) outer[outside++] = code_.free[code_.coefficients[root.first + k]];
    }
    if (outside < n) {
        std::array<double, max_coefficients * max_coefficients> small;
        std::array<double, max_coefficients> pull;
        for (int i = 0; i < outside; ++i) {
            pull[i] = gradient[outer[i]];
            for (int j = 0; j < outside; ++j) small[i * outside + j] = normal[outer[i] * n + outer[j]];
        }
        if (damped_step(small.data(), pull.data(), outside, 1e-12, step.data(), factor.data())) {
            trial = c;
            for (size_t k = 0; k < c.size(); ++k)
                for (int i = 0; i < outside; ++i)
                    if (code_.free[k] == outer[i]) trial[k] += step[i];
            const double now = kernel.squares(code_, trial.data(), rows_, further.data(), next_gradient.data());
            charge(cost);
            if (now < rss) c.swap(trial), rss = now, normal.swap(further), gradient.swap(next_gradient);
        }
    }
    if (outside == n) damping = 1e-13;
    int idle = 0;
    for (int k = 0; k < steps && rss > floor_; ++k) {
        if (!damped_step(normal.data(), gradient.data(), n, damping, step.data(), factor.data())) {
            damping = std::max(damping * 10, 1e-10);
            if (damping > 1e10) break;
            continue;
        }
        trial = c;
        for (size_t i = 0; i < c.size(); ++i)
            if (code_.free[i] >= 0) trial[i] += step[code_.free[i]];
        const double now = kernel.squares(code_, trial.data(), rows_, further.data(), next_gradient.data());
        charge(cost);
        if (now < rss) {
            idle = now > (1 - 1e-4) * rss ? idle + 1 : 0;
            c.swap(trial), rss = now, normal.swap(further), gradient.swap(next_gradient);
            damping = std::max(damping / 8, 1e-14);
            if (idle >= 2) break;
        } else {
            damping *= 6;
            if (damping > 1e8) break;
        }
    }
    put(one.tree, c);
    one.rss = rss;
    return true;
}

}  // namespace splinework
