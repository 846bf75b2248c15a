// Sums of an expansion over rows: compiled once per instruction set, see CMakeLists.txt.
#include "expansion_rows.hpp"

namespace splinework {
namespace {

// The functions of an input that are not zero at some rows: splines one after the other, then the base function. The constant of a
// layer is what one more input would have.
struct Active {
    const double* value;      // of the first row
    int64_t step;             // from row to row
    const int32_t* place;     // of the first spline, or null for the constant
    int64_t base_place;
    int splines, count;
    const double* at(int64_t b) const { return value + b * step; }
    int64_t first(int64_t b) const { return place ? place[b] : base_place; }
    int64_t function(int64_t first, int n) const { return n < splines ? first + n : base_place; }
};

inline Active active(const LayerRows& r, int64_t i, int64_t functions) {
    static const double one[most_stride] = {1.0};
    if (i == r.inputs) return {one, 0, nullptr, functions - 1, 1, 1};
    const int64_t own = (functions - 1) / r.inputs, start = i * rows_at_once;
    return {r.value.data() + start * r.stride, r.stride, r.place.data() + start, (i + 1) * own - 1, r.width, r.width + r.has_base};
}

// Rows in order of the cell that an input lies in, those of a cell as they come in `from`.
void sort_by_cell(const Active& a, const int32_t* from, int64_t rows, std::vector<int32_t>& tally, int32_t* to) {
    if (!a.place) {
        std::memcpy(to, from, static_cast<size_t>(rows) * sizeof(int32_t));
        return;
    }
    int64_t low = a.first(0), high = low;
    for (int64_t b = 1; b < rows; ++b) low = smaller(low, a.first(b)), high = larger(high, a.first(b));
    tally.assign(high - low + 2, 0);
    for (int64_t b = 0; b < rows; ++b) ++tally[a.first(b) - low + 1];
    for (size_t c = 1; c < tally.size(); ++c) tally[c] += tally[c - 1];
    for (int64_t b = 0; b < rows; ++b) to[tally[a.first(from[b]) - low]++] = from[b];
}

// What rows of one cell of two inputs add. Their sums are kept in registers, two vectors of pairs for each of C functions.
template <int C>
void add_by_pairs(const PairOfLayers& pair, const Active& a, const Active& c, const int32_t* rows, int64_t n, int64_t functions,
                  const double* w, double* sums) {
    const int64_t first = a.first(rows[0]), second = c.first(rows[0]), vectors = pair.stride / lanes;
    for (int p = 0; p < a.count; ++p) {
        double* row = sums + pair.start + a.function(first, p) * functions * pair.stride;
        for (int64_t v = 0; v < vectors; v += 2) {
            const bool two = v + 1 < vectors;
            vec one[C]{}, other[C]{};
            for (int64_t r = 0; r < n; ++r) {
                const double *from = w + rows[r] * pair.stride + v * lanes, *values = c.at(rows[r]);
                const double factor = a.at(rows[r])[p];
                const vec x = load(from) * factor, y = two ? load(from + lanes) * factor : vec{};
                for (int q = 0; q < C; ++q) one[q] += x * values[q], other[q] += y * values[q];
            }
            for (int q = 0; q < C; ++q) {
                double* to = row + c.function(second, q) * pair.stride + v * lanes;
                store(to, load(to) + one[q]);
                if (two) store(to + lanes, load(to + lanes) + other[q]);
            }
        }
    }
}

// Calls f with a number of functions, 1 to 11, as a constant.
template <class F>
void with_count(int count, F&& f) {
    switch (count) {
#define CASE(n) \
    case n: f.template operator()<n>(); break;
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11)
#undef CASE
    }
}

// All that some rows add to the block of two layers. Rows of one cell of both inputs come together.
class PairSums {
  public:
    PairSums(const PairOfLayers& pair, const LayerRows& one, const LayerRows& two, int64_t before, int64_t functions, int64_t rows)
        : pair_(pair), one_(one), two_(two), before_(before), functions_(functions), rows_(rows), order_((two.inputs + 2) * rows) {
        int32_t* own = order_.data() + (two.inputs + 1) * rows;  // the last is for the rows in order of both
        for (int64_t b = 0; b < rows; ++b) own[b] = static_cast<int32_t>(b);
        for (int64_t k = 0; k <= two.inputs; ++k)
            sort_by_cell(active(two, k, functions), own, rows, tally_, order_.data() + k * rows);
    }

