// The kernels for large batches: points sorted by cell, records of their splines, and sums over runs.
#pragma once

#include "runs.hpp"
#include "sorted_points.hpp"
#include "tile.hpp"

namespace splinework {
namespace {

// One input and one tile of its outputs.
struct Place {
    const Layer<real>& layer;
    const Plan& plan;
    const Living& life;
    int64_t i, o;
    template <int NV>
    SPLINEWORK_ONE_COPY
    Tile<NV> tile() const { return Tile<NV>(layer, plan, life, i, o); }
};

// The sums over runs of one degree and one width of a tile. The loops around them are compiled once, not once for each of these.
struct Sorted {
    RecordsOf records_of;
    void (*contract)(const SortedInput&, const real* records, const Place&, real* y);
    void (*probe)(const SortedInput&, const real* records, const Place&, const real* g, real* out);
    void (*probe_differences)(const SortedInput&, const real* records, const Place&, const real* g, real* out);  // or null
    void (*scatter)(const SortedInput&, const real* records, int64_t splines, const real* g, real* sums);
    void (*finish)(const Gradients<real>&, const Place&, const real* sums);

    template <int K, int NV>
    static Sorted of() {
        constexpr int R = K + 2;
        Sorted sums{};
        sums.records_of = RecordsOf::degree<K>();
        sums.contract = [](const SortedInput& in, const real* records, const Place& at, real* y) {
            contract_runs<R, NV>(in, records, at.tile<NV>(), y);
        };
        sums.probe = [](const SortedInput& in, const real* records, const Place& at, const real* g, real* out) {
            probe_runs<R, NV, false>(in, records, at.tile<NV>(), g, out);
        };
        if constexpr (K > 0 && Sorter::exact<K>)
            sums.probe_differences = [](const SortedInput& in, const real* records, const Place& at, const real* g, real* out) {
                probe_runs<R - 1, NV, true>(in, records, at.tile<NV>(), g, out);
            };
        sums.scatter = scatter_runs<R, NV>;
        sums.finish = finish_tile<NV>;
        return sums;
    }

    template <int NV>
    static void finish_tile(const Gradients<real>& out, const Place& at, const real* sums) {
        const Layer<real>& layer = at.layer;
        splinework::finish<NV>(layer, out, at.tile<NV>(), at.i, at.o * at.plan.width(), sums, layer.base_kind != Base::none);
    }

    // `kept`: where the points are kept for the backward pass, or null.
    void forward(const Layer<real>& layer, const Points<real>& points, const Plan& plan, const Living& life, int order,
                 const Sums<real>& out, char* kept) const {
        const int orders[2] = {order, 1};
        const Sorter sorter(records_of, layer, points, plan, orders, kept ? 2 : 1);
        const int64_t record = plan.rows + 1, workspace = sorter.workspace(order);
        if (plan.tiles == 1 && plan.blocks() >= plan.threads) {
            const SortedPoints all(layer, plan, kept ? plan.blocks() * plan.inputs : 0, kept);
            for_each_item(plan.blocks(), plan.threads, [&](int64_t q) {
                const size_t room = kept ? 0 : SortedPoints::room(layer, plan, input_group);
                Scratch scratch(room + Scratch::room<real>(plan.block * record + 16) + Scratch::room<real>(workspace));
                const SortedPoints own(layer, plan, input_group, scratch.take<char>(static_cast<int64_t>(room)));
                real* records = scratch.take<real>(plan.block * record + 16);
                real* work = scratch.take<real>(workspace);
                sum_block(layer, plan, q, 0, out, [&](real* y) {
                    for (int64_t low = 0; low < plan.inputs; low += input_group) {
                        const int64_t high = smaller(plan.inputs, low + input_group);
                        const auto at = [&](int64_t i) { return kept ? all.at(q * plan.inputs + i) : own.at(i - low); };
                        const auto records_at = [&](int64_t) { return records; };
                        sorter.sort_to_records(q, low, high, life.inputs, order, kept, work, at, records_at, [&](int64_t i) {
                            contract(at(i), records, {layer, plan, life, i, 0}, y);
                        });
                    }
                });
            });
            return;
        }
        const int64_t chunk = smaller(plan.chunk, plan.blocks()), slots = chunk * plan.inputs;
        const size_t room = kept ? 0 : SortedPoints::room(layer, plan, slots);
        Scratch scratch(room + Scratch::room<real>(slots * plan.block * record + 16));
        const SortedPoints all(layer, plan, kept ? plan.blocks() * plan.inputs : slots, kept ? kept : scratch.take<char>(static_cast<int64_t>(room)));
        real* records = scratch.take<real>(slots * plan.block * record + 16);
        for (int64_t first = 0; first < plan.blocks(); first += chunk) {
            const int64_t last = smaller(plan.blocks(), first + chunk);
            const auto at = [&](int64_t q, int64_t i) { return all.at((kept ? q : q - first) * plan.inputs + i); };
            const auto records_at = [&](int64_t q, int64_t i) { return records + ((q - first) * plan.inputs + i) * plan.block * record; };
            for_each_item((last - first) * plan.groups, plan.threads, [&](int64_t item) {
                const int64_t q = first + item / plan.groups, low = item % plan.groups * input_group;
                const int64_t high = smaller(plan.inputs, low + input_group);
                Scratch scratch(Scratch::room<real>(workspace));
                real* work = scratch.take<real>(workspace);
                sorter.sort_to_records(
                    q, low, high, life.inputs, order, kept, work, [&](int64_t i) { return at(q, i); },
                    [&](int64_t i) { return records_at(q, i); }, [](int64_t) {});
            });
            for_each_item((last - first) * plan.tiles, plan.threads, [&](int64_t item) {
                const int64_t q = first + item / plan.tiles, o = item % plan.tiles;
                sum_block(layer, plan, q, o, out, [&](real* y) {
                    for (int64_t i = 0; i < plan.inputs; ++i)
                        if (life.at(i, o) != 0)
                            contract(at(q, i), records_at(q, i), {layer, plan, life, i, o}, y);
                });
            });
        }
    }

