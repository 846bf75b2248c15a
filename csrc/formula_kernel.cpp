// Values of formulas and the normal equations of their constants, for one instruction set: compiled once for each.
#include "formula_code.hpp"
#include "formula_math.hpp"

#include <limits>

namespace splinework {
namespace {

struct Work {
    alignas(64) double value[max_steps][block];
    alignas(64) double pull[max_steps][block];
    alignas(64) double column[max_coefficients + 1][block];
};

Work& work() {
    static thread_local Work found;
    return found;
}

template <class F>
inline void each(F&& f) {
    for (int n = 0; n < block; n += lanes) f(n);
}

void forward(const Code& code, const double* c, const Rows& rows, int64_t at, Work& w) {
    const int* arguments = code.arguments.data();
    for (size_t s = 0; s < code.steps.size(); ++s) {
        const Step& step = code.steps[s];
        double* out = w.value[s];
        const int* from = arguments + step.first;
        const double* a = step.count ? w.value[from[0]] : nullptr;
        if (is_own(step.operation)) {
            const OwnFunction& own = rows.own[own_index(step.operation)];
            own.call(own.context, false, a, out);
            continue;
        }
        switch (step.operation) {
            case Operation::column: {
                const double* x = rows.x.data() + step.column * rows.padded + at;
                each([&](int n) { store(out + n, load(x + n)); });
                break;
            }
            case Operation::sum: {
                const vec start = all(step.constant >= 0 ? c[step.constant] : 0.0);
                each([&](int n) { store(out + n, start); });
                for (int k = 0; k < step.count; ++k) {
                    const vec factor = all(c[code.coefficients[step.first + k]]);
                    const double* b = w.value[from[k]];
                    each([&](int n) { store(out + n, load(out + n) + factor * load(b + n)); });
                }
                break;
            }
            case Operation::product: {
                each([&](int n) { store(out + n, load(a + n)); });
                for (int k = 1; k < step.count; ++k) {
                    const double* b = w.value[from[k]];
                    each([&](int n) { store(out + n, load(out + n) * load(b + n)); });
                }
                break;
            }
            case Operation::power: each([&](int n) { store(out + n, power_of(load(a + n), step.power)); }); break;
            case Operation::exp: each([&](int n) { store(out + n, exponential(load(a + n))); }); break;
            case Operation::log: each([&](int n) { store(out + n, log_of(load(a + n))); }); break;
            case Operation::sin: each([&](int n) { store(out + n, sin_of(load(a + n))); }); break;
            case Operation::cos: each([&](int n) { store(out + n, cos_of(load(a + n))); }); break;
            case Operation::tanh: each([&](int n) { store(out + n, tanh_of(load(a + n))); }); break;
            case Operation::atan: each([&](int n) { store(out + n, atan_of(load(a + n))); }); break;
            case Operation::asin:
                each([&](int n) {
                    const vec x = load(a + n);
                    store(out + n, atan_of(x / sqrt_of(all(1.0) - x * x)));
                });
                break;
            case Operation::sinh:
                each([&](int n) {
                    const vec e = exponential(load(a + n));
                    store(out + n, all(0.5) * (e - all(1.0) / e));
                });
                break;
            case Operation::cosh:
                each([&](int n) {
                    const vec e = exponential(load(a + n));
                    store(out + n, all(0.5) * (e + all(1.0) / e));
                });
                break;
            case Operation::abs: each([&](int n) { store(out + n, abs_of(load(a + n))); }); break;
            case Operation::relu: each([&](int n) { store(out + n, all(0.5) * (load(a + n) + abs_of(load(a + n)))); }); break;
        }
    }
}

// Derivatives of the last value by the free constants, as columns; one sweep backwards, as each row has one value.
void backward(const Code& code, const double* c, const Rows& rows, Work& w, const int* fixed) {
    const int* arguments = code.arguments.data();
    const int last = static_cast<int>(code.steps.size()) - 1;
    bool pulled[max_steps] = {};
    const auto add = [&](int to, auto&& slope) {
        double* p = w.pull[to];
        if (pulled[to]) each([&](int n) { store(p + n, load(p + n) + slope(n)); });
        else each([&](int n) { store(p + n, slope(n)); });
        pulled[to] = true;
    };
    each([&](int n) { store(w.pull[last] + n, all(1.0)); });
    pulled[last] = true;
    for (int s = last; s >= 0; --s) {
        const Step& step = code.steps[s];
        if (!pulled[s] || step.operation == Operation::column) continue;
        const double *g = w.pull[s], *y = w.value[s];
        const int* from = arguments + step.first;
        const double* a = w.value[from[0]];
        if (is_own(step.operation)) {
            alignas(64) double slope[block];
            const OwnFunction& own = rows.own[own_index(step.operation)];
            own.call(own.context, true, a, slope);
            add(from[0], [&](int n) { return load(g + n) * load(slope + n); });
            continue;
        }
        switch (step.operation) {
            case Operation::column: break;
            case Operation::sum:
                if (step.constant >= 0 && code.free[step.constant] >= 0) {
                    double* out = w.column[code.free[step.constant]];
                    each([&](int n) { store(out + n, load(g + n)); });
                }
                for (int k = 0; k < step.count; ++k) {
                    const int which = code.coefficients[step.first + k];
                    const double* b = w.value[from[k]];
                    if (code.free[which] >= 0) {
                        double* out = w.column[code.free[which]];
                        each([&](int n) { store(out + n, load(g + n) * load(b + n)); });
                    }
                    if (fixed[from[k]]) continue;
                    const vec factor = all(c[which]);
                    add(from[k], [&](int n) { return load(g + n) * factor; });
                }
                break;
            case Operation::product:
                for (int k = 0; k < step.count; ++k) {
                    if (fixed[from[k]]) continue;
                    add(from[k], [&](int n) {
                        vec p = load(g + n);
                        for (int j = 0; j < step.count; ++j)
                            if (j != k) p = p * load(w.value[from[j]] + n);
                        return p;
                    });
                }
                break;
            case Operation::power:
                add(from[0], [&](int n) { return load(g + n) * all(step.power) * power_of(load(a + n), step.power - 1); });
                break;
            case Operation::exp: add(from[0], [&](int n) { return load(g + n) * load(y + n); }); break;
            case Operation::log: add(from[0], [&](int n) { return load(g + n) / load(a + n); }); break;
            case Operation::sin: add(from[0], [&](int n) { return load(g + n) * cos_of(load(a + n)); }); break;
            case Operation::cos: add(from[0], [&](int n) { return -load(g + n) * sin_of(load(a + n)); }); break;
            case Operation::tanh: add(from[0], [&](int n) { return load(g + n) * (all(1.0) - load(y + n) * load(y + n)); }); break;
            case Operation::atan: add(from[0], [&](int n) { return load(g + n) / (all(1.0) + load(a + n) * load(a + n)); }); break;
            case Operation::asin: add(from[0], [&](int n) { return load(g + n) / sqrt_of(all(1.0) - load(a + n) * load(a + n)); }); break;
            case Operation::sinh: add(from[0], [&](int n) { return load(g + n) * sqrt_of(all(1.0) + load(y + n) * load(y + n)); }); break;
            case Operation::cosh:
                add(from[0], [&](int n) {
                    const vec e = exponential(load(a + n));
                    return load(g + n) * all(0.5) * (e - all(1.0) / e);
                });
                break;
            case Operation::abs:
                add(from[0], [&](int n) { return load(a + n) < all(0.0) ? -load(g + n) : load(g + n); });
                break;
            case Operation::relu: add(from[0], [&](int n) { return load(a + n) > all(0.0) ? load(g + n) : all(0.0); }); break;
        }
    }
}

double squares(const Code& code, const double* c, const Rows& rows, double* normal, double* gradient) {
    Work& w = work();
    const int last = static_cast<int>(code.steps.size()) - 1, parameters = code.parameters;
    int fixed[max_steps];  // steps that depend on no constant need no derivative
    for (int s = 0; s <= last; ++s) {
        const Step& step = code.steps[s];
        fixed[s] = step.operation != Operation::sum;
        for (int k = 0; k < step.count && fixed[s]; ++k) fixed[s] = fixed[code.arguments[step.first + k]];
    }
    vec products[(max_coefficients + 1) * (max_coefficients + 2) / 2];
    const int pairs = parameters * (parameters + 1) / 2;
    if (normal)
        for (int k = 0; k < pairs + parameters; ++k) products[k] = vec{};
    vec left{};
    for (int64_t at = 0; at < rows.padded; at += block) {
        forward(code, c, rows, at, w);
        const double *y = rows.y.data() + at, *root = rows.root.data() + at, *f = w.value[last];
        alignas(64) double residual[block];
        each([&](int n) {
            const vec gap = (load(f + n) - load(y + n)) * load(root + n);
            store(residual + n, gap);
            left = left + gap * gap;
        });
        if (!normal) continue;
        backward(code, c, rows, w, fixed);
        for (int i = 0; i < parameters; ++i) each([&](int n) { store(w.column[i] + n, load(w.column[i] + n) * load(root + n)); });
        int at_pair = 0;
        for (int i = 0; i < parameters; ++i) {
            const double* a = w.column[i];
            for (int j = 0; j <= i; ++j, ++at_pair) {
                const double* b = w.column[j];
                vec p = products[at_pair];
                each([&](int n) { p = p + load(a + n) * load(b + n); });
                products[at_pair] = p;
            }
            vec p = products[pairs + i];
            each([&](int n) { p = p + load(a + n) * load(residual + n); });
            products[pairs + i] = p;
        }
    }
    const double rss = sum(left);
    if (!(rss < std::numeric_limits<double>::max())) return std::numeric_limits<double>::infinity();
    if (normal) {
        int at_pair = 0;
        for (int i = 0; i < parameters; ++i) {
            for (int j = 0; j <= i; ++j, ++at_pair) {
                const double p = sum(products[at_pair]);
                if (!(p < std::numeric_limits<double>::max() && p > -std::numeric_limits<double>::max()))
                    return std::numeric_limits<double>::infinity();
                normal[i * parameters + j] = normal[j * parameters + i] = p;
            }
            gradient[i] = sum(products[pairs + i]);
        }
    }
    return rss;
}

void values(const Code& code, const double* c, const Rows& rows, double* out) {
    Work& w = work();
    for (int64_t at = 0; at < rows.padded; at += block) {
        forward(code, c, rows, at, w);
        const double* f = w.value[code.steps.size() - 1];
        each([&](int n) { store(out + at + n, load(f + n)); });
    }
}

}  // namespace

extern const FormulaKernel SPLINEWORK_FORMULAS;
const FormulaKernel SPLINEWORK_FORMULAS{squares, values};

}  // namespace splinework
