// A tile: one input's coefficients for a few vectors of neighbouring outputs, with scale and mask applied as rows are loaded.
#pragma once

#include "plan.hpp"

namespace splinework {
namespace {

// What a mask makes of a layer: which inputs have an edge, and which of their tiles.
struct Living {
    const uint8_t* inputs = nullptr;  // (I): any edge at all; null: all of them
    const uint8_t* tiles = nullptr;   // (I, tiles): 0 no edge, 1 some, 2 every one
    int64_t count = 1;                // tiles
    int at(int64_t i, int64_t o) const { return tiles ? tiles[i * count + o] : 2; }
};

inline Living living(const Layer<real>& layer, const Plan& plan, Scratch& scratch) {
    if (!layer.mask) return {};
    auto* inputs = scratch.take<uint8_t>(plan.inputs);
    auto* tiles = scratch.take<uint8_t>(plan.inputs * plan.tiles);
    for (int64_t i = 0; i < plan.inputs; ++i) {
        inputs[i] = 0;
        for (int64_t o = 0; o < plan.tiles; ++o) {
            const int64_t low = o * plan.width(), high = smaller(plan.outputs, low + plan.width());
            int64_t there = 0;
            for (int64_t j = low; j < high; ++j) there += layer.mask(i, j) != real(0);
            tiles[i * plan.tiles + o] = there == 0 ? 0 : there < high - low ? 1 : 2;
            inputs[i] |= there > 0;
        }
    }
    return {inputs, tiles, plan.tiles};
}

inline size_t living_room(const Plan& plan) {
    return Scratch::room<uint8_t>(plan.inputs) + Scratch::room<uint8_t>(plan.inputs * plan.tiles);
}

template <int NV>
struct Tile {
    vec scale[NV], base[NV];
    ivec alive[NV];
    const real* c;
    int64_t row;
    int width;  // outputs in the tile
    int64_t splines;
    bool full, scaled, masked;

    Tile(const Layer<real>& layer, const Plan& plan, const Living& life, int64_t i, int64_t o) {
        const int64_t low = o * plan.width();
        width = static_cast<int>(smaller(plan.outputs - low, plan.width()));
        full = width == NV * lanes;
        masked = life.at(i, o) != 2;
        scaled = bool(layer.scale);
        c = layer.c ? layer.c + i * layer.c_input + low : nullptr;
        row = layer.c_spline;
        splines = layer.splines;
        for (int n = 0; n < NV; ++n) {
            const int there = in(n);
            const vec mask = layer.mask ? load_first(&layer.mask(i, low) + n * lanes, there) : all(1);
            alive[n] = mask != vec{};
            scale[n] = (scaled ? load_first(&layer.scale(i, low) + n * lanes, there) : all(1)) * mask;
            base[n] = layer.base ? load_first(&layer.base(i, low) + n * lanes, there) * mask : vec{};
            if (masked) scale[n] = choose(alive[n], scale[n], vec{}), base[n] = choose(alive[n], base[n], vec{});
        }
        scaled = scaled || bool(layer.mask);
    }

    int in(int n) const {
        const int there = width - n * lanes;
        return there <= 0 ? 0 : there < lanes ? there : lanes;
    }

    // Coefficients of spline m as they stand (zeros where there is no spline or no edge).
    void raw(int64_t m, vec* out) const {
        if (static_cast<uint64_t>(m) >= static_cast<uint64_t>(splines)) {
            for (int n = 0; n < NV; ++n) out[n] = vec{};
            return;
        }
        const real* p = c + m * row;
        if (full)
            for (int n = 0; n < NV; ++n) out[n] = load(p + n * lanes);
        else
            for (int n = 0; n < NV; ++n) out[n] = load_first(p + n * lanes, in(n));
        if (masked)  // chosen, not multiplied: a dead edge stays dead, NaN or not
            for (int n = 0; n < NV; ++n) out[n] = choose(alive[n], out[n], vec{});
    }

    // Coefficients of spline m, scaled.
    void scaled_row(int64_t m, vec* out) const {
        raw(m, out);
        if (scaled)
            for (int n = 0; n < NV; ++n) out[n] *= scale[n];
    }

    // What the coefficients of spline m + 1 are more than those of spline m, scaled.
    void difference(int64_t m, vec* out) const {
        vec before[NV];
        raw(m, before);
        raw(m + 1, out);
        for (int n = 0; n < NV; ++n) out[n] = scaled ? (out[n] - before[n]) * scale[n] : out[n] - before[n];
    }
};

// Gradients with respect to one input's coefficients, from the sums over the batch (rows of width NV · lanes): c, scale and
// base at once, and zero where there is no edge.
template <int NV>
SPLINEWORK_ONE_COPY
void finish(const Layer<real>& layer, const Gradients<real>& out, const Tile<NV>& tile, int64_t i, int64_t low,
            const real* sums, bool has_base) {
    vec total[NV] = {};
    const int64_t width = NV * lanes;
    for (int64_t m = 0; m < layer.splines; ++m) {
        const real* from = sums + m * width;
        real* to = out.c ? out.c + i * out.c_input + m * out.c_spline + low : nullptr;
        vec raw[NV] = {};
        if (out.scale) tile.raw(m, raw);
        for (int n = 0; n < NV; ++n) {
            const vec sum = load(from + n * lanes);
            if (out.scale) total[n] += choose(tile.alive[n], sum, vec{}) * raw[n];
            if (!to) continue;
            vec value = tile.scaled ? sum * tile.scale[n] : sum;
            if (tile.masked) value = choose(tile.alive[n], value, vec{});
            store_first(to + n * lanes, value, tile.in(n));
        }
    }
    for (int n = 0; n < NV; ++n) {
        const vec mask = layer.mask ? load_first(&layer.mask(i, low) + n * lanes, tile.in(n)) : all(1);
        if (out.scale) store_first(&out.scale(i, low) + n * lanes, choose(tile.alive[n], total[n] * mask, vec{}), tile.in(n));
        if (out.base && has_base) {
            const vec sum = load(sums + layer.splines * width + n * lanes);
            store_first(&out.base(i, low) + n * lanes, choose(tile.alive[n], sum * mask, vec{}), tile.in(n));
        }
    }
}

}  // namespace
}  // namespace splinework