    // What `sum(y)` adds to the bias, for one block and tile; y has rows of whole vectors.
    template <class F>
    static void sum_block(const Layer<real>&, const Plan& plan, int64_t q, int64_t o, const Sums<real>& out, F&& sum) {
        const int64_t n = plan.rows_in(q), width = plan.width(), low = o * width, there = smaller(width, plan.outputs - low);
        const bool in_place = there == width && out.y.row == width;
        Scratch scratch(in_place ? 0 : Scratch::room<real>(n * width));
        real* y = in_place ? &out.y(q * plan.block, low) : scratch.take<real>(n * width);
        for (int64_t j = 0; j < width; ++j) y[j] = out.bias && j < there ? out.bias[low + j] : real(0);
        for (int64_t b = 1; b < n; ++b) std::memcpy(y + b * width, y, static_cast<size_t>(width) * sizeof(real));
        sum(y);
        for (int64_t b = 0; b < n && !in_place; ++b)
            std::memcpy(&out.y(q * plan.block + b, low), y + b * width, static_cast<size_t>(there) * sizeof(real));
    }

    // g by tile: rows of whole vectors, zeros beyond the last output.
    static void pack_cotangent(const Plan& plan, const Matrix<const real>& g, real* packed) {
        const int64_t width = plan.width();
        const int threads = plan.batch * plan.outputs < serial_copy ? 1 : plan.threads;
        for_each_item(plan.blocks() * plan.tiles, threads, [&](int64_t item) {
            const int64_t o = item % plan.tiles, q = item / plan.tiles, low = o * width;
            const int64_t there = smaller(width, plan.outputs - low);
            real* to = packed + (o * plan.batch + q * plan.block) * width;
            for (int64_t b = 0; b < plan.rows_in(q); ++b, to += width) {
                std::memcpy(to, &g(q * plan.block + b, low), static_cast<size_t>(there) * sizeof(real));
                for (int64_t j = there; j < width; ++j) to[j] = 0;
            }
        });
    }

    // Inputs that one item works on: as many as stay in the cache, fewer where threads would be idle.
    static int64_t inputs_together(const Layer<real>& layer, const Plan& plan) {
        if (plan.inputs == 0) return 1;
        const int64_t sums = (layer.splines + 1) * plan.width() * plan.tiles, records = plan.tiles > 1 ? plan.block * (2 * plan.rows + 1) : 0;
        const int64_t bytes = (sums + records) * static_cast<int64_t>(sizeof(real));
        const int64_t most = larger(1, smaller(input_group, cache_share / bytes));
        return ceil_div(plan.inputs, round_up(ceil_div(plan.inputs, most), smaller(plan.threads, plan.inputs)));
    }

