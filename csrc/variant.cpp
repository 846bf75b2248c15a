// The kernels of one instruction set and one number type: compiled once per pair, see CMakeLists.txt.
#include "dense.hpp"
#include "gather.hpp"
#include "narrow.hpp"
#include "peak.hpp"
#include "sorted.hpp"

namespace splinework {
namespace {

// Calls f with the degree, or the number of rows, as a constant.
template <class F>
void with_degree(int k, F&& f) {
    switch (k) {
#define CASE(n) \
    case n: f.template operator()<n>(); break;
        CASE(0) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9)
#undef CASE
    }
}

template <class F>
void with_tile(const Plan& plan, int degree, F&& f) {
    with_degree(degree, [&]<int K>() {
        if (plan.vectors == 1) f(Sorted<K + 2, 1>{});
        else if (plan.vectors == 2) f(Sorted<K + 2, widest_tile(K + 2) < 2 ? 1 : 2>{});
        else f(Sorted<K + 2, widest_tile(K + 2)>{});
    });
}

template <class F>
void with_gather(const Plan& plan, F&& f) {
    if (plan.vectors == 1) f(Gather<1>{});
    else if (plan.vectors == 2) f(Gather<2>{});
    else f(Gather<4>{});
}

template <class F>
void with_narrow(const Plan& plan, F&& f) {
    if (plan.stride == 4) f(Narrow<4>{});
    else if (plan.stride == 8) f(Narrow<8>{});
    else f(Narrow<16>{});
}

#if defined(__AVX512F__)
// Whether the dense kernels are to do it, and can.
bool runs_dense(const Layer<real>& layer, const Points<real>& points, Algorithm algorithm, bool backward) {
    if (!dense_can(layer, bool(points.s))) return false;
    if (algorithm == Algorithm::best) return dense_pays(layer, points.batch, backward);
    return algorithm == Algorithm::dense;
}
#endif

void forward(const Layer<real>& layer, const Points<real>& points, int order, const Sums<real>& out, int threads,
             Algorithm algorithm) {
    if (points.batch == 0 || layer.outputs == 0) return;
#if defined(__AVX512F__)
    if (runs_dense(layer, points, algorithm, false)) {
        with_degree(layer.degree, [&]<int K>() {
            Dense<K>::forward(layer, points, order, out, useful_threads(layer, points.batch, threads));
        });
        return;
    }
#endif
    const Plan plan = make_plan(layer, points.batch, 1, threads, algorithm);
    Scratch scratch(living_room(plan));
    const Living life = living(layer, plan, scratch);
    const bool scaled[2] = {true, true};
    Chunk chunk(layer, points, plan, &order, scaled);
    const bool narrow = plan.algorithm == Algorithm::narrow;
    Scratch table(narrow ? Scratch::room<real>(layer.inputs * layer.cells() * layer.outputs * plan.stride) : 0);
    real* laid = table.take<real>(0);
    if (narrow) with_narrow(plan, [&](auto kernel) { kernel.lay_out(layer, plan, laid); });
    for (int64_t first = 0; first < plan.blocks(); first += plan.chunk) {
        const int64_t last = smaller(plan.blocks(), first + plan.chunk);
        with_degree(layer.degree, [&]<int K>() { chunk.prepare<K>(first, last, life.inputs); });
        if (narrow) with_narrow(plan, [&](auto kernel) { kernel.forward(layer, plan, life, chunk, first, last, out, laid); });
        else if (plan.algorithm == Algorithm::gather)
            with_gather(plan, [&](auto kernel) { kernel.forward(layer, plan, life, chunk, first, last, out); });
        else with_tile(plan, layer.degree, [&](auto kernel) { kernel.forward(layer, plan, life, chunk, first, last, out); });
    }
}

// Zeros for what an empty sum leaves unwritten.
void clear(const Layer<real>& layer, int64_t batch, const Gradients<real>& out) {
    for (int64_t b = 0; b < batch && out.probe; ++b)
        for (int64_t i = 0; i < layer.inputs; ++i) out.probe(b, i) = 0;
    const auto bytes = static_cast<size_t>(layer.outputs) * sizeof(real);
    for (int64_t i = 0; i < layer.inputs; ++i) {
        for (int64_t m = 0; m < layer.splines && out.c; ++m) std::memset(out.c + i * out.c_input + m * out.c_spline, 0, bytes);
        if (out.scale) std::memset(&out.scale(i, 0), 0, bytes);
        if (out.base) std::memset(&out.base(i, 0), 0, bytes);
    }
}

void backward(const Layer<real>& layer, const Points<real>& points, const Gradients<real>& out, int threads,
              Algorithm algorithm) {
    if (points.batch == 0 || layer.outputs == 0) return clear(layer, points.batch, out);
    const bool to_points = bool(out.probe), to_edges = out.c || out.scale || out.base;
    if (!to_points && !to_edges) return;
#if defined(__AVX512F__)
    if (runs_dense(layer, points, algorithm, true)) {
        with_degree(layer.degree, [&]<int K>() {
            Dense<K>::backward(layer, points, out, useful_threads(layer, points.batch, threads));
        });
        return;
    }
#endif
    const Plan plan = make_plan(layer, points.batch, to_points + to_edges, threads, algorithm);
    const int orders[2] = {to_points ? out.probe_order : out.scatter_order, out.scatter_order};
    const bool scaled[2] = {!to_points, true};  // the factors s belong to the batch's sums, not to the probe
    const int which = to_points ? 1 : 0;
    Scratch scratch(living_room(plan));
    const Living life = living(layer, plan, scratch);
    Chunk chunk(layer, points, plan, orders, scaled);
    const bool narrow = plan.algorithm == Algorithm::narrow, sorted = plan.algorithm == Algorithm::sorted;
    const int64_t table_size = layer.inputs * layer.cells() * layer.outputs * plan.stride;
    const int64_t rows = smaller(plan.chunk, plan.blocks()) * plan.block;
    const bool can_wait = plan.chunk >= plan.blocks() || (out.c && (out.base || layer.base_kind == Base::none));
    const int64_t sums_size = narrow ? table_size : can_wait ? 0 : layer.inputs * plan.tiles * (layer.splines + 1) * plan.width();
    Scratch more(Scratch::room<real>(narrow && to_points ? table_size : 0) +
                 Scratch::room<real>(sorted ? rows * plan.tiles * plan.width() : 0) +
                 Scratch::room<real>(to_edges && (narrow || sorted) ? sums_size : 0));
    real* laid = narrow && to_points ? more.take<real>(table_size) : nullptr;
    real* packed = sorted ? more.take<real>(rows * plan.tiles * plan.width()) : nullptr;
    real* sums = to_edges && (narrow || (sorted && !can_wait)) ? more.take<real>(sums_size) : nullptr;
    if (laid) with_narrow(plan, [&](auto kernel) { kernel.lay_out(layer, plan, laid); });
    for (int64_t first = 0; first < plan.blocks(); first += plan.chunk) {
        const int64_t last = smaller(plan.blocks(), first + plan.chunk);
        with_degree(layer.degree, [&]<int K>() { chunk.prepare<K>(first, last, life.inputs); });
        if (narrow) {
            with_narrow(plan, [&](auto kernel) {
                if (to_points) kernel.probe(layer, plan, life, chunk, first, last, out, laid);
                if (to_edges) kernel.scatter(layer, plan, life, chunk, first, last, out, sums, which);
            });
        } else if (!sorted) {
            with_gather(plan, [&](auto kernel) {
                if (to_points) kernel.probe(layer, plan, life, chunk, first, last, out);
                if (to_edges) kernel.scatter(layer, plan, life, chunk, first, last, out, which);
            });
        } else {
            with_tile(plan, layer.degree, [&](auto kernel) {
                kernel.pack_cotangent(plan, out.g, first, last, packed);
                if (to_points) kernel.probe(layer, plan, life, chunk, first, last, packed, out);
                if (to_edges) kernel.scatter(layer, plan, life, chunk, first, last, packed, out, sums, which);
            });
        }
    }
}

}  // namespace

extern const Kernels<real> SPLINEWORK_KERNELS;
const Kernels<real> SPLINEWORK_KERNELS{forward, backward, fma_peak};

}  // namespace splinework
