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
    std::vector<double> value;   // (rows, I, value_stride): the splines, the base function, zeros
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
                if (r.has_base) value[K + 1] = u.value[b];
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

// The functions of an input that are not zero at a row: splines one after the other, then the base function. The constant of a layer
// is what its last input has and one more would have.
struct Active {
    const double* value;
    int64_t place, base_place;
    int splines, count;
    int64_t at(int n) const { return n < splines ? place + n : base_place; }
};

inline Active active(const LayerRows& r, int64_t b, int64_t i, int64_t functions) {
    static const double one = 1.0;
    if (i == r.inputs) return {&one, functions - 1, 0, 1, 1};
    const int64_t at = b * r.inputs + i, own = (functions - 1) / r.inputs;
    return {r.value.data() + at * value_stride, r.place[at], (i + 1) * own - 1, r.width, r.width + r.has_base};
}

typedef double vec_here __attribute__((vector_size(vector_bytes), may_alias));

// Rows come innermost, so that what is added to stays in the nearest cache.
template <int V>
void add_by_pairs(const PairOfLayers& pair, const LayerRows& one, const LayerRows& two, int64_t rows, int64_t first_functions,
                  int64_t functions, const double* w, double* sums) {
    const int64_t vectors = V ? V : pair.stride / lanes;
    for (int64_t i = 0; i <= one.inputs; ++i)
        for (int64_t k = pair.same() ? i : 0; k <= two.inputs; ++k)
            for (int64_t b = 0; b < rows; ++b) {
                const Active a = active(one, b, i, first_functions), c = active(two, b, k, functions);
                const auto* from = reinterpret_cast<const vec_here*>(w + b * pair.stride);
                for (int p = 0; p < a.count; ++p) {
                    double* row = sums + pair.start + a.at(p) * functions * pair.stride;
                    for (int q = pair.same() && i == k ? p : 0; q < c.count; ++q) {
                        auto* to = reinterpret_cast<vec_here*>(row + c.at(q) * pair.stride);
                        const double factor = a.value[p] * c.value[q];
#pragma GCC unroll 8
                        for (int64_t v = 0; v < vectors; ++v) to[v] += factor * from[v];
                    }
                }
            }
}

// Lanes are the splines of an input of the second layer.
template <int P>
void add_by_functions(const PairOfLayers& pair, const LayerRows& one, const LayerRows& two, int64_t rows, int64_t first_functions,
                      int64_t functions, const double* w, double* sums) {
    for (int64_t n = 0; n < pair.pairs; ++n) {
        double* block = sums + pair.start + n * first_functions * pair.stride;
        for (int64_t i = 0; i <= one.inputs; ++i)
            for (int64_t k = pair.same() ? i : 0; k <= two.inputs; ++k)
                for (int64_t b = 0; b < rows; ++b) {
                    const Active a = active(one, b, i, first_functions), c = active(two, b, k, functions);
                    const double factor = w[b * pair.pairs_apart() + n];
                    if (k == two.inputs) {
                        for (int p = 0; p < a.count; ++p) block[a.at(p) * pair.stride + c.place] += factor * a.value[p];
                        continue;
                    }
                    pack<P> splines;
                    std::memcpy(&splines, c.value, sizeof(splines));
                    if (c.splines < P && c.count > c.splines) splines[c.splines] = 0;  // the base function has its own place
                    splines *= factor;
                    const double base = c.count > c.splines ? factor * c.value[c.splines] : 0.0;
                    for (int p = 0; p < a.count; ++p) {
                        double* to = block + a.at(p) * pair.stride;
                        pack<P> here;
                        std::memcpy(&here, to + c.place, sizeof(here));
                        here += a.value[p] * splines;
                        std::memcpy(to + c.place, &here, sizeof(here));
                        if (two.has_base) to[c.base_place] += a.value[p] * base;
                    }
                }
    }
}

// For each row the products of the sensitivities of two layers' sums, added up over the outputs.
void weigh(const Expansion& e, const PairOfLayers& pair, const LayerRows& one, const LayerRows& two, int64_t start, int64_t rows,
           double* w) {
    const int64_t J = one.outputs, K = two.outputs, O = e.outputs(), apart = pair.pairs_apart();
    for (int64_t b = 0; b < rows; ++b) {
        double* to = w + b * apart;
        for (int64_t n = 0; n < apart; ++n) to[n] = 0;
        for (int64_t o = 0; o < O; ++o) {
            const double root = e.root(start + b, o), square = root * root;
            const double *s = one.reach.data() + (b * O + o) * J, *t = two.reach.data() + (b * O + o) * K;
            int64_t n = 0;
            for (int64_t j = 0; j < J; ++j) {
                const double factor = square * s[j];
                for (int64_t k = pair.same() ? j : 0; k < K; ++k) to[n++] += factor * t[k];
            }
        }
    }
}

void add_pulled(const Expansion& e, const LayerRows& r, int64_t start, int64_t rows, int64_t functions, double* to) {
    const int64_t J = r.outputs, O = e.outputs();
    for (int64_t b = 0; b < rows; ++b)
        for (int64_t j = 0; j < J; ++j) {
            double pulled = 0;
            for (int64_t o = 0; o < O; ++o) pulled += e.pull(start + b, o) * r.reach[(b * O + o) * J + j];
            for (int64_t i = 0; i <= r.inputs; ++i) {
                const Active a = active(r, b, i, functions);
                for (int p = 0; p < a.count; ++p) to[a.at(p) * J + j] += pulled * a.value[p];
            }
        }
}

void add(const Expansion& e, int64_t first, int64_t last, double* sums) {
    const SumsLayout layout(e);
    RowsOfExpansion rows(e);
    int64_t apart = 0;
    for (const PairOfLayers& pair : layout.pairs) apart = larger(apart, pair.pairs_apart());
    Scratch scratch(Scratch::room<double>(apart * rows_at_once));
    double* w = scratch.take<double>(apart * rows_at_once);
    for (int64_t start = first; start < last; start += rows_at_once) {
        const int64_t n = smaller(rows_at_once, last - start);
        rows.expand(start, n);
        for (size_t l = 0; l < e.layers.size(); ++l)
            add_pulled(e, rows[static_cast<int>(l)], start, n, layout.functions[l], sums + layout.vectors[l]);
        for (const PairOfLayers& pair : layout.pairs) {
            const LayerRows &one = rows[pair.first], &two = rows[pair.second];
            const int64_t before = layout.functions[pair.first], functions = layout.functions[pair.second];
            weigh(e, pair, one, two, start, n, w);
            const auto by_pairs = [&]<int V>() { add_by_pairs<V>(pair, one, two, n, before, functions, w, sums); };
            const auto by_functions = [&]<int P>() { add_by_functions<P>(pair, one, two, n, before, functions, w, sums); };
            if (pair.by_pairs) switch (pair.stride / lanes) {
                    case 1: by_pairs.template operator()<1>(); break;
                    case 2: by_pairs.template operator()<2>(); break;
                    case 3: by_pairs.template operator()<3>(); break;
                    case 4: by_pairs.template operator()<4>(); break;
                    case 6: by_pairs.template operator()<6>(); break;
                    default: by_pairs.template operator()<0>();
                }
            else if (two.width <= 2) by_functions.template operator()<2>();
            else if (two.width <= 4) by_functions.template operator()<4>();
            else if (two.width <= 8) by_functions.template operator()<8>();
            else by_functions.template operator()<16>();
        }
    }
}

}  // namespace

extern const ExpansionKernel SPLINEWORK_EXPANSION;
const ExpansionKernel SPLINEWORK_EXPANSION{add};

}  // namespace splinework
