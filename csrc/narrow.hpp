// The kernels for few outputs: the lanes of a vector are the k + 1 splines and the base function, so an edge costs one
// multiply-add of a vector at a point. Coefficients are laid out by cell first, and their gradients gathered by cell.
#pragma once

#include "chunk.hpp"
#include "tile.hpp"

namespace splinework {
namespace {

template <int P>
struct Narrow {
    typedef real row __attribute__((vector_size(P * sizeof(real))));
    typedef real row_anywhere __attribute__((vector_size(P * sizeof(real)), aligned(sizeof(real)), may_alias));
    static row get(const real* p) { return *reinterpret_cast<const row_anywhere*>(p); }
    static void put(real* p, row v) { *reinterpret_cast<row_anywhere*>(p) = v; }

    // Numbers of all inputs' tables: (I, cells, J, P).
    static int64_t table_size(const Layer<real>& layer) { return layer.inputs * layer.cells() * layer.outputs * P; }

    static real weight(const Layer<real>& layer, int64_t i, int64_t j) {
        const real mask = layer.mask ? layer.mask(i, j) : real(1);
        return mask == real(0) ? real(0) : (layer.scale ? layer.scale(i, j) : real(1)) * mask;
    }

    static bool there(const Layer<real>& layer, int64_t i, int64_t j) { return !layer.mask || layer.mask(i, j) != real(0); }

    static void lay_out(const Layer<real>& layer, const Plan& plan, real* table) {
        const int k = layer.degree;
        const bool has_base = layer.base_kind != Base::none;
        for_each_item(plan.inputs, plan.threads, [&](int64_t i) {
            real* to = table + i * layer.cells() * layer.outputs * P;
            std::memset(to, 0, static_cast<size_t>(layer.cells() * layer.outputs * P) * sizeof(real));
            for (int64_t j = 0; j < layer.outputs; ++j) {
                if (!there(layer, i, j)) continue;
                const real scale = weight(layer, i, j);
                const real mask = layer.mask ? layer.mask(i, j) : real(1);
                const real base = has_base ? layer.base(i, j) * mask : real(0);
                for (int64_t c = 0; c < layer.cells(); ++c) {
                    real* cell = to + (c * layer.outputs + j) * P;
                    for (int a = 0; a <= k; ++a) {
                        const int64_t m = c - k + a;
                        if (m >= 0 && m < layer.splines) cell[a] = layer.c[i * layer.c_input + m * layer.c_spline + j] * scale;
                    }
                    if (has_base) cell[k + 1] = base;
                }
            }
        });
    }

    static void forward(const Layer<real>& layer, const Plan& plan, const Living& life, const Chunk& chunk, int64_t first,
                        int64_t last, const Sums<real>& out, const real* table) {
        const int64_t stride = layer.cells() * layer.outputs * P, outputs = plan.outputs;
        struct Input {
            const real* records;
            const int32_t* first;
            const real* table;
        };
        for_each_item(last - first, plan.threads, [&](int64_t item) {
            const int64_t q = first + item, n = plan.rows_in(q);
            Scratch scratch(Scratch::room<Input>(plan.inputs));
            Input* inputs = scratch.take<Input>(plan.inputs);
            int64_t count = 0;
            for (int64_t i = 0; i < plan.inputs; ++i) {
                if (life.inputs && !life.inputs[i]) continue;
                const Block block = chunk.block(q, i);
                inputs[count++] = {block.records[0], block.first, table + i * stride + layer.degree * outputs * P};
            }
            for (int64_t b = 0; b < n; ++b) {
                real* y = &out.y(q * plan.block + b, 0);
                for (int64_t j = 0; j < outputs; ++j) {
                    row sum{};
                    for (int64_t i = 0; i < count; ++i) {
                        const Input& in = inputs[i];
                        sum += get(in.records + b * P) * get(in.table + (in.first[b] * outputs + j) * P);
                    }
                    y[j] = sum_of<P>(sum) + (out.bias ? out.bias[j] : real(0));
                }
            }
        });
    }

