// Which variants are in this build, which of them this processor runs, and the one in use.
#include "variants.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace splinework {

// variant.cpp, formula_kernel.cpp and expansion_kernel.cpp, compiled once for each of these.
#if defined(__x86_64__)
extern const Kernels<float> kernels_avx512_f32;
extern const Kernels<double> kernels_avx512_f64;
extern const FormulaKernel formulas_avx512;
extern const ExpansionKernel expansions_avx512;
extern const Kernels<float> kernels_avx2_f32;
extern const Kernels<double> kernels_avx2_f64;
extern const FormulaKernel formulas_avx2;
extern const ExpansionKernel expansions_avx2;
#endif
extern const Kernels<float> kernels_baseline_f32;
extern const Kernels<double> kernels_baseline_f64;
extern const FormulaKernel formulas_baseline;
extern const ExpansionKernel expansions_baseline;

namespace {

struct Available {
    Variant list[4] = {};
    std::atomic<const Variant*> used;

    Available() {
        Variant* next = list;
#if defined(__x86_64__)
        __builtin_cpu_init();  // the answers include whether the operating system saves the registers
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma")) {
            *next++ = {"avx512", &kernels_avx512_f32, &kernels_avx512_f64, &formulas_avx512, &expansions_avx512};
        }
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
            *next++ = {"avx2", &kernels_avx2_f32, &kernels_avx2_f64, &formulas_avx2, &expansions_avx2};
        }
#endif
        *next = {"baseline", &kernels_baseline_f32, &kernels_baseline_f64, &formulas_baseline, &expansions_baseline};
        const Variant* wished = find(std::getenv("SPLINEWORK_ISA"));
        used = wished ? wished : list;
    }

    const Variant* find(const char* name) const {
        if (!name) return nullptr;
        for (const Variant* each = list; each->name; ++each) {
            if (std::strcmp(each->name, name) == 0) return each;
        }
        return nullptr;
    }
};

Available& available() {
    static Available found;
    return found;
}

const bool found_at_load = (available(), true);

}  // namespace

const Variant* available_variants() { return available().list; }

const Variant& variant() { return *available().used.load(std::memory_order_acquire); }

bool use_variant(const char* name) {
    const Variant* wished = available().find(name);
    if (wished) available().used.store(wished, std::memory_order_release);
    return wished != nullptr;
}

template <>
const Kernels<float>& kernels<float>() {
    return *variant().f32;
}

template <>
const Kernels<double>& kernels<double>() {
    return *variant().f64;
}

const FormulaKernel& formula_kernel() { return *variant().formulas; }

const ExpansionKernel& expansion_kernel() { return *variant().expansions; }

}  // namespace splinework
