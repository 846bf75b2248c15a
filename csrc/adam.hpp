// A step of Adam for all tensors of a network in one call, as torch.optim.Adam and AdamW take it and with their state.
#pragma once

#include <cmath>
#include <cstdint>

namespace splinework {

// One parameter: its numbers, its gradient, the two running means, and the count of steps that torch keeps for it.
template <class T>
struct AdamTensor {
    T* value;
    const T* gradient;
    T *mean, *square;
    float* steps;
    int64_t size;
};

struct AdamSettings {
    double rate, beta1, beta2, epsilon, decay;
    bool decoupled;  // AdamW: the decay shrinks the numbers themselves, not through the gradient
};

template <class T>
void adam_step(const AdamTensor<T>& t, const AdamSettings& a) {
    const double steps = static_cast<double>(*t.steps += 1.0f);
    const T rate = static_cast<T>(a.rate / (1 - std::pow(a.beta1, steps)));
    const T root = static_cast<T>(std::sqrt(1 - std::pow(a.beta2, steps)));
    const T new_share = static_cast<T>(1 - a.beta1), square_share = static_cast<T>(1 - a.beta2);
    const T old_square = static_cast<T>(a.beta2), epsilon = static_cast<T>(a.epsilon);
    const T shrink = a.decoupled ? static_cast<T>(1 - a.rate * a.decay) : T(1);
    const T pull = a.decoupled ? T(0) : static_cast<T>(a.decay);
    for (int64_t n = 0; n < t.size; ++n) {
        const T value = t.value[n] * shrink, g = t.gradient[n] + pull * value;
        const T mean = t.mean[n] + new_share * (g - t.mean[n]);
        const T square = old_square * t.square[n] + square_share * g * g;
        t.mean[n] = mean, t.square[n] = square;
        t.value[n] = value - rate * mean / (std::sqrt(square) / root + epsilon);
    }
}

}  // namespace splinework
