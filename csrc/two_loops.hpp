// A direction of L-BFGS in one call: the last few steps and changes of the gradient stand for the inverse Hessian.
#pragma once

#include <cstdint>
#include <vector>

namespace splinework {

template <class T>
struct CurvaturePair {
    const T *s, *y;  // a step, and the change of the gradient over it
    double inverse;  // 1 / s'y
};

template <class T>
double dot(const T* a, const T* b, int64_t size) {
    constexpr int apart = 8;  // running sums, so that one addition does not wait for the other
    double sums[apart] = {};
    int64_t n = 0;
    for (; n + apart <= size; n += apart)
        for (int k = 0; k < apart; ++k) sums[k] += double(a[n + k]) * double(b[n + k]);
    double total = 0;
    for (; n < size; ++n) total += double(a[n]) * double(b[n]);
    for (double sum : sums) total += sum;
    return total;
}

template <class T>
void add_scaled(T* to, const T* from, double factor, int64_t size) {
    for (int64_t n = 0; n < size; ++n) to[n] += static_cast<T>(factor) * from[n];
}

// q becomes H q (Nocedal & Wright 2006, algorithm 7.4), H from pairs, oldest first, and from (s'y / y'y) I of the last one.
template <class T>
void two_loops(const std::vector<CurvaturePair<T>>& pairs, T* q, int64_t size) {
    std::vector<double> shares(pairs.size());
    for (size_t k = pairs.size(); k-- > 0;) {
        shares[k] = dot(pairs[k].s, q, size) * pairs[k].inverse;
        add_scaled(q, pairs[k].y, -shares[k], size);
    }
    const CurvaturePair<T>& last = pairs.back();
    const T scale = static_cast<T>(1 / (dot(last.y, last.y, size) * last.inverse));
    for (int64_t n = 0; n < size; ++n) q[n] *= scale;
    for (size_t k = 0; k < pairs.size(); ++k)
        add_scaled(q, pairs[k].s, shares[k] - dot(pairs[k].y, q, size) * pairs[k].inverse, size);
}

}  // namespace splinework
