// Elementary functions of vectors in double precision, within a few units of the last place on moderate arguments.
//
// Range reductions and series are those of Cody & Waite (Software Manual for the Elementary Functions, 1980); the fraction of
// the arctangent is that of the Cephes library (Moshier 1989). Constants of formulas are fitted again in NumPy in the end.
#pragma once

#include "simd.hpp"

namespace splinework {
namespace {

inline ivec bits(vec x) { return (ivec)x; }
inline vec number(ivec x) { return (vec)x; }
inline ivec all_bits(integer x) { return x - ivec{}; }

constexpr double to_integer = 6755399441055744.0;  // 1.5 * 2^52: adding it leaves the nearest whole number in the low bits

inline vec log_of(vec x) {
    const ivec valid = x > all(1e-300) && x < all(1e300);
    const ivec raw = bits(valid ? x : all(1.0));  // the bits of NaN would overflow below
    const ivec high = (raw + all_bits(0x3ff0000000000000LL - 0x3fe6a09e667f3bcdLL)) & all_bits(0x7ff0000000000000LL);
    const ivec exponent = (high >> 52) - all_bits(1023);
    const vec m = number(raw - (exponent << 52));  // within [sqrt(1/2), sqrt(2))
    const vec e = number(exponent + bits(all(to_integer))) - all(to_integer);
    const vec s = (m - all(1.0)) / (m + all(1.0)), t = s * s;
    vec p = all(1.0 / 23);
    p = p * t + all(1.0 / 21), p = p * t + all(1.0 / 19), p = p * t + all(1.0 / 17), p = p * t + all(1.0 / 15);
    p = p * t + all(1.0 / 13), p = p * t + all(1.0 / 11), p = p * t + all(1.0 / 9), p = p * t + all(1.0 / 7);
    p = p * t + all(1.0 / 5), p = p * t + all(1.0 / 3), p = p * t + all(1.0);
    const vec found = all(2.0) * s * p + e * all(0.693147180559945309417);
    return valid ? found : all(__builtin_nan(""));
}

inline vec sin_of(vec x) {
    const vec shifted = x * all(0.318309886183790671538) + all(to_integer);
    const vec n = shifted - all(to_integer);
    const vec r = ((x - n * all(3.14159265160560607910)) - n * all(1.98418714791870343106E-9)) - n * all(1.14423774522196636802E-17);
    const vec t = r * r;
    vec p = all(1.0 / 51090942171709440000.0);
    p = p * t - all(1.0 / 121645100408832000.0), p = p * t + all(1.0 / 355687428096000.0), p = p * t - all(1.0 / 1307674368000.0);
    p = p * t + all(1.0 / 6227020800.0), p = p * t - all(1.0 / 39916800), p = p * t + all(1.0 / 362880);
    p = p * t - all(1.0 / 5040), p = p * t + all(1.0 / 120), p = p * t - all(1.0 / 6), p = p * t + all(1.0);
    return number(bits(r * p) ^ (bits(shifted) << 63));
}

inline vec cos_of(vec x) { return sin_of(x + all(1.57079632679489661923)); }

inline vec abs_of(vec x) { return number(bits(x) & all_bits(0x7fffffffffffffffLL)); }

inline vec sqrt_of(vec x) {
#if defined(__AVX512F__)
    return vec(_mm512_sqrt_pd((__m512d)x));
#elif defined(__AVX2__)
    return vec(_mm256_sqrt_pd((__m256d)x));
#else
    vec y;
    for (int n = 0; n < lanes; ++n) y[n] = __builtin_sqrt(x[n]);
    return y;
#endif
}

inline vec tanh_of(vec x) {
    const vec size = abs_of(x);
    const vec far = all(1.0) - all(2.0) / (exponential(size * all(2.0)) + all(1.0));
    const vec t = x * x;  // near zero by its series, since the difference above has no digits there
    const vec series = size * (all(1.0) - t * (all(1.0 / 3) - t * (all(2.0 / 15) - t * (all(17.0 / 315) - t * all(62.0 / 2835)))));
    const vec found = size < all(0.02) ? series : far;
    return number(bits(found) | (bits(x) & all_bits(static_cast<integer>(0x8000000000000000ULL))));
}

inline vec atan_of(vec x) {
    const vec size = abs_of(x);
    const auto large = size > all(2.41421356237309504880), middle = size > all(0.66);
    const vec u = large ? all(-1.0) / size : (middle ? (size - all(1.0)) / (size + all(1.0)) : size);
    const vec base = large ? all(1.57079632679489661923) : (middle ? all(0.78539816339744830962) : all(0.0));
    const vec z = u * u;
    vec p = all(-8.750608600031904122785E-1), q = z + all(2.485846490142306297962E1);
    p = p * z - all(1.615753718733365076637E1), p = p * z - all(7.500855792314704667340E1);
    p = p * z - all(1.228866684490136173410E2), p = p * z - all(6.485021904942025371773E1);
    q = q * z + all(1.650270098316988542046E2), q = q * z + all(4.328810604912902668951E2);
    q = q * z + all(4.853903996359136964868E2), q = q * z + all(1.945506571482613964425E2);
    const vec found = base + u * (z * p / q) + u;
    return number(bits(found) ^ (bits(x) & all_bits(static_cast<integer>(0x8000000000000000ULL))));
}

inline vec power_of(vec x, double p) {
    const vec one = all(1.0);
    if (p == 1) return x;
    if (p == 2) return x * x;
    if (p == 3) return x * x * x;
    if (p == 4) return (x * x) * (x * x);
    if (p == -1) return one / x;
    if (p == -2) return one / (x * x);
    if (p == -3) return one / (x * x * x);
    if (p == 0) return one;
    if (p == 0.5) return sqrt_of(x);
    if (p == -0.5) return one / sqrt_of(x);
    if (p == 1.5) return x * sqrt_of(x);
    if (p == -1.5) return one / (x * sqrt_of(x));
    const double whole = __builtin_rint(p);
    if (whole == p && p > -13 && p < 13) {
        vec y = one;
        for (int n = 0; n < static_cast<int>(p < 0 ? -p : p); ++n) y = y * x;
        return p < 0 ? one / y : y;
    }
    return exponential(all(p) * log_of(x));
}

}  // namespace
}  // namespace splinework
