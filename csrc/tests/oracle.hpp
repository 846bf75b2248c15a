// What the kernels must give, worked out the slow way: Cox–de Boor on values, one edge and one point at a time.
//
// Every result comes with its size, the sum of the absolute terms that it is made of: rounding is judged against that.
#pragma once

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "layer.hpp"

namespace splinework::test {

constexpr int most_degree = 9;

// What double precision is judged by: more than double where the processor has it (x86), and not in software elsewhere.
using Widest = std::conditional_t<LDBL_MANT_DIG == 64, long double, double>;

template <class R>
struct Term {
    R value = 0;
    R size = 0;
    void add(R factor, const Term& other) {
        value += factor * other.value;
        size += std::abs(factor) * other.size;
    }
};

// The functions at one point: spline `first + a`, where that exists, is splines[a].
template <class R>
struct Row {
    int64_t first = 0;
    Term<R> splines[most_degree + 1];
    Term<R> base;
};

// The polynomials of all cells: (cells, k + 1 powers, k + 1 splines), the Cox–de Boor recursion on coefficients of v. As in
// functional/bspline.py there are some for splines that do not exist, too; nobody may add them to anything.
template <class R, class T>
std::vector<T> cell_polynomials(const T* t, int64_t splines, int degree) {
    const int64_t cells = splines + degree, side = degree + 1;
    std::vector<T> pieces(cells * side * side, T(0));
    const auto knot = [&](int64_t n) { return R(t[std::clamp<int64_t>(n, 0, cells)]); };
    for (int64_t c = 0; c < cells; ++c) {
        const R width = knot(c + 1) - knot(c), middle = (knot(c + 1) + knot(c)) / 2;
        if (width <= 0) continue;
        std::vector<std::vector<R>> lower{{R(1)}};  // of degree d - 1: [a][p]
        for (int d = 1; d <= degree; ++d) {
            std::vector<std::vector<R>> raised(d + 1, std::vector<R>(d + 1, R(0)));
            for (int a = 0; a < d; ++a) {
                const R start = knot(c - d + 1 + a), stop = knot(c + 1 + a), span = stop - start;
                for (int p = 0; p < d; ++p) {
                    raised[a + 1][p] += (middle - start) / span * lower[a][p];
                    raised[a + 1][p + 1] += width / span * lower[a][p];
                    raised[a][p] += (stop - middle) / span * lower[a][p];
                    raised[a][p + 1] -= width / span * lower[a][p];
                }
            }
            lower = raised;
        }
        for (int a = 0; a < side; ++a) {
            for (int p = 0; p < side; ++p) pieces[(c * side + p) * side + a] = T(lower[a][p]);
        }
    }
    return pieces;
}

// The r-th derivative of x / (1 + e^-x), r from 0 to 4: x σ^(r) + r σ^(r-1).
template <class R>
Term<R> silu(R x, int order) {
    const R e = std::exp(-std::abs(x)), big = 1 / (1 + e), small = e / (1 + e);
    const R p = x >= 0 ? big : small, q = x >= 0 ? small : big, d = p * q;
    const R derivatives[5] = {p, d, d * (q - p), d * (1 - 6 * d), d * (q - p) * (1 - 12 * d)};
    const R t = x > 0 ? p : d;  // σ (1 - σ) is a difference of two large terms where σ is nearly one
    const R sizes[5] = {p, t, t, t * (1 + 6 * t), t * (1 + 12 * t)};
    Term<R> found;
    found.value = x * derivatives[order] + (order ? order * derivatives[order - 1] : R(0));
    found.size = std::abs(x) * sizes[order] + (order ? order * sizes[order - 1] : R(0));
    return found;
}

template <class R, class T>
class Oracle {
  public:
    explicit Oracle(const Layer<T>& layer) : layer_(layer) {}

    // The r-th derivative of all functions of one input at x, tails included. `given` is the base function's, if it is given.
    Row<R> row(int64_t input, T x, int order, R given) const {
        Row<R> found = splines(input, x, order);
        if (layer_.base_kind == Base::given) found.base = {given, std::abs(given)};
        if (layer_.base_kind == Base::silu) found.base = base(input, x, order);
        return found;
    }

