// The vectors of one instruction set, by the compiler's own vector types: operators, and `a * b + c` becomes one FMA.
//
// Everything is in an unnamed namespace on purpose: a function with external linkage, compiled here for AVX-512, could be
// the copy that the linker keeps for the baseline too.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

// For what is called once for a whole column, by many kernels: one copy is enough.
#define SPLINEWORK_ONE_COPY __attribute__((noinline))

namespace splinework {
namespace {

using real = SPLINEWORK_REAL;

#if defined(__AVX512F__)
constexpr int vector_bytes = 64, registers = 32;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32, registers = 16;
#elif defined(__aarch64__)
constexpr int vector_bytes = 16, registers = 32;
#else
constexpr int vector_bytes = 16, registers = 16;
#endif

constexpr int lanes = vector_bytes / static_cast<int>(sizeof(real));

template <int bytes> struct IntegerOf;
template <> struct IntegerOf<4> { using type = int32_t; };
template <> struct IntegerOf<8> { using type = int64_t; };
using integer = IntegerOf<sizeof(real)>::type;

typedef real vec __attribute__((vector_size(vector_bytes)));
typedef integer ivec __attribute__((vector_size(vector_bytes)));
typedef real vec_anywhere __attribute__((vector_size(vector_bytes), aligned(sizeof(real)), may_alias));

inline vec load(const real* p) { return *reinterpret_cast<const vec_anywhere*>(p); }
inline void store(real* p, vec v) { *reinterpret_cast<vec_anywhere*>(p) = v; }
inline vec all(real x) { return x - vec{}; }  // x - 0 is x for every x, so this is a broadcast and nothing else

// The first n lanes, zeros after them; n from 0 to `lanes`. No byte beyond them is touched.
inline vec load_first(const real* p, int n) {
#if defined(__AVX512F__)
    if constexpr (sizeof(real) == 4) return vec(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p));
    else return vec(_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n) - 1), p));
#else
    vec v{};
    std::memcpy(&v, p, static_cast<size_t>(n) * sizeof(real));
    return v;
#endif
}

inline void store_first(real* p, vec v, int n) {
#if defined(__AVX512F__)
    if constexpr (sizeof(real) == 4) _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), (__m512)v);
    else _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << n) - 1), (__m512d)v);
#else
    std::memcpy(p, &v, static_cast<size_t>(n) * sizeof(real));
#endif
}

// table[index[lane]] for every lane.
inline vec look_up(const real* table, const int32_t* index) {
#if defined(__AVX512F__)
    if constexpr (sizeof(real) == 4) return vec(_mm512_i32gather_ps(_mm512_loadu_si512(index), table, 4));
    else return vec(_mm512_i32gather_pd(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(index)), table, 8));
#else
    vec v{};
    for (int n = 0; n < lanes; ++n) v[n] = table[index[n]];
    return v;
#endif
}

#if defined(__AVX512F__)
// What two registers hold, by an index into both.
inline vec pick(vec low, vec high, ivec index) {
    if constexpr (sizeof(real) == 4) return vec(_mm512_permutex2var_ps((__m512)low, (__m512i)index, (__m512)high));
    else return vec(_mm512_permutex2var_pd((__m512d)low, (__m512i)index, (__m512d)high));
}
#endif

// Whether the test holds in any lane.
inline bool any(ivec where) {
#if defined(__AVX512F__)
    return _mm512_test_epi32_mask((__m512i)where, (__m512i)where) != 0;
#else
    integer found = 0;
    for (int n = 0; n < lanes; ++n) found |= where[n];
    return found != 0;
#endif
}

template <int N, class V>
inline V interleave_low(const V& a, const V& b) {
    if constexpr (N == 16) return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    else if constexpr (N == 8) return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    else if constexpr (N == 4) return __builtin_shufflevector(a, b, 0, 4, 1, 5);
    else return __builtin_shufflevector(a, b, 0, 2);
}

template <int N, class V>
inline V interleave_high(const V& a, const V& b) {
    if constexpr (N == 16) return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    else if constexpr (N == 8) return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    else if constexpr (N == 4) return __builtin_shufflevector(a, b, 2, 6, 3, 7);
    else return __builtin_shufflevector(a, b, 1, 3);
}