    // Everything that concerns a group of inputs is one item: its columns of the probe and its gradients.
    // `kept`: the points as the forward pass has sorted them, or null.
    void backward(const Layer<real>& layer, const Points<real>& points, const Plan& plan, const Living& life,
                  const Gradients<real>& out, char* kept) const {
        const bool to_points = bool(out.probe), to_edges = out.c || out.scale || out.base;
        const bool differences = probe_differences && out.probe_order > 0 && layer.extrapolation != Extrapolation::zero;
        // The base function's columns in a Spot: value and slope where they are kept, else what is asked for in that order.
        const int orders[2] = {to_points ? out.probe_order : out.scatter_order, out.scatter_order};
        const int of_probe = kept ? 1 : 0, of_scatter = !kept && to_points ? 1 : 0;
        const Sorter sorter(records_of, layer, points, plan, orders, to_points + to_edges);
        const int64_t workspace = sorter.workspace(static_cast<int>(larger(orders[0], orders[1])));
        const int64_t width = plan.width(), size = (layer.splines + 1) * width;
        const bool in_place = plan.tiles == 1 && plan.outputs == width && out.g.row == width;
        Scratch shared(in_place ? 0 : Scratch::room<real>(plan.batch * plan.tiles * width));
        real* packed = in_place ? nullptr : shared.take<real>(plan.batch * plan.tiles * width);
        if (!in_place) pack_cotangent(plan, out.g, packed);
        const real* pulls = in_place ? out.g.data : packed;
        const int64_t slots = plan.blocks() * plan.inputs;
        const size_t whole = SortedPoints::room(layer, plan, slots);
        const bool sorts = !kept && whole <= most_kept;
        Scratch sorted(sorts ? whole : 0);
        const SortedPoints all(layer, plan, slots, kept ? kept : sorted.take<char>(sorts ? static_cast<int64_t>(whole) : 0));
        const bool ready = kept || sorts;
        for_each_item(sorts ? plan.blocks() * plan.groups : 0, plan.threads, [&](int64_t item) {
            const int64_t q = item / plan.groups, low = item % plan.groups * input_group;
            sorter.sort(q, low, smaller(plan.inputs, low + input_group), life.inputs,
                           [&](int64_t i) { return all.at(q * plan.inputs + i); });
        });
        const int64_t together = inputs_together(layer, plan), at_once = plan.tiles == 1 ? 1 : together;
        for_each_item(ceil_div(plan.inputs, together), plan.threads, [&](int64_t item) {
            const int64_t low = item * together, high = smaller(plan.inputs, low + together);
            const size_t room = ready ? 0 : SortedPoints::room(layer, plan, together);
            const int64_t one = plan.block * (plan.rows + 1) + 16;
            Scratch scratch(room + Scratch::room<real>(workspace) + 2 * Scratch::room<real>(at_once * one) +
                            Scratch::room<real>(together * plan.block) +
                            Scratch::room<real>(to_edges ? together * plan.tiles * size : 0));
            const SortedPoints own(layer, plan, together, scratch.take<char>(static_cast<int64_t>(room)));
            real* work = scratch.take<real>(workspace);
            real* slopes = scratch.take<real>(at_once * one);
            real* values = scratch.take<real>(at_once * one);
            real* drawn = scratch.take<real>(together * plan.block);
            real* sums = to_edges ? scratch.take<real>(together * plan.tiles * size) : nullptr;
            if (to_edges) std::memset(sums, 0, static_cast<size_t>((high - low) * plan.tiles * size) * sizeof(real));
            for (int64_t q = 0; q < plan.blocks(); ++q) {
                const auto at = [&](int64_t i) { return ready ? all.at(q * plan.inputs + i) : own.at(i - low); };
                if (!ready) sorter.sort(q, low, high, life.inputs, at);
                if (to_points) std::memset(drawn, 0, static_cast<size_t>((high - low) * plan.block) * sizeof(real));
                for (int64_t start = low; start < high; start += at_once) {
                    const int64_t stop = smaller(high, start + at_once);
                    for (int64_t i = start; i < stop; ++i) {
                        if (life.inputs && !life.inputs[i]) continue;
                        if (to_points) {
                            real* to = slopes + (i - start) * one;
                            if (differences) sorter.difference_records(at(i), q, i, out.probe_order, of_probe, work, to);
                            else sorter.records(at(i), q, i, out.probe_order, of_probe, false, work, to);
                        }
                        if (to_edges) sorter.records(at(i), q, i, out.scatter_order, of_scatter, true, work, values + (i - start) * one);
                    }
                    for (int64_t o = 0; o < plan.tiles; ++o) {
                        const real* g = pulls + (o * plan.batch + q * plan.block) * width;
                        for (int64_t i = start; i < stop; ++i) {
                            if (life.at(i, o) == 0) continue;
                            if (to_points) {
                                const auto draw = differences ? probe_differences : probe;
                                draw(at(i), slopes + (i - start) * one, {layer, plan, life, i, o}, g, drawn + (i - low) * plan.block);
                            }
                            if (to_edges)
                                scatter(at(i), values + (i - start) * one, layer.splines, g,
                                        sums + ((i - low) * plan.tiles + o) * size);
                        }
                    }
                }
                for (int64_t b = 0; b < plan.rows_in(q) && to_points; ++b)
                    for (int64_t i = low; i < high; ++i) out.probe(q * plan.block + b, i) = drawn[(i - low) * plan.block + b];
            }
            for (int64_t i = low; i < high && to_edges; ++i)
                for (int64_t o = 0; o < plan.tiles; ++o)
                    finish(out, {layer, plan, life, i, o}, sums + ((i - low) * plan.tiles + o) * size);
        });
    }

  private:
    static constexpr int64_t cache_share = int64_t{768} << 10;  // bytes of an item's sums and records
    static constexpr int64_t serial_copy = 16384;               // numbers not worth a second thread
};

}  // namespace
}  // namespace splinework
