// How a call is cut up: chunks of rows that bound the scratch memory, blocks of rows that stay in the cache, tiles of outputs.
//
// All of it follows from the sizes of the problem alone, never from the number of threads, so results do not depend on them.
#pragma once

#include "arena.hpp"
#include "layer.hpp"
#include "simd.hpp"
#include "variants.hpp"
#include "workers.hpp"

namespace splinework {
namespace {

constexpr int64_t input_group = 64 / static_cast<int64_t>(sizeof(real));  // inputs of one cache line are read together
constexpr int64_t scratch_budget = int64_t{24} << 20;                      // bytes of records per chunk, if blocks allow
constexpr int64_t serial_below = 60000;                                    // edge evaluations not worth a second thread
constexpr int most_rows = 11;                                              // k + 1 splines for k = 9, and the base function

inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t larger(int64_t a, int64_t b) { return a < b ? b : a; }
inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t round_up(int64_t a, int64_t to) { return ceil_div(a, to) * to; }

// Vectors of outputs whose accumulators fit the registers beside `rows` rows of coefficients.
constexpr int widest_tile(int rows) {
    const int fit = (registers - 3) / (rows + 1);
    return fit < 1 ? 1 : fit > 4 ? 4 : fit;
}

struct Plan {
    Algorithm algorithm;
    int64_t batch, inputs, outputs;
    int rows;             // active rows of the table at a point
    int stride;           // numbers in a record
    int orders;           // records per point: 1, or 2 for a backward pass that wants both gradients
    int64_t block;        // rows of the batch in a block, a multiple of 16
    int64_t chunk;        // blocks in a chunk
    int64_t groups;       // groups of inputs
    int vectors;          // vectors in a tile of outputs
    int64_t tiles;        // tiles of outputs
    int threads;
    int64_t width() const { return int64_t{vectors} * lanes; }
    int64_t blocks() const { return ceil_div(batch, block); }
    int64_t rows_in(int64_t q) const { return smaller(block, batch - q * block); }
};

inline int lanes_for(int rows) { return rows <= 4 ? 4 : rows <= 8 ? 8 : 16; }

// Thresholds: benchmarks/bench_algorithms.py, docs/performance.md.
inline Algorithm best_algorithm(int64_t batch, int64_t outputs, int64_t cells) {
    if (batch < 8 || batch * 6 < cells) return Algorithm::gather;
    return outputs <= 2 ? Algorithm::narrow : Algorithm::sorted;
}

inline int useful_threads(const Layer<real>& layer, int64_t batch, int threads) {
    return batch * layer.inputs * layer.outputs < serial_below ? 1 : threads;
}

inline Plan make_plan(const Layer<real>& layer, int64_t batch, int orders, int threads, Algorithm algorithm) {
    Plan p{};
    p.batch = batch, p.inputs = layer.inputs, p.outputs = layer.outputs;
    p.rows = layer.rows(), p.orders = orders;
    p.algorithm = algorithm == Algorithm::best ? best_algorithm(batch, layer.outputs, layer.cells())
                  : algorithm == Algorithm::dense ? Algorithm::narrow
                                                  : algorithm;
    const bool narrow = p.algorithm == Algorithm::narrow, sorted = p.algorithm == Algorithm::sorted;
    if (sorted) p.rows = layer.degree + 2;  // a base function of zeros where there is none: one kernel for both
    p.stride = narrow ? lanes_for(p.rows) : p.rows;
    const int64_t grid = layer.splines - layer.degree;
    int64_t block = 256;
    if (sorted) block = smaller(smaller(larger(40 * grid, 512), 2048), larger(64, batch / 2));
    // Sorted points do not depend on the orders: a forward pass keeps them for its backward pass.
    const int64_t numbers = sorted ? p.rows + 4 : int64_t{p.stride} * orders;
    const int64_t per_row = layer.inputs * (numbers * static_cast<int64_t>(sizeof(real)) + 4);
    block = smaller(block, larger(64, scratch_budget / larger(per_row, 1)));
    p.block = round_up(larger(smaller(block, batch), 1), 16);
    p.chunk = larger(1, scratch_budget / larger(1, per_row * p.block));
    p.groups = ceil_div(layer.inputs, input_group);
    const int64_t vectors = ceil_div(layer.outputs, lanes);
    const int64_t most = sorted ? widest_tile(p.rows) : 4;
    p.tiles = larger(1, ceil_div(vectors, most));
    p.vectors = static_cast<int>(larger(1, ceil_div(vectors, p.tiles)));
    if (p.vectors == 3 && most >= 4) p.vectors = 4;  // instantiated: 1, 2 and the widest
    p.threads = useful_threads(layer, batch, threads);
    return p;
}

}  // namespace
}  // namespace splinework
