// A network near its present coefficients, for least squares: J'J and J'r without J.
//
// The row of J for an output is made of products: the sensitivity of the output to the sum j of a layer, times the values of
// the few functions of an input that are not zero at a point. So a block of J'J between two layers is
// Σ_rows (values ⊗ values') ⊗ (Σ_outputs sensitivities ⊗ sensitivities'), and one sum over the outputs serves all functions.
#pragma once

#include <cstdint>
#include <vector>

#include "layer.hpp"

namespace splinework {

// A layer, its inputs at the rows, and where in the vector of all parameters its own are.
struct ExpandedLayer {
    Layer<double> layer;
    Matrix<const double> x;            // (N, I)
    const int64_t* edges = nullptr;    // (I, J): place of the edge's first coefficient, -1 where there is no edge
    const int64_t* biases = nullptr;   // (J): place of each bias; absent where there are none
    int64_t functions() const { return layer.splines + (layer.base_kind != Base::none); }  // of an input
};

struct Expansion {
    std::vector<ExpandedLayer> layers;
    int64_t rows = 0;
    Matrix<const double> root;  // (N, O): what an output's row of J is multiplied by, in J'J
    Matrix<const double> pull;  // (N, O): what J' is multiplied by
    int64_t outputs() const { return layers.back().layer.outputs; }
};

// The multiplications of `add_squares` for a row, in vectors: what is compared with a product of matrices.
double work_of_squares(const Expansion&);

// Adds J'R²J to `matrix` (P, P), both halves, and J'p to `vector` (P).
void add_squares(const Expansion&, double* matrix, int64_t size, double* vector, int threads);

// The kernel of one instruction set: adds up some rows in `sums`, whose layout is expansion_sums.hpp.
struct ExpansionKernel {
    void (*add)(const Expansion&, int64_t first, int64_t last, double* sums);
};

const ExpansionKernel& expansion_kernel();  // of the instruction set in use

}  // namespace splinework
