// The kernels for small batches: every sample fetches its own k + 1 rows. Nothing is sorted, and no pass over the whole
// table of coefficients is made, but for the zeros of its gradient.
#pragma once

#include "chunk.hpp"
#include "tile.hpp"

namespace splinework {
namespace {

template <int NV>
struct Gather {
    // Σ_a record[a] row[first + a] of the splines alone, scale not applied.
    static void spline_sum(const Tile<NV>& tile, int splines_here, int32_t first, const real* w, vec* out) {
        for (int n = 0; n < NV; ++n) out[n] = vec{};
        for (int a = 0; a < splines_here; ++a) {
            vec row[NV];
            tile.raw(int64_t{first} + a, row);
            for (int n = 0; n < NV; ++n) out[n] += w[a] * row[n];
        }
    }

    static void forward(const Layer<real>& layer, const Plan& plan, const Living& life, const Chunk& chunk, int64_t first,
                        int64_t last, const Sums<real>& out) {
        const int has_base = layer.base_kind != Base::none, splines_here = plan.rows - has_base;
        for_each_item((last - first) * plan.tiles, plan.threads, [&](int64_t item) {
            const int64_t q = first + item / plan.tiles, o = item % plan.tiles, low = o * plan.width();
            const int64_t n = plan.rows_in(q), width = plan.width(), there = smaller(width, plan.outputs - low);
            Scratch scratch(Scratch::room<real>(n * width));
            real* y = scratch.take<real>(n * width);
            for (int64_t b = 0; b < n; ++b)
                for (int64_t j = 0; j < width; ++j) y[b * width + j] = out.bias && j < there ? out.bias[low + j] : real(0);
            for (int64_t i = 0; i < plan.inputs; ++i) {
                if (life.at(i, o) == 0) continue;
                const Tile<NV> tile(layer, plan, life, i, o);
                const Block block = chunk.block(q, i);
                for (int64_t b = 0; b < n; ++b) {
                    const real* w = block.records[0] + b * plan.stride;
                    vec value[NV];
                    spline_sum(tile, splines_here, block.first[b], w, value);
                    real* to = y + b * width;
                    for (int v = 0; v < NV; ++v) {
                        vec sum = load(to + v * lanes) + value[v] * tile.scale[v];
                        if (has_base) sum += w[splines_here] * tile.base[v];
                        store(to + v * lanes, sum);
                    }
                }
            }
            for (int64_t b = 0; b < n; ++b)
                std::memcpy(&out.y(q * plan.block + b, low), y + b * width, static_cast<size_t>(there) * sizeof(real));
        });
    }

    static void probe(const Layer<real>& layer, const Plan& plan, const Living& life, const Chunk& chunk, int64_t first,
                      int64_t last, const Gradients<real>& out) {
        const int has_base = layer.base_kind != Base::none, splines_here = plan.rows - has_base;
        for_each_item((last - first) * plan.inputs, plan.threads, [&](int64_t item) {
            const int64_t q = first + item / plan.inputs, i = item % plan.inputs, n = plan.rows_in(q);
            const Block block = chunk.block(q, i);
            for (int64_t b = 0; b < n; ++b) out.probe(q * plan.block + b, i) = 0;
            for (int64_t o = 0; o < plan.tiles; ++o) {
                if (life.at(i, o) == 0) continue;
                const Tile<NV> tile(layer, plan, life, i, o);
                for (int64_t b = 0; b < n; ++b) {
                    const real* w = block.records[0] + b * plan.stride;
                    const real* g = &out.g(q * plan.block + b, o * plan.width());
                    vec value[NV], drawn{};
                    spline_sum(tile, splines_here, block.first[b], w, value);
                    for (int v = 0; v < NV; ++v) {
                        value[v] *= tile.scale[v];
                        if (has_base) value[v] += w[splines_here] * tile.base[v];
                        drawn += value[v] * load_first(g + v * lanes, tile.in(v));
                    }
                    out.probe(q * plan.block + b, i) += sum(drawn);
                }
            }
        });
    }

    // Straight into the results: only the rows that a sample touches are read and written again.
    static void scatter(const Layer<real>& layer, const Plan& plan, const Living& life, const Chunk& chunk, int64_t first,
                        int64_t last, const Gradients<real>& out, int which) {
        const int has_base = layer.base_kind != Base::none, splines_here = plan.rows - has_base;
        for_each_item(plan.inputs * plan.tiles, plan.threads, [&](int64_t item) {
            const int64_t i = item / plan.tiles, o = item % plan.tiles, low = o * plan.width();
            const Tile<NV> tile(layer, plan, life, i, o);
            const auto bytes = static_cast<size_t>(tile.width) * sizeof(real);
            if (first == 0) {
                if (out.c)
                    for (int64_t m = 0; m < layer.splines; ++m)
                        std::memset(out.c + i * out.c_input + m * out.c_spline + low, 0, bytes);
                if (out.scale) std::memset(&out.scale(i, low), 0, bytes);
                if (out.base) std::memset(&out.base(i, low), 0, bytes);
            }
            if (life.at(i, o) == 0) return;
            vec mask[NV];
            for (int v = 0; v < NV; ++v) mask[v] = layer.mask ? load_first(&layer.mask(i, low) + v * lanes, tile.in(v)) : all(1);
            for (int64_t q = first; q < last; ++q) {
                const Block block = chunk.block(q, i);
                vec by_scale[NV] = {}, by_base[NV] = {};  // block by block, for precision
                for (int64_t b = 0; b < plan.rows_in(q); ++b) {
                    const real* w = block.records[which] + b * plan.stride;
                    const real* g = &out.g(q * plan.block + b, low);
                    vec pull[NV], value[NV];
                    for (int v = 0; v < NV; ++v) pull[v] = choose(tile.alive[v], load_first(g + v * lanes, tile.in(v)), vec{});
                    if (out.scale) {
                        spline_sum(tile, splines_here, block.first[b], w, value);
                        for (int v = 0; v < NV; ++v) by_scale[v] += choose(tile.alive[v], pull[v] * mask[v] * value[v], vec{});
                    }
                    if (has_base)
                        for (int v = 0; v < NV; ++v) by_base[v] += choose(tile.alive[v], w[splines_here] * (pull[v] * mask[v]), vec{});
                    if (!out.c) continue;
                    for (int a = 0; a < splines_here; ++a) {
                        const int64_t m = int64_t{block.first[b]} + a;
                        if (m < 0 || m >= layer.splines) continue;
                        real* to = out.c + i * out.c_input + m * out.c_spline + low;
                        for (int v = 0; v < NV; ++v) {
                            const vec more = choose(tile.alive[v], w[a] * (pull[v] * tile.scale[v]), vec{});
                            store_first(to + v * lanes, load_first(to + v * lanes, tile.in(v)) + more, tile.in(v));
                        }
                    }
                }
                for (int v = 0; v < NV; ++v) {
                    const auto add = [&](const Matrix<real>& to, vec more) {
                        real* p = &to(i, low) + v * lanes;
                        store_first(p, load_first(p, tile.in(v)) + more, tile.in(v));
                    };
                    if (out.scale) add(out.scale, by_scale[v]);
                    if (out.base && has_base) add(out.base, by_base[v]);
                }
            }
        });
    }
};

}  // namespace
}  // namespace splinework
