// The kernels for large batches. The samples of a cell form a run; its rows of coefficients stay in registers meanwhile.
#pragma once

#include "tile.hpp"

namespace splinework {
namespace {

// Asks for the rows that a run further on brings in. In a wide table the next row is a page away, where no hardware looks.
template <int NV>
struct Ahead {
    const Block& block;
    const Tile<NV>& tile;
    int degree;
    int32_t distance;  // runs: about as many as hold 16 samples
    Ahead(const Block& block, const Tile<NV>& tile, int degree)
        : block(block), tile(tile), degree(degree),
          distance(1 + static_cast<int32_t>(16 * int64_t{block.count} / (block.runs[block.count].start + 1))) {}
    void operator()(int32_t r) const {
        if (r + distance >= block.count) return;
        const int64_t before = block.runs[r + distance - 1].first + degree + 1, first = block.runs[r + distance].first;
        for (int64_t m = larger(before, first); m <= first + degree; ++m)
            for (int n = 0; n < NV && m >= 0 && m < tile.splines; ++n) __builtin_prefetch(tile.c + m * tile.row + n * lanes);
    }
};

// The rows that the records of a run multiply: k + 1 splines and the base function. From one cell to the next they move on by
// one, so only one row is new.
template <int R, int NV>
struct Window {
    const Tile<NV>& tile;
    int32_t at;  // the first spline's number
    vec rows[R][NV];

    explicit Window(const Tile<NV>& tile) : tile(tile), at(INT32_MIN), rows{} {
        for (int n = 0; n < NV; ++n) rows[R - 1][n] = tile.base[n];
    }

