// What the kernels are given: one layer of edges, the points it is evaluated at, and where the results go.
//
// Plain addresses, sizes and strides (all in elements); nothing here knows Python or torch.
//
//   contract   y_bj     = bias_j + Σ_i s_bi Σ_m β_m^(r)(x_bi) C_imj
//   probe      p_bi     = Σ_j g_bj Σ_m β_m^(r)(x_bi) C_imj
//   scatter    S_imj    = Σ_b s_bi g_bj β_m^(r)(x_bi)
//
// The edge's coefficients are C_imj = scale_ij c_imj for the splines and C_iMj = base_ij for the base function.
#pragma once

#include <cstdint>

namespace splinework {

enum class Extrapolation : int { linear = 0, constant = 1, zero = 2 };

// `none`: no base function. `silu`: evaluated here, for orders 0 to 4. `given`: its values come with the points.
enum class Base : int { none = 0, silu = 1, given = 2 };

// A matrix of any strides; absent where `data` is null.
template <class T>
struct Matrix {
    T* data = nullptr;
    int64_t row = 0;
    int64_t column = 0;
    T& operator()(int64_t r, int64_t c) const { return data[r * row + c * column]; }
    explicit operator bool() const { return data != nullptr; }
};

template <class T>
struct Layer {
    int64_t inputs = 0;   // I
    int64_t splines = 0;  // M = G + k
    int64_t outputs = 0;  // J
    int degree = 3;       // k, 0 to 9
    Extrapolation extrapolation = Extrapolation::linear;
    Base base_kind = Base::none;
    const T* knots = nullptr;   // (I, M + k + 1), contiguous, non-decreasing
    const T* pieces = nullptr;  // (I, M + k, k + 1 powers, k + 1 splines), contiguous: see functional/bspline.py
    const T* c = nullptr;       // (I, M, J): coefficients of the splines, J contiguous
    int64_t c_input = 0, c_spline = 0;
    Matrix<const T> scale;  // (I, J), column stride 1: factor of the splines, or absent (one)
    Matrix<const T> base;   // (I, J), column stride 1: coefficient of the base function
    Matrix<const T> mask;   // (I, J), column stride 1: zero where there is no edge; absent: all edges are there

    int64_t cells() const { return splines + degree; }
    int rows() const { return degree + 1 + (base_kind != Base::none); }  // active at a point
};

template <class T>
struct Points {
    int64_t batch = 0;  // B
    Matrix<const T> x;  // (B, I)
    Matrix<const T> s;  // (B, I) factors, or absent (one)
    // (B, I), only for Base::given: the base function's derivatives, tails included, of the orders asked for: the probe's
    // first, then the scatter's.
    Matrix<const T> base_values;
    Matrix<const T> base_slopes;
};

// y (B, J), column stride 1, overwritten. `bias` (J) may be null.
template <class T>
struct Sums {
    Matrix<T> y;
    const T* bias = nullptr;
};

// What a backward pass is to give; absent members are not worked out. All are overwritten.
template <class T>
struct Gradients {
    Matrix<const T> g;  // (B, J), column stride 1: the cotangent of y
    int probe_order = 1;
    Matrix<T> probe;  // (B, I), any strides
    int scatter_order = 0;
    T* c = nullptr;  // (I, M, J): scatter times scale, zero where there is no edge
    int64_t c_input = 0, c_spline = 0;
    Matrix<T> scale;  // (I, J): Σ_m scatter c, zero where there is no edge
    Matrix<T> base;   // (I, J): scatter of the base row, zero where there is no edge
};

}  // namespace splinework
