// Layers one after the other, forward and backward: what a whole network costs is then one call.
#pragma once

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "arena.hpp"
#include "variants.hpp"

namespace splinework {

// One layer and the constants of its sums (J), or null.
template <class T>
struct Edges {
    Layer<T> layer;
    const T* bias;
};

// Columns in raw units to those of the network and back: (value - shift) / scale before the first layer, value · scale +
// shift behind the last one. Absent where the addresses are 0, and treated so where they change nothing.
template <class T>
struct Units {
    const T *shift_in, *scale_in, *shift_out, *scale_out;

    void forget_idle(int64_t inputs, int64_t outputs) {
        if (idle(shift_in, scale_in, inputs)) scale_in = nullptr;
        if (idle(shift_out, scale_out, outputs)) scale_out = nullptr;
    }

    static bool idle(const T* shift, const T* scale, int64_t n) {
        for (int64_t i = 0; i < n && scale; ++i)
            if (shift[i] != T(0) || scale[i] != T(1)) return false;
        return true;
    }

    size_t room(int64_t batch, int64_t inputs) const { return scale_in ? Scratch::room<T>(batch * inputs) : 0; }

    void enter(Points<T>& points, int64_t inputs, Scratch& scratch) const {
        if (!scale_in) return;
        T* u = scratch.take<T>(points.batch * inputs);
        for (int64_t b = 0; b < points.batch; ++b) {
            const T* x = &points.x(b, 0);
            T* to = u + b * inputs;
            if (points.x.column == 1)
                for (int64_t i = 0; i < inputs; ++i) to[i] = (x[i] - shift_in[i]) / scale_in[i];
            else
                for (int64_t i = 0; i < inputs; ++i) to[i] = (x[i * points.x.column] - shift_in[i]) / scale_in[i];
        }
        points.x = Matrix<const T>{u, inputs, 1};
    }
};

// Where a backward pass of a layer is to put its gradients: c, scale, base and bias; 0 where it is not wanted.
template <class T>
struct Wanted {
    Gradients<T> gradients;
    T* bias;
};

// Layers of which each takes what the one before gives.
template <class T>
struct Network {
    std::vector<Edges<T>> layers;
    Units<T> units;
    int threads;
    Algorithm algorithm;

    Network(std::vector<Edges<T>> layers, Units<T> units, int threads, Algorithm algorithm)
        : layers(std::move(layers)), units(units), threads(threads), algorithm(algorithm) {
        this->units.forget_idle(inputs(), outputs());
    }

    int64_t inputs() const { return layers[0].layer.inputs; }
    int64_t outputs() const { return layers.back().layer.outputs; }

    // `kept`: one for each layer, or null where no backward pass follows.
    void forward(Points<T> points, int order, const std::vector<Sums<T>>& sums, std::deque<Kept>* kept) const {
        const int64_t batch = points.batch;
        Scratch scratch(units.room(batch, inputs()));
        units.enter(points, inputs(), scratch);
        for (size_t l = 0; l < layers.size(); ++l) {
            kernels<T>().forward(layers[l].layer, points, order, sums[l], threads, algorithm, kept ? &(*kept)[l] : nullptr);
            points = Points<T>{};
            points.batch = batch;
            points.x = Matrix<const T>{sums[l].y.data, sums[l].y.row, 1};
        }
        const Matrix<T>& y = sums.back().y;
        for (int64_t b = 0; b < batch && units.scale_out; ++b)
            for (int64_t j = 0; j < outputs(); ++j) y(b, j) = y(b, j) * units.scale_out[j] + units.shift_out[j];
    }

    // `hidden`: what the second and later layers were given. `kept`: what the forward pass has left there, or null. The orders are those of the first layer, 1 and 0 if more follow.
    void backward(Points<T> points, const std::vector<Matrix<const T>>& hidden, Matrix<const T> g, const Matrix<T>& probe,
                  const std::vector<Wanted<T>>& wanted, int probe_order, int scatter_order, const std::deque<Kept>* kept) const {
        const int64_t batch = points.batch;
        int64_t widest = 0;
        for (size_t l = 1; l < layers.size(); ++l) widest = std::max(widest, layers[l].layer.inputs);
        Scratch scratch(2 * Scratch::room<T>(widest * batch) + units.room(batch, inputs()) +
                        (units.scale_out ? Scratch::room<T>(batch * outputs()) : 0));
        units.enter(points, inputs(), scratch);
        if (units.scale_out) {
            T* pull = scratch.take<T>(batch * outputs());
            for (int64_t b = 0; b < batch; ++b)
                for (int64_t j = 0; j < outputs(); ++j) pull[b * outputs() + j] = g(b, j) * units.scale_out[j];
            g = Matrix<const T>{pull, outputs(), 1};
        }
        T* pulled[2] = {scratch.take<T>(widest * batch), scratch.take<T>(widest * batch)};
        for (size_t l = layers.size(); l-- > 0;) {
            Gradients<T> out = wanted[l].gradients;
            out.g = g;
            out.probe_order = probe_order, out.scatter_order = scatter_order;
            Points<T> at = points;
            if (l > 0) {
                at = Points<T>{};
                at.batch = batch;
                at.x = hidden[l - 1];
                out.probe = Matrix<T>{pulled[l % 2], layers[l].layer.inputs, 1};
            } else {
                out.probe = probe;
            }
            if (wanted[l].bias) bias_gradient(g, batch, layers[l].layer.outputs, wanted[l].bias);
            kernels<T>().backward(layers[l].layer, at, out, threads, algorithm, kept ? &(*kept)[l] : nullptr);
            g = Matrix<const T>{out.probe.data, out.probe.row, 1};
        }
        for (int64_t b = 0; b < batch && units.scale_in && probe; ++b)
            for (int64_t i = 0; i < inputs(); ++i) probe(b, i) /= units.scale_in[i];
    }

    static void bias_gradient(const Matrix<const T>& g, int64_t batch, int64_t outputs, T* to) {
        constexpr int64_t together = 64;  // one running sum over a long batch would lose single precision
        Scratch scratch(Scratch::room<double>(outputs) + Scratch::room<T>(outputs));
        double* total = scratch.take<double>(outputs);
        T* few = scratch.take<T>(outputs);
        for (int64_t j = 0; j < outputs; ++j) total[j] = 0;
        for (int64_t start = 0; start < batch; start += together) {
            for (int64_t j = 0; j < outputs; ++j) few[j] = 0;
            for (int64_t b = start; b < std::min(batch, start + together); ++b) {
                const T* row = g.data + b * g.row;
                for (int64_t j = 0; j < outputs; ++j) few[j] += row[j];
            }
            for (int64_t j = 0; j < outputs; ++j) total[j] += static_cast<double>(few[j]);
        }
        for (int64_t j = 0; j < outputs; ++j) to[j] = static_cast<T>(total[j]);
    }
};

}  // namespace splinework
