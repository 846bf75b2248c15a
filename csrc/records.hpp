// From points to records: which cell a point lies in, and the values there of the k + 1 splines that are not zero and of the
// base function, tails included. What follows only multiplies and adds.
#pragma once

#include "plan.hpp"

namespace splinework {
namespace {

// The knots of one input, and a guess of the cell by buckets of equal width.
struct Axis {
    const real* t;
    const real* pieces;
    int first, last;        // numbers of the cells that a point may lie in
    int last_of_domain;
    real low, high;         // where the functions as they are begin and end
    real domain_high;
    real inverse_bucket;
    int buckets;            // 0: the guess is linear between the ends
    const uint16_t* start;  // the cell that the left end of a bucket lies in
};

inline int last_with_width(const real* t, int from, int to) {  // the last cell in [from, to] that has a width
    int c = to;
    while (c > from && !(t[c] < t[c + 1])) --c;
    return c;
}

// The cell of x, from a guess; x lies in [t[first], t[last + 1]]. The same comparisons as in functional/bspline.py.
inline int locate(const Axis& a, real x, int c) {
    for (int step = 0; step < 4; ++step) {
        if (x < a.t[c]) --c;
        else if (c < a.last && x >= a.t[c + 1]) ++c;
        else return c;
    }
    int low = a.first, high = a.last;
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (x >= a.t[middle]) low = middle;
        else high = middle - 1;
    }
    return low;
}

inline Axis make_axis(const Layer<real>& layer, int64_t i, uint16_t* buckets, int count) {
    Axis a{};
    const int k = layer.degree, m = static_cast<int>(layer.splines);
    a.t = layer.knots + i * (layer.splines + k + 1);
    a.pieces = layer.pieces + i * layer.cells() * (k + 1) * (k + 1);
    a.last_of_domain = last_with_width(a.t, k, m - 1);
    const bool whole = layer.extrapolation == Extrapolation::zero;
    a.first = whole ? 0 : k;
    a.last = last_with_width(a.t, a.first, whole ? m + k - 1 : m - 1);
    a.low = a.t[a.first];
    a.high = a.t[whole ? m + k : m];
    a.domain_high = a.t[m];
    const real span = a.high - a.low;
    const int cells = a.last - a.first + 1;
    a.inverse_bucket = span > 0 && span * 0 == 0 ? real(cells) / span : real(0);
    if (count > 0 && a.inverse_bucket > 0) {
        bool even = true;
        for (int c = a.first + 1; c <= a.last && even; ++c) {
            const real gap = (a.t[c] - a.low) * a.inverse_bucket - real(c - a.first);
            even = gap < real(0.25) && gap > real(-0.25);
        }
        if (!even) {
            a.buckets = count;
            a.start = buckets;
            a.inverse_bucket = real(count) / span;
            int c = a.first;
            for (int u = 0; u < count; ++u) {
                const real edge = a.low + real(u) / a.inverse_bucket;
                while (c < a.last && edge >= a.t[c + 1]) ++c;
                buckets[u] = static_cast<uint16_t>(c);
            }
        }
    }
    return a;
}

// Points of one input and one block, worked on column by column. Padded to whole vectors.
struct Columns {
    real *x, *inside, *beyond, *v, *rate, *value, *slope;
    int32_t* cell;
    bool outside = false;  // whether any point lies beyond [low, high], or is not a number
    static size_t room(int64_t n) { return 7 * Scratch::room<real>(n) + Scratch::room<int32_t>(n); }
    Columns(Scratch& scratch, int64_t n)
        : x(scratch.take<real>(n)), inside(scratch.take<real>(n)), beyond(scratch.take<real>(n)), v(scratch.take<real>(n)),
          rate(scratch.take<real>(n)), value(scratch.take<real>(n)), slope(scratch.take<real>(n)),
          cell(scratch.take<int32_t>(n)) {}
};

constexpr int few_cells = 24;  // up to here every knot is compared; beyond, a guess is mended

// inside = x brought to [low, high] (NaN: low), beyond = x - inside, the exact cell, and where in it.
inline void find_cells(const Axis& a, Columns& u, int64_t n) {
    const int64_t padded = round_up(n, lanes);
    const int top = a.buckets ? a.buckets - 1 : a.last - a.first;
    const bool whole = a.high > a.domain_high, counted = a.last - a.first < few_cells;
    for (int64_t b = n; b < padded; ++b) u.x[b] = a.low;
    ivec outside{};
    for (int64_t b = 0; b < padded; b += lanes) {
        const vec x = load(u.x + b);
        vec inside = choose(x > a.low, x, all(a.low));
        inside = choose(inside < a.high, inside, all(a.high));
        const vec beyond = x - inside;
        outside |= ~(beyond == real(0));
        store(u.inside + b, inside);
        store(u.beyond + b, beyond);
        int32_t* cell = u.cell + b;
        vec left, right;
        if (counted) {
            ivec count = ivec{} + integer(a.first);
            left = all(a.t[a.first]), right = all(a.t[a.first + 1]);
            for (int m = a.first + 1; m <= a.last; ++m) {
                const ivec past = inside >= a.t[m];
                count -= past;
                left = choose(past, all(a.t[m]), left);
                right = choose(past, all(a.t[m + 1]), right);
            }
            for (int l = 0; l < lanes; ++l) cell[l] = static_cast<int32_t>(count[l]);
        } else {
            vec guess = (inside - a.low) * a.inverse_bucket;
            guess = choose(guess < real(top), guess, all(real(top)));
            for (int l = 0; l < lanes; ++l) cell[l] = static_cast<int32_t>(guess[l]);
            if (a.buckets)
                for (int l = 0; l < lanes; ++l) cell[l] = a.start[cell[l]];
            else
                for (int l = 0; l < lanes; ++l) cell[l] += a.first;
            left = look_up(a.t, cell), right = look_up(a.t + 1, cell);
            if (any((inside < left) | (inside >= right))) {
                for (int l = 0; l < lanes; ++l) cell[l] = locate(a, u.inside[b + l], cell[l]);
                left = look_up(a.t, cell), right = look_up(a.t + 1, cell);
            }
        }
        if (whole && any(inside == a.domain_high)) {
            for (int l = 0; l < lanes; ++l)
                if (u.inside[b + l] == a.domain_high) cell[l] = a.last_of_domain;
            left = look_up(a.t, cell), right = look_up(a.t + 1, cell);
        }
        const vec width = right - left;
        const vec rate = real(1) / choose(width > real(0), width, all(real(1)));
        store(u.rate + b, rate);
        store(u.v + b, ((inside - left) - (right - inside)) * rate * real(0.5));  // the difference is exact at both ends
    }
    u.outside = any(outside);
}

// One derivative of the base function with its tail; `order` as for the splines.
inline vec base_at(const Layer<real>& layer, vec x, vec inside, vec beyond, int order) {
    const bool tails = layer.extrapolation != Extrapolation::zero, linear = layer.extrapolation == Extrapolation::linear;
    const vec at = tails ? inside : x, s = logistic(at);
    vec value = silu_derivative(at, s, order);
    if (!tails) return value;
    if (order == 0 && linear) value += silu_derivative(at, s, 1) * beyond;
    if (order > (linear ? 1 : 0)) value = choose(beyond == real(0), value, vec{});
    return choose(x == x, value, x);
}

inline void base_column(const Layer<real>& layer, const Columns& u, int64_t n, int order, real* out) {
    for (int64_t b = 0; b < round_up(n, lanes); b += lanes)
        store(out + b, base_at(layer, load(u.x + b), load(u.inside + b), load(u.beyond + b), order));
}

// p! / (p - r)!, what the r-th derivative makes of the power p.
struct Falling {
    real of[most_rows][most_rows];
    constexpr Falling() : of{} {
        for (int r = 0; r < most_rows; ++r)
            for (int p = r; p < most_rows; ++p) {
                of[r][p] = 1;
                for (int q = p; q > p - r; --q) of[r][p] *= real(q);
            }
    }
};
constexpr Falling falling{};

// Values of the k + 1 splines: derivative r of the pieces, by Horner's rule with one lane per spline.
template <int K>
struct Splines {
    static constexpr int P = K < 1 ? 1 : K < 2 ? 2 : K < 4 ? 4 : K < 8 ? 8 : 16;
    typedef real P_anywhere __attribute__((vector_size(P * sizeof(real)), aligned(sizeof(real)), may_alias));
    const real* pieces;
    const real* unsafe;         // the one cell whose rows may not be read past their end
    real spare[(K + 1) * (K + 1) + 16];

