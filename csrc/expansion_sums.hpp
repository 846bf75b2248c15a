// Where the kernel keeps the sums of an expansion: for each pair of layers the block of J'J with the pairs of their sums innermost.
//
// A function of a layer is a spline or the base function of an input, in order of the inputs, or the constant behind them all. For
// functions p, p' and sums j, j' the number is at [(p · functions' + p') · pairs + j · J' + j'], `pairs` being J · J' rounded up to
// whole vectors; within one layer p <= p', and only j <= j' are kept: the pairs are symmetric. Where there is one pair of sums or
// two, the pairs are outermost instead, and p' innermost.
#pragma once

#include <vector>

#include "expansion.hpp"

namespace splinework {

constexpr int64_t sums_alignment = 8;     // numbers in a vector, at most
constexpr int64_t few_pairs = 3;          // up to here functions, not pairs, are the lanes of a vector
constexpr int64_t row_alignment = 32;     // of a row of functions: four vectors

inline int64_t aligned(int64_t n, int64_t to = sums_alignment) { return (n + to - 1) / to * to; }

struct PairOfLayers {
    int first, second;    // first <= second
    int64_t pairs;        // of sums
    int64_t stride;       // pairs innermost: those of one pair of functions; outermost: a row of functions
    int64_t start, room;  // where in the sums, and how many numbers
    bool by_pairs;
    bool same() const { return first == second; }
    int64_t pairs_apart() const { return by_pairs ? stride : pairs; }  // of the weights of one row
};

struct SumsLayout {
    std::vector<int64_t> functions;  // of each layer, the constant included
    std::vector<PairOfLayers> pairs;
    std::vector<int64_t> vectors;    // where J'p of each layer starts: (functions, J)
    int64_t room = 0;

    explicit SumsLayout(const Expansion& e) {
        const int count = static_cast<int>(e.layers.size());
        for (const ExpandedLayer& l : e.layers) functions.push_back(l.layer.inputs * l.functions() + 1);
        for (int a = 0; a < count; ++a) {
            vectors.push_back(room);
            room += aligned(functions[a] * e.layers[a].layer.outputs);
            for (int b = a; b < count; ++b) {
                const int64_t j = e.layers[a].layer.outputs, k = e.layers[b].layer.outputs;
                PairOfLayers pair{a, b, a == b ? j * (j + 1) / 2 : j * k, 0, 0, 0, true};
                pair.by_pairs = pair.pairs > few_pairs;
                pair.stride = pair.by_pairs ? aligned(pair.pairs) : aligned(functions[b], row_alignment);
                pair.room = pair.by_pairs ? functions[a] * functions[b] * pair.stride : pair.pairs * functions[a] * pair.stride;
                pairs.push_back(pair);
            }
        }
        for (PairOfLayers& pair : pairs) pair.start = room, room += pair.room;
    }
};

}  // namespace splinework
