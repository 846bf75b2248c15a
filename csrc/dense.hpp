// The kernels for few outputs on a coarse grid: the lanes of a vector are samples. An edge is one polynomial per cell; its
// coefficients for all cells lie in one or two registers, and each lane picks those of its own cell. Nothing is sorted, and
// the gradient of the coefficients is summed cell by cell under a mask.
//
// For instruction sets that pick lanes of two registers by an index (AVX-512); elsewhere `narrow` does the work.
#pragma once

#include "records.hpp"
#include "tile.hpp"

namespace splinework {
namespace {

#if defined(__AVX512F__)

// Cells that an index can tell apart: those that points may lie in, and what is left and right of them.
constexpr int64_t dense_places = 2 * lanes;
constexpr int64_t dense_rows = 256;  // samples worked on together

inline int64_t dense_places_of(const Layer<real>& layer) {
    return layer.extrapolation == Extrapolation::zero ? layer.cells() + 2 : layer.splines - layer.degree + 2;
}

// One input's cells as places 1, 2, …; place 0 is left of them, the last one right of them.
template <int K>
struct Places {
    const Layer<real>& layer;
    Axis axis;
    int count;
    int begin;  // the cell that the left tail continues
    real weight[dense_places][K + 1][K + 1];  // (place, power, spline) of the derivative asked for

    SPLINEWORK_ONE_COPY
    Places(const Layer<real>& layer, int64_t i, int order) : layer(layer), axis(make_axis(layer, i, nullptr, 0)), begin(axis.first) {
        count = axis.last - axis.first + 3;
        std::memset(weight, 0, sizeof(weight));
        for (int c = axis.first; c <= axis.last; ++c) plain(c, order, weight[c - axis.first + 1]);
        while (begin < axis.last && !(axis.t[begin] < axis.t[begin + 1])) ++begin;  // past cells of no width
        if (layer.extrapolation == Extrapolation::zero) return;
        tail(0, begin, real(-0.5), order);
        tail(count - 1, axis.last, real(0.5), order);
    }

    int first_spline(int place) const {
        return (place < 1 ? begin : place > count - 2 ? axis.last : axis.first + place - 1) - K;
    }

    // Derivative r of the pieces of cell c as a polynomial in v.
    void plain(int c, int r, real (*to)[K + 1]) const {
        const real width = axis.t[c + 1] - axis.t[c], rate = width > 0 ? real(1) / width : real(1);
        real power = 1;
        for (int q = 0; q < r; ++q) power *= rate;
        const real* piece = axis.pieces + int64_t{c} * (K + 1) * (K + 1);
        for (int p = r; p <= K; ++p)
            for (int a = 0; a <= K; ++a) to[p - r][a] = falling.of[r][p] * power * piece[p * (K + 1) + a];
    }

