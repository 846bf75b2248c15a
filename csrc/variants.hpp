// The kernels of one instruction set, and the choice of the best one that this processor has.
#pragma once

#include "arena.hpp"
#include "expansion.hpp"
#include "formula_code.hpp"
#include "layer.hpp"

namespace splinework {

// Which algorithm: `best` chooses by size (never by the number of threads); the others force one, for tests and benchmarks.
// `dense` falls back on `narrow` where it does not fit.
enum class Algorithm : int { best = 0, sorted = 1, gather = 2, narrow = 3, dense = 4 };

template <class T>
struct Kernels {
    // `kept`, if not null, may take what the backward pass of the same points can use again.
    void (*forward)(const Layer<T>&, const Points<T>&, int order, const Sums<T>&, int threads, Algorithm, Kept* kept);
    void (*backward)(const Layer<T>&, const Points<T>&, const Gradients<T>&, int threads, Algorithm, const Kept* kept);
    double (*fma_peak)(int threads);  // multiply-adds per second that this processor reaches, measured
};

// Every variant defines these, in its own translation units: kernels_avx512_f32, kernels_avx512_f64,
// formulas_avx512, expansions_avx512, and so on.
struct Variant {
    const char* name;  // "avx512", "avx2", "baseline" (x86-64: SSE2; aarch64: NEON)
    const Kernels<float>* f32;
    const Kernels<double>* f64;
    const FormulaKernel* formulas;
    const ExpansionKernel* expansions;
};

// The variants that this build has and this processor can run, best first; ends with a null name.
const Variant* available_variants();

// The one in use: the best, or the one that `SPLINEWORK_ISA` names when the library is loaded.
const Variant& variant();

// Uses the named one from now on; false where it is not available. For tests and benchmarks.
bool use_variant(const char* name);

template <class T>
const Kernels<T>& kernels();

}  // namespace splinework