// to[c] = column c of a square of `lanes` rows. Interleaving row i with row i + lanes / 2, log2(lanes) times, transposes.
inline void transpose(const real* from, int64_t from_row, real* to, int64_t to_row) {
    vec a[lanes], b[lanes];
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) a[i] = load(from + i * from_row);
#pragma GCC unroll 4
    for (int stage = 1; stage < lanes; stage *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < lanes / 2; ++i) {
            b[2 * i] = interleave_low<lanes>(a[i], a[i + lanes / 2]);
            b[2 * i + 1] = interleave_high<lanes>(a[i], a[i + lanes / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < lanes; ++i) a[i] = b[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) store(to + i * to_row, a[i]);
}

// A vector of P numbers, whatever the registers: the compiler splits or shortens it.
template <int P>
struct PackOf {
    typedef real type __attribute__((vector_size(P * sizeof(real))));
};
template <int P>
using pack = typename PackOf<P>::type;

// The sum of all lanes, by halves: one fixed tree.
template <int P, class V>
inline real sum_of(const V& v) {
    if constexpr (P == 1) {
        return v[0];
    } else if constexpr (P == 2) {
        return v[0] + v[1];
    } else {
        pack<P / 2> halves[2];
        std::memcpy(halves, &v, sizeof(v));
        return sum_of<P / 2>(halves[0] + halves[1]);
    }
}
inline real sum(vec v) { return sum_of<lanes>(v); }

inline vec choose(ivec where, vec yes, vec no) { return where ? yes : no; }

// e^x to about one unit in the last place, for arguments that do not overflow; NaN gives NaN.
inline vec exponential(vec x) {
    constexpr bool single = sizeof(real) == 4;
    constexpr real magic = single ? real(12582912.0) : real(6755399441055744.0);  // 1.5 · 2^(mantissa bits)
    constexpr real limit = single ? real(87) : real(708);
    constexpr real ln2_high = single ? real(0.693145751953125) : real(0.693147180369123816490);
    constexpr real ln2_low = single ? real(1.42860677e-6) : real(1.90821492927058770002e-10);
    x = choose(x < -limit, all(-limit), x);
    x = choose(x > limit, all(limit), x);
    const vec shifted = x * real(1.44269504088896340736) + magic;
    const vec n = shifted - magic;
    const vec r = (x - n * ln2_high) - n * ln2_low;
    vec p;
    if constexpr (single) {
        p = all(real(1.0 / 5040));
        constexpr real c[] = {real(1.0 / 720), real(1.0 / 120), real(1.0 / 24), real(1.0 / 6), real(0.5), real(1), real(1)};
        for (real q : c) p = p * r + q;
    } else {
        p = all(real(1.0 / 6227020800.0));
        constexpr real c[] = {real(1.0 / 479001600), real(1.0 / 39916800), real(1.0 / 3628800), real(1.0 / 362880),
                              real(1.0 / 40320),     real(1.0 / 5040),     real(1.0 / 720),     real(1.0 / 120),
                              real(1.0 / 24),        real(1.0 / 6),        real(0.5),           real(1), real(1)};
        for (real q : c) p = p * r + q;
    }
    ivec bits, power;
    std::memcpy(&bits, &p, sizeof(p));
    std::memcpy(&power, &shifted, sizeof(p));
    bits += power << (single ? 23 : 52);
    std::memcpy(&p, &bits, sizeof(p));
    return choose(x == x, p, x);
}

// The logistic function; exactly 0 where its tail would be lost against any x that multiplies it.
inline vec logistic(vec x) {
    constexpr real limit = sizeof(real) == 4 ? real(87) : real(708);
    const vec value = real(1) / (real(1) + exponential(-x));
    return choose(x < -limit, vec{}, value);
}

// The derivative of order r of x σ(x), given x and σ(x): x σ^(r) + r σ^(r-1), each a polynomial in σ.
inline vec silu_derivative(vec x, vec s, int r) {
    const vec t = s * (real(1) - s);
    switch (r) {
        case 0: return x * s;
        case 1: return x * t + s;
        case 2: return t * (x * (real(1) - real(2) * s) + real(2));
        case 3: return t * (x * (real(1) - real(6) * t) + real(3) * (real(1) - real(2) * s));
        default: {  // 4
            const vec third = t * (real(1) - real(6) * t);
            const vec fourth = t * (real(1) - real(2) * s) * (real(1) - real(12) * t);
            return x * fourth + real(4) * third;
        }
    }
}

}  // namespace
}  // namespace splinework
