// The most multiply-adds that this processor does in a second: what the kernels are measured against.
#pragma once

#include <chrono>

#include "simd.hpp"
#include "workers.hpp"

namespace splinework {
namespace {

// Independent chains of FMAs on registers, the best of several spells of about 10 ms.
inline double fma_peak(int threads) {
    constexpr int chains = 12, rounds = 200000, spells = 8;
    volatile real one = 1, nought = 0;
    double best = 0;
    for (int spell = 0; spell < spells; ++spell) {
        const auto began = std::chrono::steady_clock::now();
        for_each_item(threads, threads, [&](int64_t) {
            const vec factor = all(one), more = all(nought);
            vec sum[chains];
            for (int n = 0; n < chains; ++n) sum[n] = all(one);
            for (int r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
                for (int n = 0; n < chains; ++n) sum[n] = sum[n] * factor + more;
            }
            real total = 0;
            for (int n = 0; n < chains; ++n) total += sum[n][0];
            nought = total * 0;
        });
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        const double rate = double(threads) * chains * rounds * lanes / seconds;
        best = rate > best ? rate : best;
    }
    return best;
}

}  // namespace
}  // namespace splinework