    Splines(const Axis& a, const Layer<real>& layer, bool last_input) : pieces(a.pieces), unsafe(nullptr) {
        if (!last_input) return;
        unsafe = a.pieces + (layer.cells() - 1) * (K + 1) * (K + 1);
        std::memcpy(spare, unsafe, (K + 1) * (K + 1) * sizeof(real));
        std::memset(spare + (K + 1) * (K + 1), 0, 16 * sizeof(real));
    }

    pack<P> operator()(int cell, real v, real rate, int order) const {
        const unsigned r = static_cast<unsigned>(order);  // never negative, and the compiler may know
        const real* piece = pieces + int64_t{cell} * (K + 1) * (K + 1);
        if (piece == unsafe) piece = spare;
        pack<P> value{};
        if (r == 0) {
            value = row(piece, K);
            for (int p = K - 1; p >= 0; --p) value = value * v + row(piece, p);
            return value;
        }
        if (r > K) return value * v * rate;
        for (int p = K; p >= static_cast<int>(r); --p) value = value * v + falling.of[r][p] * row(piece, p);
        real power = rate;
        for (unsigned q = 1; q < r; ++q) power *= rate;
        return value * power;
    }

    // Value and slope at once.
    void both(int cell, real v, real rate, pack<P>& value, pack<P>& slope) const {
        const real* piece = pieces + int64_t{cell} * (K + 1) * (K + 1);
        if (piece == unsafe) piece = spare;
        value = row(piece, K);
        slope = pack<P>{};
        for (int p = K - 1; p >= 0; --p) {
            slope = slope * v + value;
            value = value * v + row(piece, p);
        }
        slope = slope * rate;
    }

    static pack<P> row(const real* piece, int p) {
        if constexpr (P == 1) return pack<P>{piece[p]};
        else return *reinterpret_cast<const P_anywhere*>(piece + p * (K + 1));
    }
};

// The splines at one point, with their tail.
template <int K, int order>
inline pack<Splines<K>::P> with_tail(const Splines<K>& splines, Extrapolation tail, const Columns& u, int64_t b, int r) {
    const int R = order < 0 ? r : order;
    auto w = splines(u.cell[b], u.v[b], u.rate[b], R);
    const real beyond = u.beyond[b];
    if (beyond == 0) return w;
    if (tail == Extrapolation::linear && R == 0) return w + splines(u.cell[b], u.v[b], u.rate[b], 1) * beyond;
    if (u.x[b] != u.x[b]) return w * u.x[b] + u.x[b];
    return tail == Extrapolation::zero || R > (tail == Extrapolation::linear ? 1 : 0) ? w * real(0) : w;
}

}  // namespace
}  // namespace splinework
