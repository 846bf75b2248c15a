// J'J and J'r of an expansion: rows are summed in parts whose number follows from the sizes, and the parts in order.
#include "expansion.hpp"

#include <algorithm>

#include "arena.hpp"
#include "expansion_sums.hpp"
#include "workers.hpp"

namespace splinework {
namespace {

constexpr int64_t rows_of_part = 2048, most_parts = 16;
constexpr double most_numbers = 4e6;  // of the sums of all parts

// A function of a layer as a place among the parameters of its edges to sum j; -1 where there is none.
int64_t parameter(const ExpandedLayer& own, int64_t function, int64_t j) {
    const int64_t input = function / own.functions();
    if (input == own.layer.inputs) return own.biases ? own.biases[j] : -1;
    const int64_t edge = own.edges[input * own.layer.outputs + j];
    return edge < 0 ? -1 : edge + function % own.functions();
}

void add_block(const Expansion& e, const SumsLayout& layout, const PairOfLayers& pair, const double* sums, double* matrix,
               int64_t size) {
    const ExpandedLayer &one = e.layers[pair.first], &two = e.layers[pair.second];
    const int64_t P = layout.functions[pair.first], Q = layout.functions[pair.second];
    const int64_t J = one.layer.outputs, K = two.layer.outputs;
    const auto sum = [&](int64_t p, int64_t q, int64_t pair_of_sums) {
        return pair.by_pairs ? sums[pair.start + (p * Q + q) * pair.stride + pair_of_sums]
                             : sums[pair.start + (pair_of_sums * P + p) * pair.stride + q];
    };
    const auto add = [&](int64_t row, int64_t column, double value) {
        if (row < 0 || column < 0) return;
        matrix[row * size + column] += value;
        if (row != column) matrix[column * size + row] += value;
    };
    std::vector<int64_t> rows(P * J), columns(Q * K);
    for (int64_t p = 0; p < P; ++p)
        for (int64_t j = 0; j < J; ++j) rows[p * J + j] = parameter(one, p, j);
    for (int64_t q = 0; q < Q; ++q)
        for (int64_t i = 0; i < K; ++i) columns[q * K + i] = parameter(two, q, i);
    for (int64_t p = 0; p < P; ++p)
        for (int64_t q = pair.same() ? p : 0; q < Q; ++q) {
            int64_t k = 0;
            for (int64_t j = 0; j < J; ++j)
                for (int64_t i = pair.same() ? j : 0; i < K; ++i, ++k) {
                    const double value = sum(p, q, k);
                    add(rows[p * J + j], columns[q * K + i], value);
                    if (pair.same() && p != q && i != j) add(rows[p * J + i], columns[q * K + j], value);
                }
        }
}

}  // namespace

double work_of_squares(const Expansion& e) {
    double found = 0;
    const SumsLayout layout(e);
    if (double(layout.room) > most_numbers) return 1e300;
    const auto at_a_point = [](const ExpandedLayer& l) { return double(l.layer.inputs * l.layer.rows() + 1); };
    for (const PairOfLayers& pair : layout.pairs) {
        const ExpandedLayer &one = e.layers[pair.first], &two = e.layers[pair.second];
        const double half = pair.same() ? 0.5 : 1.0, vectors = double(pair.stride / sums_alignment);
        // Putting a row in order takes as long as about eight vectors; where cells have few rows, so does what each begins with.
        const double cells = double(one.layer.splines - one.layer.degree) * double(two.layer.splines - two.layer.degree);
        const double in_order = 8.0 + 16.0 * std::min(1.0, cells / 256.0);
        const double inputs = double((one.layer.inputs + 1) * (two.layer.inputs + 1));
        found += pair.by_pairs ? half * (inputs * in_order + at_a_point(one) * at_a_point(two) * vectors)
                               : double(one.layer.inputs + 1) * 8.0 + half * double(pair.pairs) * at_a_point(one) * vectors;
    }
    return found;
}

void add_squares(const Expansion& e, double* matrix, int64_t size, double* vector, int threads) {
    const SumsLayout layout(e);
    int64_t parts = std::clamp<int64_t>(e.rows / rows_of_part, 1, most_parts);
    parts = std::clamp<int64_t>(int64_t(most_numbers / double(layout.room)), 1, parts);
    const int64_t room = aligned(layout.room);
    Scratch scratch(Scratch::room<double>(parts * room));
    double* sums = scratch.take<double>(parts * room);
    std::fill_n(sums, parts * room, 0.0);
    for_each_item(parts, threads, [&](int64_t part) {
        expansion_kernel().add(e, e.rows * part / parts, e.rows * (part + 1) / parts, sums + part * room);
    });
    for (int64_t part = 1; part < parts; ++part)
        for (int64_t k = 0; k < layout.room; ++k) sums[k] += sums[part * room + k];
    for (size_t l = 0; l < e.layers.size(); ++l) {
        const int64_t J = e.layers[l].layer.outputs;
        for (int64_t p = 0; p < layout.functions[l]; ++p)
            for (int64_t j = 0; j < J; ++j) {
                const int64_t place = parameter(e.layers[l], p, j);
                if (place >= 0) vector[place] += sums[layout.vectors[l] + p * J + j];
            }
    }
    for (const PairOfLayers& pair : layout.pairs) add_block(e, layout, pair, sums, matrix, size);
}

}  // namespace splinework