    // Beyond an end: a polynomial in x - end, of the value and the slope there.
    void tail(int place, int c, real v, int order) {
        const bool linear = layer.extrapolation == Extrapolation::linear;
        for (int r = 0; r < 2; ++r) {
            real here[K + 1][K + 1] = {};
            if (r <= K) plain(c, r, here);
            for (int a = 0; a <= K; ++a) {
                real value = 0;
                for (int p = K; p >= 0; --p) value = value * v + here[p][a];
                if (r == order && (r == 0 || linear)) weight[place][0][a] = value;
                if (r == 1 && order == 0 && linear && K > 0) weight[place][1][a] = value;
            }
        }
    }
};

struct Samples {
    real *x, *v, *value, *slope;
    integer* place;
    static size_t room() { return 4 * Scratch::room<real>(dense_rows) + Scratch::room<integer>(dense_rows); }
    explicit Samples(Scratch& scratch)
        : x(scratch.take<real>(dense_rows)), v(scratch.take<real>(dense_rows)), value(scratch.take<real>(dense_rows)),
          slope(scratch.take<real>(dense_rows)), place(scratch.take<integer>(dense_rows)) {}
};

// Place, local variable and base function of up to `dense_rows` samples from row `start` on; returns whole vectors' length.
SPLINEWORK_ONE_COPY
inline int64_t read_samples(const Layer<real>& layer, const Points<real>& points, const Axis& a, int64_t i, int64_t start,
                            int64_t n, const int* orders, int order_count, Samples& u) {
    const int64_t padded = round_up(n, lanes);
    const bool linear = layer.extrapolation == Extrapolation::linear, whole = layer.extrapolation == Extrapolation::zero;
    for (int64_t b = 0; b < n; ++b) u.x[b] = points.x(start + b, i);
    for (int64_t b = n; b < padded; ++b) u.x[b] = a.low;
    for (int64_t b = 0; b < padded; b += lanes) {
        const vec x = load(u.x + b);
        vec inside = choose(x > a.low, x, all(a.low));
        inside = choose(inside < a.high, inside, all(a.high));
        const vec beyond = x - inside;
        ivec place = ivec{} + integer(1);
        vec left = all(a.t[a.first]), right = all(a.t[a.first + 1]);
        for (int m = a.first + 1; m <= a.last; ++m) {
            ivec past = inside >= a.t[m];
            if (whole && m > a.last_of_domain) past &= ~(inside == a.domain_high);
            place -= past;
            left = choose(past, all(a.t[m]), left);
            right = choose(past, all(a.t[m + 1]), right);
        }
        const vec width = right - left;
        vec v = ((inside - left) - (right - inside)) / (choose(width > real(0), width, all(real(1))) * real(2));
        v = choose(beyond == real(0), v, linear ? beyond : choose(x == x, vec{}, x));
        place = x < a.low ? ivec{} : place;
        place = x > a.high ? ivec{} + integer(a.last - a.first + 2) : place;
        store(u.v + b, v);
        std::memcpy(u.place + b, &place, sizeof(place));
        if (layer.base_kind != Base::silu) continue;
        const vec at = whole ? x : inside, sigma = logistic(at);
        for (int r = 0; r < order_count; ++r)
            store((r == 0 ? u.value : u.slope) + b, base_of(layer, x, at, sigma, beyond, orders[r]));
    }
    for (int r = 0; r < order_count && layer.base_kind == Base::given; ++r) {
        const auto& given = r == 0 ? points.base_values : points.base_slopes;
        for (int64_t b = 0; b < padded; ++b) (r == 0 ? u.value : u.slope)[b] = b < n ? given(start + b, i) : real(0);
    }
    return padded;
}

template <int K>
struct Dense {
    // An edge's polynomials: for every power the coefficients of all places.
    struct Edge {
        vec low[K + 1], high[K + 1], base;
        SPLINEWORK_ONE_COPY
        Edge(const Places<K>& places, int64_t i, int64_t j) {
            real sums[K + 1][dense_places] = {};
            const Layer<real>& layer = places.layer;
            const real mask = layer.mask ? layer.mask(i, j) : real(1), scale = (layer.scale ? layer.scale(i, j) : real(1)) * mask;
            base = layer.base_kind != Base::none ? all(layer.base(i, j) * mask) : vec{};
            for (int e = 0; e < places.count; ++e)
                for (int a = 0; a <= K; ++a) {
                    const int64_t m = int64_t{places.first_spline(e)} + a;
                    if (m < 0 || m >= layer.splines) continue;
                    const real c = layer.c[i * layer.c_input + m * layer.c_spline + j] * scale;
                    for (int p = 0; p <= K; ++p) sums[p][e] += c * places.weight[e][p][a];
                }
            for (int p = 0; p <= K; ++p) low[p] = load(sums[p]), high[p] = load(sums[p] + lanes);
        }
        vec operator()(ivec place, vec v, vec base_value) const {
            vec value = pick(low[K], high[K], place);
#pragma GCC unroll 9
            for (int p = K - 1; p >= 0; --p) value = value * v + pick(low[p], high[p], place);
            if constexpr (K == 0) value = choose(v == v, value, v);
            return value + base * base_value;
        }
    };

    static ivec place_at(const Samples& u, int64_t b) {
        ivec place;
        std::memcpy(&place, u.place + b, sizeof(place));
        return place;
    }

    // Derivatives are constant beyond the ends, and an infinite v there must not meet their zeros.
    static vec local(const Samples& u, int64_t b, int order) {
        const vec v = load(u.v + b);
        return order == 0 ? v : choose(v > real(1), all(1), choose(v < real(-1), all(-1), v));
    }

    static bool dead(const Layer<real>& layer, int64_t i, int64_t j) { return layer.mask && layer.mask(i, j) == real(0); }

