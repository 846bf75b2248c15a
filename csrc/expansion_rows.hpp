// What a block of rows gives of each layer of an expansion: values of the functions, slopes of the edges, sensitivities.
#pragma once
#include "expansion_sums.hpp"
#include "records.hpp"

namespace splinework {
namespace {

constexpr int64_t rows_at_once = 256;

// What some rows give of one layer: for each row and input the first spline that is not zero, the values of these and of the base
// function, and for each row the sensitivities (O, J) of the outputs to the layer's sums.
struct LayerRows {
    int width;                   // splines at a point
    int64_t inputs, outputs;
    int64_t stride;              // from row to row of `value`
    bool has_base;
    std::vector<int32_t> place;  // (I, rows): the function that the first value belongs to
    std::vector<double> value;   // (I, rows, stride): the splines, the base function, zeros
    std::vector<double> slope;   // (rows, I, J): slopes of the edges
    std::vector<double> reach;   // (rows, O, J)
};

constexpr int64_t most_stride = 16;

// Derivative r of the splines at a point, with their tail.
template <int K>
pack<Splines<K>::P> at_point(const Splines<K>& splines, Extrapolation tail, const Columns& u, int64_t b, int r) {
    if (u.beyond[b] == 0) return splines(u.cell[b], u.v[b], u.rate[b], r);
    return beyond_end(splines, tail, u.cell[b], u.v[b], u.rate[b], u.beyond[b], r);
}

class RowsOfExpansion {
  public:
    explicit RowsOfExpansion(const Expansion& e) : e_(e), axes_(e.layers.size()), layers_(e.layers.size()) {
        for (size_t l = 0; l < e.layers.size(); ++l) {
            const Layer<real>& layer = e.layers[l].layer;
            for (int64_t i = 0; i < layer.inputs; ++i) axes_[l].push_back(make_axis(layer, i, nullptr, 0));
            LayerRows& r = layers_[l];
            r.width = layer.degree + 1, r.inputs = layer.inputs, r.outputs = layer.outputs;
            r.has_base = layer.base_kind != Base::none;
            r.stride = layer.rows() <= 8 ? 8 : most_stride;
            r.place.resize(rows_at_once * layer.inputs);
            r.value.resize(rows_at_once * layer.inputs * r.stride);
            r.slope.resize(l ? rows_at_once * layer.inputs * layer.outputs : 0);
            r.reach.resize(rows_at_once * e.outputs() * layer.outputs);
        }
    }

    void expand(int64_t first, int64_t n) {
        for (size_t l = 0; l < layers_.size(); ++l)
            with_degree(e_.layers[l].layer.degree, [&]<int K>() { evaluate<K>(l, first, n); });
        pull_back(n);
    }

    const LayerRows& operator[](int l) const { return layers_[l]; }

  private:
    template <int K>
    void evaluate(size_t l, int64_t first, int64_t n) {
        const ExpandedLayer& own = e_.layers[l];
        const Layer<real>& layer = own.layer;
        LayerRows& r = layers_[l];
        Scratch scratch(Columns::room(rows_at_once));
        Columns u(scratch, rows_at_once);
        const int64_t J = layer.outputs;
        constexpr int orders[2] = {0, 1};
        for (int64_t i = 0; i < layer.inputs; ++i) {
            for (int64_t b = 0; b < n; ++b) u.x[b] = own.x(first + b, i);
            find_cells(axes_[l][i], u, n);
            if (r.has_base) base_values(layer, {}, u, first, n, i, orders, l ? 2 : 1);
            const Splines<K> splines(axes_[l][i], layer, i == layer.inputs - 1);
            for (int64_t b = 0; b < n; ++b) {
                const int64_t at = i * rows_at_once + b;
                // Beyond the domain, where knots are repeated or tails are zero, some of the k + 1 do not exist.
                const int start = u.cell[b] - K;
                const auto w = at_point(splines, layer.extrapolation, u, b, 0);
                real* value = r.value.data() + at * r.stride;
                std::memset(value, 0, static_cast<size_t>(r.stride) * sizeof(real));
                int place = start;
                if (start < 0 || start + K >= layer.splines) {
                    place = start < 0 ? 0 : static_cast<int>(layer.splines) - K - 1;
                    for (int m = 0; m <= K; ++m)
                        if (start + m >= 0 && start + m < layer.splines) value[start + m - place] = w[m];
                } else {
                    std::memcpy(value, &w, (K + 1) * sizeof(real));
                }
                r.place[at] = static_cast<int32_t>(i * own.functions() + place);
                if (r.has_base) value[K + 1] = u.value[b];
                if (!l) continue;
                const auto d = at_point(splines, layer.extrapolation, u, b, 1);
                real* to = r.slope.data() + (b * layer.inputs + i) * J;
                for (int64_t j = 0; j < J; ++j) to[j] = 0;
                for (int m = 0; m <= K; ++m) {
                    if (start + m < 0 || start + m >= layer.splines) continue;
                    const real* c = layer.c + i * layer.c_input + (start + m) * layer.c_spline;
                    for (int64_t j = 0; j < J; ++j) to[j] += d[m] * c[j];
                }
                if (layer.scale)
                    for (int64_t j = 0; j < J; ++j) to[j] *= layer.scale(i, j);
                if (r.has_base)
                    for (int64_t j = 0; j < J; ++j) to[j] += u.slope[b] * layer.base(i, j);
                if (own.edges)
                    for (int64_t j = 0; j < J; ++j)
                        if (own.edges[i * J + j] < 0) to[j] = 0;
            }
        }
    }

    void pull_back(int64_t n) {
        const int64_t O = e_.outputs();
        LayerRows& last = layers_.back();
        for (int64_t b = 0; b < n; ++b)
            for (int64_t o = 0; o < O; ++o)
                for (int64_t j = 0; j < O; ++j) last.reach[(b * O + o) * O + j] = o == j;
        for (size_t l = layers_.size() - 1; l > 0; --l) {
            const LayerRows& after = layers_[l];
            LayerRows& before = layers_[l - 1];
            const int64_t I = after.inputs, J = after.outputs;
            for (int64_t b = 0; b < n; ++b)
                for (int64_t o = 0; o < O; ++o) {
                    const double* from = after.reach.data() + (b * O + o) * J;
                    double* to = before.reach.data() + (b * O + o) * I;
                    for (int64_t i = 0; i < I; ++i) {
                        const double* slope = after.slope.data() + (b * I + i) * J;
                        double total = 0;
                        for (int64_t j = 0; j < J; ++j) total += slope[j] * from[j];
                        to[i] = total;
                    }
                }
        }
    }

    const Expansion& e_;
    std::vector<std::vector<Axis>> axes_;
    std::vector<LayerRows> layers_;
};

}  // namespace
}  // namespace splinework