    void move_to(int32_t first) {
        if (int64_t{first} - at == 1) {
#pragma GCC unroll 11
            for (int a = 0; a + 2 < R; ++a)
#pragma GCC unroll 4
                for (int n = 0; n < NV; ++n) rows[a][n] = rows[a + 1][n];
            tile.scaled_row(int64_t{first} + R - 2, rows[R - 2]);
        } else {
            for (int a = 0; a + 1 < R; ++a) tile.scaled_row(int64_t{first} + a, rows[a]);
        }
        at = first;
    }
};

// y[order[p]] += record_p · rows, for the samples of one run after the other.
template <int R, int NV>
void contract_runs(const Block& block, const Tile<NV>& tile, real* y) {
    const real* records = block.records[0];
    const Ahead<NV> ahead(block, tile, R - 2);
    Window<R, NV> window(tile);
    for (int32_t r = 0; r < block.count; ++r) {
        ahead(r);
        window.move_to(block.runs[r].first);
        const int32_t stop = block.runs[r + 1].start;
        for (int32_t p = block.runs[r].start; p < stop; ++p) {
            real* sums = y + int64_t{block.order[p]} * (NV * lanes);
            const real* w = records + int64_t{p} * R;
            vec sum[NV];
#pragma GCC unroll 4
            for (int n = 0; n < NV; ++n) sum[n] = load(sums + n * lanes);
#pragma GCC unroll 11
            for (int a = 0; a < R; ++a) {
                const vec weight = all(w[a]);
#pragma GCC unroll 4
                for (int n = 0; n < NV; ++n) sum[n] += weight * window.rows[a][n];
            }
#pragma GCC unroll 4
            for (int n = 0; n < NV; ++n) store(sums + n * lanes, sum[n]);
        }
    }
}

// p[order[p]] += Σ over the tile of g · (record_p · rows).
template <int R, int NV>
void probe_runs(const Block& block, const Tile<NV>& tile, const real* g, real* out) {
    const real* records = block.records[0];
    const Ahead<NV> ahead(block, tile, R - 2);
    Window<R, NV> window(tile);
    for (int32_t r = 0; r < block.count; ++r) {
        ahead(r);
        window.move_to(block.runs[r].first);
        const int32_t stop = block.runs[r + 1].start;
        for (int32_t p = block.runs[r].start; p < stop; ++p) {
            const int64_t b = block.order[p];
            const real* pull = g + b * (NV * lanes);
            const real* w = records + int64_t{p} * R;
            vec value[NV];
#pragma GCC unroll 4
            for (int n = 0; n < NV; ++n) value[n] = all(w[0]) * window.rows[0][n];
#pragma GCC unroll 11
            for (int a = 1; a < R; ++a) {
                const vec weight = all(w[a]);
#pragma GCC unroll 4
                for (int n = 0; n < NV; ++n) value[n] += weight * window.rows[a][n];
            }
            vec drawn = value[0] * load(pull);
#pragma GCC unroll 4
            for (int n = 1; n < NV; ++n) drawn += value[n] * load(pull + n * lanes);
            out[b] += sum(drawn);
        }
    }
}

// sums[first + a] += Σ over the run of record_p[a] g[order[p]]. A row is added to its sum when the runs have gone past it.
template <int R, int NV>
void scatter_runs(const Block& block, int64_t splines, const real* g, real* sums, int which) {
    const real* records = block.records[which];
    vec rows[R][NV] = {};
    const auto add = [&](int64_t m, const vec* row) {
        if (static_cast<uint64_t>(m) > static_cast<uint64_t>(splines)) return;  // at M is the base function's sum
        real* to = sums + m * (NV * lanes);
#pragma GCC unroll 4
        for (int n = 0; n < NV; ++n) store(to + n * lanes, load(to + n * lanes) + row[n]);
    };
    for (int32_t r = 0; r < block.count; ++r) {
        const int32_t stop = block.runs[r + 1].start;
        for (int32_t p = block.runs[r].start; p < stop; ++p) {
            const real* pull = g + int64_t{block.order[p]} * (NV * lanes);
            const real* w = records + int64_t{p} * R;
            vec here[NV];
#pragma GCC unroll 4
            for (int n = 0; n < NV; ++n) here[n] = load(pull + n * lanes);
#pragma GCC unroll 11
            for (int a = 0; a < R; ++a) {
                const vec weight = all(w[a]);
#pragma GCC unroll 4
                for (int n = 0; n < NV; ++n) rows[a][n] += weight * here[n];
            }
        }
        const int64_t first = block.runs[r].first;
        const bool next = r + 1 < block.count && block.runs[r + 1].first == first + 1;
        if (next) {
            if (first < splines) add(first, rows[0]);
#pragma GCC unroll 11
            for (int a = 0; a + 2 < R; ++a)
#pragma GCC unroll 4
                for (int n = 0; n < NV; ++n) rows[a][n] = rows[a + 1][n];
        } else {
            for (int a = 0; a + 1 < R; ++a)
                if (first + a < splines) add(first + a, rows[a]);
            for (int a = 0; a + 2 < R; ++a)
                for (int n = 0; n < NV; ++n) rows[a][n] = vec{};
        }
        for (int n = 0; n < NV; ++n) rows[R - 2][n] = vec{};
    }
    add(splines, rows[R - 1]);
}

template <int R, int NV>
struct Sorted {
    static void forward(const Layer<real>& layer, const Plan& plan, const Living& life, const Chunk& chunk, int64_t first,
                        int64_t last, const Sums<real>& out) {
        for_each_item((last - first) * plan.tiles, plan.threads, [&](int64_t item) {
            const int64_t q = first + item / plan.tiles, o = item % plan.tiles, low = o * plan.width();
            const int64_t n = plan.rows_in(q), width = plan.width(), there = smaller(width, plan.outputs - low);
            Scratch scratch(Scratch::room<real>(n * width));
            real* y = scratch.take<real>(n * width);
            for (int64_t j = 0; j < width; ++j) y[j] = out.bias && j < there ? out.bias[low + j] : real(0);
            for (int64_t b = 1; b < n; ++b) std::memcpy(y + b * width, y, static_cast<size_t>(width) * sizeof(real));
            for (int64_t i = 0; i < plan.inputs; ++i) {
                if (life.at(i, o) == 0) continue;
                contract_runs<R, NV>(chunk.block(q, i), Tile<NV>(layer, plan, life, i, o), y);
            }
            for (int64_t b = 0; b < n; ++b)
                std::memcpy(&out.y(q * plan.block + b, low), y + b * width, static_cast<size_t>(there) * sizeof(real));
        });
    }

    // g packed by tile and block: rows of whole vectors, zeros beyond the last output.
    static void pack_cotangent(const Plan& plan, const Matrix<const real>& g, int64_t first, int64_t last, real* packed) {
        const int64_t width = plan.width();
        for_each_item((last - first) * plan.tiles, plan.threads, [&](int64_t item) {
            const int64_t o = item / (last - first), q = first + item % (last - first), low = o * width;
            const int64_t there = smaller(width, plan.outputs - low);
            real* to = packed + item * plan.block * width;
            for (int64_t b = 0; b < plan.rows_in(q); ++b, to += width) {
                std::memcpy(to, &g(q * plan.block + b, low), static_cast<size_t>(there) * sizeof(real));
                for (int64_t j = there; j < width; ++j) to[j] = 0;
            }
        });
    }

