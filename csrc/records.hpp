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

    real rate(int cell) const {
        const real width = t[cell + 1] - t[cell];
        return real(1) / (width > 0 ? width : real(1));
    }
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
SPLINEWORK_ONE_COPY
inline void find_cells(const Axis& a, Columns& u, int64_t n) {
    const int64_t padded = round_up(n, lanes);
    const int top = a.buckets ? a.buckets - 1 : a.last - a.first;
    const bool whole = a.high > a.domain_high;
    bool counted = a.last - a.first < few_cells;
#if defined(__AVX512F__)
    const int knots = a.last - a.first + 2;
    const bool picked = knots > 8 && knots <= 2 * lanes && !a.buckets;  // two registers hold all knots
    const vec low_knots = load_first(a.t + a.first, picked && knots < lanes ? knots : picked ? lanes : 0);
    const vec high_knots = load_first(a.t + a.first + lanes, picked && knots > lanes ? knots - lanes : 0);
    counted = counted && !picked;
#endif
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
#if defined(__AVX512F__)
            if (picked) {
                const ivec index = __builtin_convertvector(guess, ivec);
                left = pick(low_knots, high_knots, index), right = pick(low_knots, high_knots, index + integer(1));
            }
#else
            constexpr bool picked = false;
#endif
            if (a.buckets)
                for (int l = 0; l < lanes; ++l) cell[l] = a.start[cell[l]];
            else
                for (int l = 0; l < lanes; ++l) cell[l] += a.first;
            if (!picked) left = look_up(a.t, cell), right = look_up(a.t + 1, cell);
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

// One derivative of the base function with its tail; `order` as for the splines. `s`: the logistic function where the base
// function is evaluated, inside the ends where there are tails.
inline vec base_of(const Layer<real>& layer, vec x, vec at, vec s, vec beyond, int order) {
    const bool tails = layer.extrapolation != Extrapolation::zero, linear = layer.extrapolation == Extrapolation::linear;
    vec value = silu_derivative(at, s, order);
    if (!tails) return value;
    if (order == 0 && linear) value += silu_derivative(at, s, 1) * beyond;
    if (order > (linear ? 1 : 0)) value = choose(beyond == real(0), value, vec{});
    return choose(x == x, value, x);
}

// The base function's derivatives for the columns of one input: SiLU's, or those that are given.
SPLINEWORK_ONE_COPY
inline void base_values(const Layer<real>& layer, const Points<real>& points, Columns& u, int64_t start, int64_t n, int64_t i,
                        const int* orders, int count) {
    real* out[2] = {u.value, u.slope};
    if (layer.base_kind == Base::silu) {
        const bool tails = layer.extrapolation != Extrapolation::zero;
        for (int64_t b = 0; b < round_up(n, lanes); b += lanes) {
            const vec x = load(u.x + b), at = tails ? load(u.inside + b) : x, s = logistic(at);
            for (int r = 0; r < count; ++r) store(out[r] + b, base_of(layer, x, at, s, load(u.beyond + b), orders[r]));
        }
    } else if (layer.base_kind == Base::given) {
        for (int r = 0; r < count; ++r) {
            const auto& given = r == 0 ? points.base_values : points.base_slopes;
            for (int64_t b = 0; b < n; ++b) out[r][b] = given(start + b, i);
        }
    }
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

    // Coefficients of derivative r (`order` where that is not negative) in powers of v; zeros above its degree.
    template <int order>
    void polynomial(int cell, real rate, int r, pack<P>* powers) const {
        const auto R = static_cast<unsigned>(order < 0 ? r : order);  // never negative, and the compiler may know
        const real* piece = pieces + int64_t{cell} * (K + 1) * (K + 1);
        if (piece == unsafe) piece = spare;
        real power = 1;
        for (unsigned q = 0; q < R; ++q) power *= rate;
        for (unsigned p = 0; p <= K; ++p) {
            if (R > K || p > K - R) powers[p] = pack<P>{};
            else if (R == 0) powers[p] = row(piece, static_cast<int>(p));
            else powers[p] = row(piece, static_cast<int>(p + R)) * (falling.of[R][p + R] * power);
        }
    }

    static pack<P> row(const real* piece, int p) { return at(piece + p * (K + 1)); }

    static pack<P> at(const real* numbers) {
        if constexpr (P == 1) return pack<P>{*numbers};
        else return *reinterpret_cast<const P_anywhere*>(numbers);
    }
};

// Derivative r of the splines at a point beyond the ends, or at one that is not a number; `beyond` says how far.
template <int K>
inline pack<Splines<K>::P> beyond_end(const Splines<K>& splines, Extrapolation tail, int cell, real v, real rate, real beyond,
                                      int r) {
    const auto w = splines(cell, v, rate, r);
    if (tail == Extrapolation::linear && r == 0) return w + splines(cell, v, rate, 1) * beyond;
    if (beyond != beyond) return w * beyond + beyond;
    return tail == Extrapolation::zero || r > (tail == Extrapolation::linear ? 1 : 0) ? w * real(0) : w;
}

// Lane r: the sum of the lanes after it.
template <int P>
inline pack<P> sums_after(const pack<P>& terms) {
    if constexpr (P == 1) {
        return pack<P>{};
    } else if constexpr (P == 4) {
        const pack<4> none{};
        pack<4> sum = __builtin_shufflevector(terms, none, 1, 2, 3, 4);
        sum += __builtin_shufflevector(sum, none, 1, 2, 3, 4);
        return sum + __builtin_shufflevector(sum, none, 2, 3, 4, 4);
    } else {
        pack<P> sum{};
        for (int n = P - 2; n >= 0; --n) sum[n] = sum[n + 1] + terms[n + 1];
        return sum;
    }
}

// The axes of all inputs.
class Axes {
  public:
    Axes(const Layer<real>& layer, const Plan& plan)
        : buckets_(plan.batch >= 2 * layer.cells() ? smaller(2 * layer.cells(), 32768) : 0),
          scratch_(Scratch::room<uint16_t>(buckets_ * plan.inputs) + Scratch::room<Axis>(plan.inputs)) {
        uint16_t* bucket = scratch_.take<uint16_t>(buckets_ * plan.inputs);
        axes_ = scratch_.take<Axis>(plan.inputs);
        const bool few = plan.inputs * layer.cells() < serial_axes;
        for_each_item(plan.groups, few ? 1 : plan.threads, [&](int64_t group) {
            const int64_t stop = smaller(plan.inputs, (group + 1) * input_group);
            for (int64_t i = group * input_group; i < stop; ++i)
                axes_[i] = make_axis(layer, i, bucket + i * buckets_, static_cast<int>(buckets_));
        });
    }

    const Axis& operator[](int64_t i) const { return axes_[i]; }

  private:
    static constexpr int64_t serial_axes = 16384;  // knots that are not worth a second thread
    int64_t buckets_;
    Scratch scratch_;
    Axis* axes_;
};

// Whole cache lines in, one row per input out.
SPLINEWORK_ONE_COPY
inline void read_points(const Points<real>& points, int64_t start, int64_t n, int64_t low, int64_t high, real* x,
                        int64_t stride) {
    int64_t done = 0;  // rows
    if (points.x.column == 1 && high - low == input_group)
        for (; done + lanes <= n; done += lanes)
            for (int64_t i = 0; i < input_group; i += lanes)
                transpose(&points.x(start + done, low + i), points.x.row, x + i * stride + done, stride);
    for (int64_t b = done; b < n; ++b)
        for (int64_t i = low; i < high; ++i) x[(i - low) * stride + b] = points.x(start + b, i);
}

// Calls f with the degree, or the number of rows, as a constant.
template <class F>
void with_degree(int k, F&& f) {
    switch (k) {
#define CASE(n) \
    case n: f.template operator()<n>(); break;
        CASE(0) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9)
#undef CASE
    }
}

}  // namespace
}  // namespace splinework
