// Sums of an expansion over rows: compiled once per instruction set, see CMakeLists.txt.
#include "expansion_sums.hpp"
#include "records.hpp"

namespace splinework {
namespace {

constexpr int64_t rows_at_once = 64;

template <class F>
void with_degree(int k, F&& f) {
    switch (k) {
#define CASE(n) \
    case n: f.template operator()<n>(); break;
        CASE(0) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9)
#undef CASE
    }
}

// What some rows give of one layer: for each row and input the first spline that is not zero, the values of these and of the base
// function, and for each row the sensitivities (O, J) of the outputs to the layer's sums.
struct LayerRows {
    int width;                   // splines at a point
    int64_t inputs, outputs;
    bool has_base;
    std::vector<int32_t> place;  // (rows, I): the function that the first value belongs to
    std::vector<double> value;   // (rows, I, most_rows + padding)
    std::vector<double> base;    // (rows, I)
    std::vector<double> slope;   // (rows, I, J): slopes of the edges
    std::vector<double> reach;   // (rows, O, J)
};

constexpr int64_t value_stride = 16;

class RowsOfExpansion {
  public:
    explicit RowsOfExpansion(const Expansion& e) : e_(e), axes_(e.layers.size()), layers_(e.layers.size()) {
        for (size_t l = 0; l < e.layers.size(); ++l) {
            const Layer<real>& layer = e.layers[l].layer;
            for (int64_t i = 0; i < layer.inputs; ++i) axes_[l].push_back(make_axis(layer, i, nullptr, 0));
            LayerRows& r = layers_[l];
            r.width = layer.degree + 1, r.inputs = layer.inputs, r.outputs = layer.outputs;
            r.has_base = layer.base_kind != Base::none;
            r.place.resize(rows_at_once * layer.inputs);
            r.value.resize(rows_at_once * layer.inputs * value_stride);
            r.base.assign(rows_at_once * layer.inputs, 0.0);
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
        for (int64_t i = 0; i < layer.inputs; ++i) {
            for (int64_t b = 0; b < n; ++b) u.x[b] = own.x(first + b, i);
            find_cells(axes_[l][i], u, n);
            if (r.has_base) {
                base_column(layer, u, n, 0, u.value);
                if (l) base_column(layer, u, n, 1, u.slope);
            }
            const Splines<K> splines(axes_[l][i], layer, i == layer.inputs - 1);
            for (int64_t b = 0; b < n; ++b) {
                const int64_t at = b * layer.inputs + i;
                // Beyond the domain, where knots are repeated or tails are zero, some of the k + 1 do not exist.
                const int start = u.cell[b] - K;
                const auto w = with_tail<K, 0>(splines, layer.extrapolation, u, b, 0);
                real* value = r.value.data() + at * value_stride;
                std::memset(value, 0, value_stride * sizeof(real));
                int place = start;
                if (start < 0 || start + K >= layer.splines) {
                    place = start < 0 ? 0 : static_cast<int>(layer.splines) - K - 1;
                    for (int m = 0; m <= K; ++m)
                        if (start + m >= 0 && start + m < layer.splines) value[start + m - place] = w[m];
                } else {
                    std::memcpy(value, &w, (K + 1) * sizeof(real));
                }
                r.place[at] = static_cast<int32_t>(i * own.functions() + place);
                if (r.has_base) r.base[at] = u.value[b];
                if (!l) continue;
                const auto d = with_tail<K, 1>(splines, layer.extrapolation, u, b, 1);
                real* to = r.slope.data() + at * J;
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

// The functions of a layer that are not zero at a row, one after the other.
struct Active {
    std::vector<int64_t> place;
    std::vector<double> value;
    void read(const LayerRows& r, int64_t b, int64_t functions) {
        place.clear(), value.clear();
        const int64_t own = (functions - 1) / r.inputs;
        for (int64_t i = 0; i < r.inputs; ++i) {
            const int64_t at = b * r.inputs + i;
            for (int m = 0; m < r.width; ++m) place.push_back(r.place[at] + m), value.push_back(r.value[at * value_stride + m]);
            if (r.has_base) place.push_back((i + 1) * own - 1), value.push_back(r.base[at]);
        }
        place.push_back(functions - 1), value.push_back(1.0);
    }
};

template <int V>
inline void add_pair(double* to, const double* w, double factor, int64_t vectors) {
    const int64_t count = V ? V : vectors;
#pragma GCC unroll 8
    for (int64_t v = 0; v < count; ++v) store(to + v * lanes, load(to + v * lanes) + factor * load(w + v * lanes));
}

template <int V>
void add_by_pairs(const PairOfLayers& pair, const Active& a, const Active& b, int64_t functions, const double* w, double* sums) {
    const int64_t vectors = pair.stride / lanes;
    const size_t count = a.place.size(), other = b.place.size();
    for (size_t p = 0; p < count; ++p) {
        double* row = sums + pair.start + a.place[p] * functions * pair.stride;
        for (size_t q = pair.same() ? p : 0; q < other; ++q)
            add_pair<V>(row + b.place[q] * pair.stride, w, a.value[p] * b.value[q], vectors);
    }
}

// Lanes are the splines of an input of the second layer.
template <int P>
void add_by_functions(const PairOfLayers& pair, const Active& a, const LayerRows& second, int64_t row, int64_t functions,
                      int64_t first_functions, const double* w, double* sums) {
    const int64_t own = (functions - 1) / second.inputs;
    const int64_t per_input = second.width + second.has_base;
    for (int64_t k = 0; k < pair.pairs; ++k) {
        double* block = sums + pair.start + k * first_functions * pair.stride;
        for (size_t p = 0; p < a.place.size(); ++p) {
            const double factor = a.value[p] * w[k];
            double* to = block + a.place[p] * pair.stride;
            for (int64_t i = pair.same() ? static_cast<int64_t>(p) / per_input : 0; i < second.inputs; ++i) {
                const int64_t at = row * second.inputs + i;
                typedef double splines_anywhere __attribute__((vector_size(P * sizeof(double)), aligned(8), may_alias));
                auto* here = reinterpret_cast<splines_anywhere*>(to + second.place[at]);
                *here += factor * *reinterpret_cast<const splines_anywhere*>(second.value.data() + at * value_stride);
                if (second.has_base) to[(i + 1) * own - 1] += factor * second.base[at];
            }
            to[functions - 1] += factor;
        }
    }
}

void add(const Expansion& e, int64_t first, int64_t last, double* sums) {
    const SumsLayout layout(e);
    RowsOfExpansion rows(e);
    std::vector<Active> active(e.layers.size());
    const int64_t O = e.outputs();
    std::vector<double> scaled, w(aligned(1) + 8);
    for (const PairOfLayers& pair : layout.pairs)
        if (static_cast<size_t>(aligned(pair.pairs)) > w.size()) w.resize(aligned(pair.pairs));
    for (int64_t start = first; start < last; start += rows_at_once) {
        const int64_t n = smaller(rows_at_once, last - start);
        rows.expand(start, n);
        for (int64_t b = 0; b < n; ++b) {
            for (size_t l = 0; l < active.size(); ++l) {
                active[l].read(rows[l], b, layout.functions[l]);
                const int64_t J = rows[l].outputs;
                double* to = sums + layout.vectors[l];
                for (int64_t j = 0; j < J; ++j) {
                    double pulled = 0;
                    for (int64_t o = 0; o < O; ++o) pulled += e.pull(start + b, o) * rows[l].reach[(b * O + o) * J + j];
                    w[0] = pulled;
                    for (size_t p = 0; p < active[l].place.size(); ++p) to[active[l].place[p] * J + j] += pulled * active[l].value[p];
                }
            }
            for (const PairOfLayers& pair : layout.pairs) {
                const LayerRows &one = rows[pair.first], &two = rows[pair.second];
                const int64_t J = one.outputs, K = two.outputs;
                for (int64_t k = 0; k < aligned(pair.pairs); ++k) w[k] = 0;
                for (int64_t o = 0; o < O; ++o) {
                    const double root = e.root(start + b, o), square = root * root;
                    const double *s = one.reach.data() + (b * O + o) * J, *t = two.reach.data() + (b * O + o) * K;
                    int64_t k = 0;
                    for (int64_t j = 0; j < J; ++j)
                        for (int64_t i = pair.same() ? j : 0; i < K; ++i) w[k++] += square * s[j] * t[i];
                }
                const int64_t functions = layout.functions[pair.second];
                if (pair.by_pairs) {
                    const auto run = [&]<int V>() { add_by_pairs<V>(pair, active[pair.first], active[pair.second], functions, w.data(), sums); };
                    switch (pair.stride / lanes) {
                        case 1: run.template operator()<1>(); break;
                        case 2: run.template operator()<2>(); break;
                        case 3: run.template operator()<3>(); break;
                        case 4: run.template operator()<4>(); break;
                        case 6: run.template operator()<6>(); break;
                        default: run.template operator()<0>();
                    }
                } else {
                    const auto run = [&]<int P>() {
                        add_by_functions<P>(pair, active[pair.first], two, b, functions, layout.functions[pair.first], w.data(), sums);
                    };
                    if (two.width <= 2) run.template operator()<2>();
                    else if (two.width <= 4) run.template operator()<4>();
                    else if (two.width <= 8) run.template operator()<8>();
                    else run.template operator()<16>();
                }
            }
        }
    }
}

}  // namespace

extern const ExpansionKernel SPLINEWORK_EXPANSION;
const ExpansionKernel SPLINEWORK_EXPANSION{add};

}  // namespace splinework