    static void probe(const Layer<real>& layer, const Plan& plan, const Living& life, const Chunk& chunk, int64_t first,
                      int64_t last, const Gradients<real>& out, const real* table) {
        const int64_t stride = layer.cells() * layer.outputs * P, outputs = plan.outputs;
        for_each_item(last - first, plan.threads, [&](int64_t item) {
            const int64_t q = first + item;
            for (int64_t i = 0; i < plan.inputs; ++i) {
                const bool alive = !life.inputs || life.inputs[i];
                const Block block = chunk.block(q, i);
                for (int64_t b = 0; b < plan.rows_in(q); ++b) {
                    real& to = out.probe(q * plan.block + b, i);
                    if (!alive) { to = 0; continue; }
                    const real* cell = table + i * stride + (block.first[b] + layer.degree) * outputs * P;
                    row drawn{};
                    for (int64_t j = 0; j < outputs; ++j) drawn += out.g(q * plan.block + b, j) * get(cell + j * P);
                    to = sum_of<P>(drawn * get(block.records[0] + b * P));
                }
            }
        });
    }

    // `sums` (I, cells, J, P) carries over from chunk to chunk.
    static void scatter(const Layer<real>& layer, const Plan& plan, const Living& life, const Chunk& chunk, int64_t first,
                        int64_t last, const Gradients<real>& out, real* sums, int which) {
        const int64_t size = layer.cells() * layer.outputs * P, outputs = plan.outputs;
        for_each_item(plan.inputs, plan.threads, [&](int64_t i) {
            real* total = sums + i * size;
            // Every block is summed by itself first: one running sum over a long batch would lose single precision.
            const bool alone = plan.blocks() == 1;
            Scratch scratch(Scratch::room<real>(alone ? 0 : size));
            real* own = alone ? total : scratch.take<real>(size);
            if (first == 0) std::memset(total, 0, static_cast<size_t>(size) * sizeof(real));
            for (int64_t q = first; q < last && (!life.inputs || life.inputs[i]); ++q) {
                const Block block = chunk.block(q, i);
                if (!alone) std::memset(own, 0, static_cast<size_t>(size) * sizeof(real));
                for (int64_t b = 0; b < plan.rows_in(q); ++b) {
                    const row w = get(block.records[which] + b * P);
                    real* cell = own + (block.first[b] + layer.degree) * outputs * P;
                    for (int64_t j = 0; j < outputs; ++j)
                        put(cell + j * P, get(cell + j * P) + out.g(q * plan.block + b, j) * w);
                }
                for (int64_t n = 0; n < size && !alone; ++n) total[n] += own[n];
            }
            if (last == plan.blocks()) finish_input(layer, out, i, total);
        });
    }

    // From sums by cell to gradients by spline.
    static void finish_input(const Layer<real>& layer, const Gradients<real>& out, int64_t i, const real* own) {
        const int k = layer.degree;
        const bool has_base = layer.base_kind != Base::none;
        for (int64_t j = 0; j < layer.outputs; ++j) {
            const real scale = weight(layer, i, j), mask = layer.mask ? layer.mask(i, j) : real(1);
            const bool alive = there(layer, i, j);
            real by_scale = 0, by_base = 0;
            for (int64_t m = 0; m < layer.splines; ++m) {
                real total = 0;
                for (int a = 0; a <= k; ++a) total += own[((m + k - a) * layer.outputs + j) * P + a];
                if (out.scale && alive) by_scale += total * layer.c[i * layer.c_input + m * layer.c_spline + j];
                if (out.c) out.c[i * out.c_input + m * out.c_spline + j] = alive ? total * scale : real(0);
            }
            if (has_base)
                for (int64_t c = 0; c < layer.cells(); ++c) by_base += own[(c * layer.outputs + j) * P + k + 1];
            if (out.scale) out.scale(i, j) = alive ? by_scale * mask : real(0);
            if (out.base && has_base) out.base(i, j) = alive ? by_base * mask : real(0);
        }
    }
};

}  // namespace
}  // namespace splinework