    static void probe(const Layer<real>& layer, const Plan& plan, const Living& life, const Chunk& chunk, int64_t first,
                      int64_t last, const real* packed, const Gradients<real>& out) {
        for_each_item((last - first) * plan.groups, plan.threads, [&](int64_t item) {
            const int64_t q = first + item / plan.groups, low = item % plan.groups * input_group;
            const int64_t high = smaller(plan.inputs, low + input_group), n = plan.rows_in(q);
            Scratch scratch(Scratch::room<real>(input_group * plan.block));
            real* p = scratch.take<real>(input_group * plan.block);
            std::memset(p, 0, static_cast<size_t>(input_group * plan.block) * sizeof(real));
            for (int64_t o = 0; o < plan.tiles; ++o) {
                const real* g = packed + (o * (last - first) + q - first) * plan.block * plan.width();
                for (int64_t i = low; i < high; ++i) {
                    if (life.at(i, o) == 0) continue;
                    probe_runs<R, NV>(chunk.block(q, i), Tile<NV>(layer, plan, life, i, o), g, p + (i - low) * plan.block);
                }
            }
            for (int64_t b = 0; b < n; ++b)
                for (int64_t i = low; i < high; ++i) out.probe(q * plan.block + b, i) = p[(i - low) * plan.block + b];
        });
    }

    // Inputs whose sums stay in the cache beside a tile of g.
    static int64_t inputs_together(const Layer<real>& layer, const Plan& plan) {
        const int64_t bytes = (layer.splines + 1) * plan.width() * static_cast<int64_t>(sizeof(real));
        return larger(1, smaller(input_group, (int64_t{256} << 10) / bytes));
    }

    // The sums of one input and tile wait in the results from one chunk to the next; `spare` (I, tiles, M + 1, width) takes
    // them where not all results are wanted.
    static void scatter(const Layer<real>& layer, const Plan& plan, const Living& life, const Chunk& chunk, int64_t first,
                        int64_t last, const real* packed, const Gradients<real>& out, real* spare, int which) {
        const bool has_base = layer.base_kind != Base::none, done = last >= plan.blocks();
        const int64_t together = inputs_together(layer, plan), groups = ceil_div(plan.inputs, together);
        const int64_t width = plan.width(), size = (layer.splines + 1) * width;
        for_each_item(groups * plan.tiles, plan.threads, [&](int64_t item) {
            const int64_t o = item / groups, low = item % groups * together, high = smaller(plan.inputs, low + together);
            const auto bytes = static_cast<size_t>(smaller(width, plan.outputs - o * width)) * sizeof(real);
            Scratch scratch(Scratch::room<real>(spare ? 0 : together * size));
            real* own = spare ? nullptr : scratch.take<real>(together * size);
            const auto at = [&](int64_t i) { return spare ? spare + (i * plan.tiles + o) * size : own + (i - low) * size; };
            const auto waiting = [&](int64_t i, int64_t m) {
                return m < layer.splines ? out.c + i * out.c_input + m * out.c_spline + o * width : &out.base(i, o * width);
            };
            const int64_t rows = layer.splines + has_base;
            for (int64_t i = low; i < high; ++i) {
                if (first == 0 || !spare) std::memset(at(i), 0, static_cast<size_t>(size) * sizeof(real));
                for (int64_t m = 0; m < rows && first > 0 && !spare; ++m) std::memcpy(at(i) + m * width, waiting(i, m), bytes);
            }
            for (int64_t q = first; q < last; ++q) {
                const real* g = packed + (o * (last - first) + q - first) * plan.block * width;
                for (int64_t i = low; i < high; ++i)
                    if (life.at(i, o) != 0)
                        scatter_runs<R, NV>(chunk.block(q, i), layer.splines, g, at(i), which);
            }
            for (int64_t i = low; i < high; ++i) {
                if (done) finish<NV>(layer, out, Tile<NV>(layer, plan, life, i, o), i, o * width, at(i), has_base);
                for (int64_t m = 0; m < rows && !done && !spare; ++m) std::memcpy(waiting(i, m), at(i) + m * width, bytes);
            }
        });
    }
};

}  // namespace
}  // namespace splinework