    void add(const double* w, double* sums) {
        int32_t* order = order_.data() + (two_.inputs + 1) * rows_;
        for (int64_t i = 0; i <= one_.inputs; ++i)
            for (int64_t k = pair_.same() ? i : 0; k <= two_.inputs; ++k) {
                const Active a = active(one_, i, before_), c = active(two_, k, functions_);
                sort_by_cell(a, order_.data() + k * rows_, rows_, tally_, order);
                for (int64_t start = 0, end = 0; start < rows_; start = end) {
                    const int64_t first = a.first(order[start]), second = c.first(order[start]);
                    while (end < rows_ && a.first(order[end]) == first && c.first(order[end]) == second) ++end;
                    with_count(c.count, [&]<int C>() {
                        add_by_pairs<C>(pair_, a, c, order + start, end - start, functions_, w, sums);
                    });
                }
            }
    }

  private:
    const PairOfLayers& pair_;
    const LayerRows &one_, &two_;
    int64_t before_, functions_, rows_;
    std::vector<int32_t> order_, tally_;
};

// Where there are few pairs of sums lanes are functions of the second layer, side by side as they are in the sums, zeros included.
// Rows come in order of the cell of one input of the first layer, whose functions' sums stay in registers.
class FunctionSums {
  public:
    FunctionSums(const PairOfLayers& pair, const LayerRows& one, const LayerRows& two, int64_t before, int64_t functions,
                 int64_t rows)
        : pair_(pair), one_(one), before_(before), rows_(rows), columns_(rows * pair.stride),
          order_((one.inputs + 1) * rows), values_(rows * most_stride) {
        for (int64_t k = 0; k <= two.inputs; ++k) {
            const Active c = active(two, k, functions);
            for (int64_t b = 0; b < rows; ++b)
                for (int n = 0; n < c.count; ++n) columns_[b * pair.stride + c.function(c.first(b), n)] = c.at(b)[n];
        }
        std::vector<int32_t> own(rows), tally;
        for (int64_t b = 0; b < rows; ++b) own[b] = static_cast<int32_t>(b);
        for (int64_t i = 0; i <= one.inputs; ++i)
            sort_by_cell(active(one, i, before), own.data(), rows, tally, order_.data() + i * rows);
    }

    void add(const double* w, double* sums) {
        for (int64_t k = 0; k < pair_.pairs; ++k)
            for (int64_t i = 0; i <= one_.inputs; ++i) {
                const Active a = active(one_, i, before_);
                double* block = sums + pair_.start + k * before_ * pair_.stride;
                with_count(a.count, [&]<int C>() { add_input<C>(a, order_.data() + i * rows_, w + k, block); });
            }
    }

  private:
    template <int C>
    void add_input(const Active& a, const int32_t* order, const double* w, double* block) {
        constexpr int free_registers = registers - registers / 4;  // the rest holds columns and values
        constexpr int V = C * 4 <= free_registers ? 4 : C * 2 <= free_registers ? 2 : 1;
        for (int64_t r = 0; r < rows_; ++r)
            for (int p = 0; p < C; ++p) values_[r * C + p] = w[order[r] * pair_.pairs] * a.at(order[r])[p];
        for (int64_t start = 0, end = 0; start < rows_; start = end) {
            const int64_t first = a.first(order[start]);
            while (end < rows_ && a.first(order[end]) == first) ++end;
            const int64_t low = pair_.same() ? first / (V * lanes) * (V * lanes) : 0;  // the other half is its mirror image
            for (int64_t column = low; column < pair_.stride; column += V * lanes) {
                vec found[C][V]{};
                for (int64_t r = start; r < end; ++r) {
                    const double* from = columns_.data() + order[r] * pair_.stride + column;
                    for (int v = 0; v < V; ++v) {
                        const vec x = load(from + v * lanes);
                        for (int p = 0; p < C; ++p) found[p][v] += values_[r * C + p] * x;
                    }
                }
                for (int p = 0; p < C; ++p) {
                    double* to = block + a.function(first, p) * pair_.stride + column;
                    for (int v = 0; v < V; ++v) store(to + v * lanes, load(to + v * lanes) + found[p][v]);
                }
            }
        }
    }

    const PairOfLayers& pair_;
    const LayerRows& one_;
    int64_t before_, rows_;
    std::vector<double> columns_;  // (rows, stride): the values of the functions of the second layer
    std::vector<int32_t> order_;   // (I + 1, rows)
    std::vector<double> values_;   // (rows, C), in order
};

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
                const Active a = active(r, i, functions);
                const double* values = a.at(b);
                for (int p = 0; p < a.count; ++p) to[a.function(a.first(b), p) * J + j] += pulled * values[p];
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
            if (pair.by_pairs) PairSums(pair, one, two, before, functions, n).add(w, sums);
            else FunctionSums(pair, one, two, before, functions, n).add(w, sums);
        }
    }
}

}  // namespace

extern const ExpansionKernel SPLINEWORK_EXPANSION;
const ExpansionKernel SPLINEWORK_EXPANSION{add};

}  // namespace splinework