    R low(int64_t input) const { return knots(input)[layer_.degree]; }
    R high(int64_t input) const { return knots(input)[layer_.splines]; }

  private:
    const T* knots(int64_t input) const { return layer_.knots + input * (layer_.cells() + 1); }

    Row<R> splines(int64_t input, R x, int order) const {
        if (layer_.extrapolation == Extrapolation::zero) return plain(input, x, order);
        const R nearest = std::clamp(x, low(input), high(input)), beyond = x - nearest;
        if (beyond == 0) return plain(input, nearest, order);
        Row<R> found = plain(input, nearest, order);
        const bool linear = layer_.extrapolation == Extrapolation::linear;
        if (linear && order == 1) return found;
        if (order > 0) return Row<R>{found.first, {}, {}};
        if (linear) {
            const Row<R> slope = plain(input, nearest, 1);
            for (int a = 0; a <= layer_.degree; ++a) found.splines[a].add(beyond, slope.splines[a]);
        }
        return found;
    }

    Term<R> base(int64_t input, R x, int order) const {
        if (layer_.extrapolation == Extrapolation::zero) return silu(x, order);
        const R nearest = std::clamp(x, low(input), high(input)), beyond = x - nearest;
        const bool linear = layer_.extrapolation == Extrapolation::linear;
        if (beyond == 0 || (linear && order == 1)) return silu(nearest, order);
        Term<R> found;
        if (order > 0) return found;
        found = silu(nearest, 0);
        if (linear) found.add(beyond, silu(nearest, 1));
        return found;
    }

    int64_t locate(const T* t, R x) const {
        const int64_t last = layer_.cells();
        const auto before = [&](int64_t end) {  // the last cell of some width that ends at `end` or at a knot equal to it
            int64_t c = end - 1;
            while (c > 0 && t[c] >= t[end]) --c;
            return c;
        };
        if (x == t[layer_.splines]) return before(layer_.splines);
        if (x >= t[last]) return before(last);
        int64_t c = 0;
        while (c + 1 < last && t[c + 1] <= x) ++c;
        return c;
    }

    // As if the domain had no ends; zero beyond all knots.
    Row<R> plain(int64_t input, R x, int order) const {
        const T* t = knots(input);
        const int degree = layer_.degree;
        const int64_t cell = locate(t, x), last = layer_.cells();
        Row<R> found;
        found.first = cell - degree;
        if (order > degree || x < t[0] || x > t[last]) return found;
        const auto knot = [&](int64_t n) { return R(t[n]); };
        const auto ratio = [](R over, R under) { return under > 0 ? over / under : R(0); };
        // level[n] is spline `cell - degree + n` of degree d; those that need knots which do not exist stay zero.
        R level[most_degree + 2] = {};
        level[degree] = 1;
        for (int d = 1; d <= degree; ++d) {
            const bool differentiate = d > degree - order;
            for (int n = degree - d; n <= degree; ++n) {
                const int64_t j = cell - degree + n;
                if (j < 0 || j + d + 1 > last) {
                    level[n] = 0;
                    continue;
                }
                const R rising = differentiate ? R(d) : x - knot(j), falling = differentiate ? R(-d) : knot(j + d + 1) - x;
                level[n] = ratio(rising, knot(j + d) - knot(j)) * level[n] +
                           ratio(falling, knot(j + d + 1) - knot(j + 1)) * level[n + 1];
            }
        }
        const R width = knot(cell + 1) - knot(cell);
        const T* pieces = layer_.pieces + (input * last + cell) * (degree + 1) * (degree + 1);
        for (int a = 0; a <= degree; ++a) {
            R size = 0;
            for (int p = order; p <= degree; ++p) {
                R factor = std::pow(R(0.5), p - order) / std::pow(width, order);
                for (int q = p; q > p - order; --q) factor *= q;
                size += factor * std::abs(R(pieces[p * (degree + 1) + a]));
            }
            found.splines[a] = {level[a], size};
        }
        return found;
    }

    const Layer<T>& layer_;
};

}  // namespace splinework::test