    static void forward(const Layer<real>& layer, const Points<real>& points, int order, const Sums<real>& out, int threads) {
        const int64_t J = layer.outputs;
        Scratch shared(Scratch::room<Edge>(layer.inputs * J) + Scratch::room<Axis>(layer.inputs));
        Edge* edges = shared.take<Edge>(layer.inputs * J);
        Axis* axes = shared.take<Axis>(layer.inputs);
        for_each_item(layer.inputs, threads, [&](int64_t i) {
            const Places<K> places(layer, i, order);
            axes[i] = places.axis;
            for (int64_t j = 0; j < J; ++j)
                if (!dead(layer, i, j)) edges[i * J + j] = Edge(places, i, j);
        });
        for_each_item(ceil_div(points.batch, dense_rows), threads, [&](int64_t q) {
            const int64_t start = q * dense_rows, n = smaller(dense_rows, points.batch - start);
            Scratch scratch(Samples::room() + Scratch::room<real>(J * dense_rows));
            Samples u(scratch);
            real* y = scratch.take<real>(J * dense_rows);
            for (int64_t j = 0; j < J; ++j)
                for (int64_t b = 0; b < n; ++b) y[j * dense_rows + b] = out.bias ? out.bias[j] : real(0);
            if (layer.base_kind == Base::none) std::memset(u.value, 0, dense_rows * sizeof(real));
            for (int64_t i = 0; i < layer.inputs; ++i) {
                const int64_t padded = read_samples(layer, points, axes[i], i, start, n, &order, 1, u);
                for (int64_t j = 0; j < J; ++j) {
                    if (dead(layer, i, j)) continue;
                    const Edge edge = edges[i * J + j];
                    real* sums = y + j * dense_rows;
                    for (int64_t b = 0; b < padded; b += lanes)
                        store(sums + b, load(sums + b) + edge(place_at(u, b), local(u, b, order), load(u.value + b)));
                }
            }
            for (int64_t b = 0; b < n; ++b)
                for (int64_t j = 0; j < J; ++j) out.y(start + b, j) = y[j * dense_rows + b];
        });
    }

    // Everything that concerns one input is one item: its column of the probe and its gradients.
    static void backward(const Layer<real>& layer, const Points<real>& points, const Gradients<real>& out, int threads) {
        const int64_t J = layer.outputs, B = points.batch, rows = round_up(B, dense_rows);
        const bool to_points = bool(out.probe), to_edges = out.c || out.scale || out.base;
        Scratch shared(Scratch::room<real>(J * rows));
        real* g = shared.take<real>(J * rows);
        for (int64_t j = 0; j < J; ++j) {
            for (int64_t b = 0; b < B; ++b) g[j * rows + b] = out.g(b, j);
            std::memset(g + j * rows + B, 0, static_cast<size_t>(rows - B) * sizeof(real));
        }
        for_each_item(layer.inputs, threads, [&](int64_t i) {
            const Places<K> values(layer, i, out.scatter_order);
            Scratch scratch(Samples::room() + Scratch::room<Edge>(J) + Scratch::room<vec>(values.count * J * (K + 2)));
            Samples u(scratch);
            Edge* slopes = scratch.take<Edge>(J);
            vec* moments = scratch.take<vec>(values.count * J * (K + 2));
            std::memset(moments, 0, static_cast<size_t>(values.count * J * (K + 2)) * sizeof(vec));
            if (to_points) {
                const Places<K> places(layer, i, out.probe_order);
                for (int64_t j = 0; j < J; ++j)
                    if (!dead(layer, i, j)) slopes[j] = Edge(places, i, j);
            }
            const int orders[2] = {to_points ? out.probe_order : out.scatter_order, out.scatter_order};
            if (layer.base_kind == Base::none)
                std::memset(u.value, 0, dense_rows * sizeof(real)), std::memset(u.slope, 0, dense_rows * sizeof(real));
            for (int64_t start = 0; start < B; start += dense_rows) {
                const int64_t n = smaller(dense_rows, B - start);
                const int64_t padded = read_samples(layer, points, values.axis, i, start, n, orders, to_points + to_edges, u);
                if (to_points) probe(layer, i, u, n, padded, g + start, rows, slopes, start, out);
                if (to_edges) gather_moments(layer, i, u, to_points ? u.slope : u.value, padded, g + start, rows, values.count, moments);
            }
            if (to_edges) finish_input(layer, i, values, moments, out);
        });
    }

