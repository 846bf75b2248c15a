// The kernels of one instruction set and one number type: compiled once per pair, see CMakeLists.txt.
#include "dense.hpp"
#include "gather.hpp"
#include "narrow.hpp"
#include "peak.hpp"
#include "sorted.hpp"

namespace splinework {

extern const Kernels<real> SPLINEWORK_KERNELS;

namespace {

Sorted sorted_sums(const Plan& plan, int degree) {
    Sorted sums{};
    with_degree(degree, [&]<int K>() {
        if (plan.vectors == 1) sums = Sorted::of<K, 1>();
        else if (plan.vectors == 2) sums = Sorted::of<K, widest_tile(K + 2) < 2 ? 1 : 2>();
        else sums = Sorted::of<K, widest_tile(K + 2)>();
    });
    return sums;
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

// Whether it pays to keep the points for the backward pass as they were sorted. With several tiles of outputs sorting is a small
// part of the work, and writing and reading what is kept takes as long.
bool worth_keeping(const Layer<real>& layer, [[maybe_unused]] const Points<real>& points, const Plan& plan, int order,
                   [[maybe_unused]] Algorithm algorithm) {
    if (plan.tiles > 1 || order != 0 || layer.base_kind == Base::given) return false;
#if defined(__AVX512F__)
    if (runs_dense(layer, points, algorithm, true)) return false;
#endif
    return SortedPoints::room(layer, plan, plan.blocks() * plan.inputs) <= most_kept;
}

void forward(const Layer<real>& layer, const Points<real>& points, int order, const Sums<real>& out, int threads,
             Algorithm algorithm, Kept* kept) {
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
    if (plan.algorithm == Algorithm::sorted) {
        char* memory = nullptr;
        if (kept && worth_keeping(layer, points, plan, order, algorithm))
            memory = kept->make(SortedPoints::room(layer, plan, plan.blocks() * plan.inputs), &SPLINEWORK_KERNELS, points.batch);
        sorted_sums(plan, layer.degree).forward(layer, points, plan, life, order, out, memory);
        return;
    }
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
        else with_gather(plan, [&](auto kernel) { kernel.forward(layer, plan, life, chunk, first, last, out); });
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
              Algorithm algorithm, const Kept* kept) {
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
    Scratch scratch(living_room(plan));
    const Living life = living(layer, plan, scratch);
    if (plan.algorithm == Algorithm::sorted) {
        const bool usual = layer.base_kind != Base::given && out.probe_order == 1 && out.scatter_order == 0;
        char* memory = kept && usual ? kept->of(&SPLINEWORK_KERNELS, points.batch) : nullptr;
        sorted_sums(plan, layer.degree).backward(layer, points, plan, life, out, memory);
        return;
    }
    const int orders[2] = {to_points ? out.probe_order : out.scatter_order, out.scatter_order};
    const bool scaled[2] = {!to_points, true};  // the factors s belong to the batch's sums, not to the probe
    const int which = to_points ? 1 : 0;
    Chunk chunk(layer, points, plan, orders, scaled);
    const bool narrow = plan.algorithm == Algorithm::narrow;
    const int64_t table_size = narrow ? layer.inputs * layer.cells() * layer.outputs * plan.stride : 0;
    Scratch more(Scratch::room<real>(to_points ? table_size : 0) + Scratch::room<real>(to_edges ? table_size : 0));
    real* laid = to_points ? more.take<real>(table_size) : nullptr;
    real* sums = to_edges ? more.take<real>(table_size) : nullptr;
    if (narrow && to_points) with_narrow(plan, [&](auto kernel) { kernel.lay_out(layer, plan, laid); });
    for (int64_t first = 0; first < plan.blocks(); first += plan.chunk) {
        const int64_t last = smaller(plan.blocks(), first + plan.chunk);
        with_degree(layer.degree, [&]<int K>() { chunk.prepare<K>(first, last, life.inputs); });
        if (narrow) {
            with_narrow(plan, [&](auto kernel) {
                if (to_points) kernel.probe(layer, plan, life, chunk, first, last, out, laid);
                if (to_edges) kernel.scatter(layer, plan, life, chunk, first, last, out, sums, which);
            });
        } else {
            with_gather(plan, [&](auto kernel) {
                if (to_points) kernel.probe(layer, plan, life, chunk, first, last, out);
                if (to_edges) kernel.scatter(layer, plan, life, chunk, first, last, out, which);
            });
        }
    }
}

}  // namespace

const Kernels<real> SPLINEWORK_KERNELS{forward, backward, fma_peak};

}  // namespace splinework