    SPLINEWORK_ONE_COPY
    static void probe(const Layer<real>& layer, int64_t i, const Samples& u, int64_t n, int64_t padded, const real* g,
                      int64_t rows, const Edge* slopes, int64_t start, const Gradients<real>& out) {
        const int order = out.probe_order;
        for (int64_t b = 0; b < padded; b += lanes) {
            vec drawn{};
            for (int64_t j = 0; j < layer.outputs; ++j)
                if (!dead(layer, i, j))
                    drawn += load(g + j * rows + b) * slopes[j](place_at(u, b), local(u, b, order), load(u.value + b));
            for (int64_t l = 0; l < lanes && b + l < n; ++l) out.probe(start + b + l, i) = drawn[l];
        }
    }

    // moments[e, j, p] += Σ_b [place_b = e] g_bj v_b^p; the last p is the base function's Σ_b g_bj base_b, at place 0.
    SPLINEWORK_ONE_COPY
    static void gather_moments(const Layer<real>& layer, int64_t i, const Samples& u, const real* base_values, int64_t padded,
                               const real* g, int64_t rows, int count, vec* moments) {
        for (int64_t j = 0; j < layer.outputs; ++j) {
            if (dead(layer, i, j)) continue;
            const real* pull = g + j * rows;
            vec base = moments[j * (K + 2) + K + 1];
            for (int64_t b = 0; b < padded; b += lanes) base += load(pull + b) * load(base_values + b);
            moments[j * (K + 2) + K + 1] = base;
            for (int e = 0; e < count; ++e) {
                vec* to = moments + (e * layer.outputs + j) * (K + 2);
                vec sum[K + 1];
                for (int p = 0; p <= K; ++p) sum[p] = to[p];
                for (int64_t b = 0; b < padded; b += lanes) {
                    vec term = choose(place_at(u, b) == integer(e), load(pull + b), vec{});
                    const vec v = choose(place_at(u, b) == integer(e), load(u.v + b), vec{});
                    sum[0] += term;
#pragma GCC unroll 9
                    for (int p = 1; p <= K; ++p) {
                        term *= v;
                        sum[p] += term;
                    }
                }
                for (int p = 0; p <= K; ++p) to[p] = sum[p];
            }
        }
    }

    static void finish_input(const Layer<real>& layer, int64_t i, const Places<K>& places, const vec* moments,
                             const Gradients<real>& out) {
        Scratch scratch(Scratch::room<real>((layer.splines + 1) * lanes));
        real* sums = scratch.take<real>((layer.splines + 1) * lanes);
        std::memset(sums, 0, static_cast<size_t>((layer.splines + 1) * lanes) * sizeof(real));
        for (int64_t j = 0; j < layer.outputs; ++j) {
            for (int e = 0; e < places.count; ++e) {
                real moment[K + 1];
                for (int p = 0; p <= K; ++p) moment[p] = sum(moments[(e * layer.outputs + j) * (K + 2) + p]);
                for (int a = 0; a <= K; ++a) {
                    const int64_t m = int64_t{places.first_spline(e)} + a;
                    if (m < 0 || m >= layer.splines) continue;
                    for (int p = 0; p <= K; ++p)
                        if (places.weight[e][p][a] != real(0)) sums[m * lanes + j] += moment[p] * places.weight[e][p][a];
                }
            }
            sums[layer.splines * lanes + j] = sum(moments[j * (K + 2) + K + 1]);
        }
        Plan plan{};
        plan.outputs = layer.outputs, plan.vectors = 1, plan.tiles = 1;
        uint8_t some = 1;
        const Living life{&some, &some, 0};
        finish<1>(layer, out, Tile<1>(layer, plan, layer.mask ? life : Living{}, i, 0), i, 0, sums, layer.base_kind != Base::none);
    }
};

inline bool dense_can(const Layer<real>& layer, bool scaled) {
    return !scaled && layer.outputs <= 8 && dense_places_of(layer) <= dense_places;
}

// A place costs something for every output before the first sample, and backward a pass of its own.
inline bool dense_pays(const Layer<real>& layer, int64_t batch, bool backward) {
    const int64_t size = dense_places_of(layer) * layer.outputs;
    return batch >= 4 * size && (!backward || size <= 40);
}

#endif

}  // namespace
}  // namespace splinework
