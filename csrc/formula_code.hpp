// A formula as straight-line code over columns, and the least-squares problem that its constants solve.
//
// Everything is double precision. A formula is a sum of terms, c0 + c1 T1 + c2 T2 + ...; a term is a product of factors; a factor
// is a column, a function of a sum, or a sum itself, to a power.
#pragma once

#include <cstdint>
#include <vector>

namespace splinework {

enum class Operation : uint8_t { column, sum, product, power, exp, log, sin, cos, tanh, atan, asin, sinh, cosh, abs, relu };
constexpr int first_function = static_cast<int>(Operation::exp), operations = static_cast<int>(Operation::relu) + 1;

constexpr int block = 64;  // rows that are worked on at once; `padded` is a multiple

// A function of the caller's, or its slope, on `block` values. In formulas the k-th one is the operation `operations + k`.
struct OwnFunction {
    void (*call)(void* context, bool slope, const double* z, double* out);
    void* context;
};
inline bool is_own(Operation operation) { return static_cast<int>(operation) >= operations; }
inline int own_index(Operation operation) { return static_cast<int>(operation) - operations; }
constexpr int own_cost = 400;  // steps in the time of which a function of the caller's, in Python, gives as many values

constexpr int max_steps = 96, max_coefficients = 24;

// One step; its value is that of `operation` on the values of earlier steps `arguments[first .. first + count)`.
// The coefficients of a sum are `coefficients[first .. first + count)` of the code, its constant is `constant`; -1 is none.
struct Step {
    Operation operation;
    int first, count;
    int column;
    int constant;
    double power;
};

// `coefficients` are indices into the values of the constants, and `free` says at which place of the Jacobian a value stands (-1:
// it is fixed).
struct Code {
    std::vector<Step> steps;
    std::vector<int> arguments, coefficients;
    std::vector<int> free;
    int parameters = 0;
    int own = 0;  // steps of functions of the caller's

    void clear() {
        steps.clear(), arguments.clear(), coefficients.clear(), free.clear();
        parameters = own = 0;
    }
};

// Columns one after the other, each of `padded` rows; the rows beyond those of the data repeat the last one with weight 0.
struct Rows {
    int64_t padded = 0;
    int columns = 0;
    std::vector<double> x, y, root;
    std::vector<OwnFunction> own;
};

// The weighted residual sum of squares at constants `c`, infinite where a value is not finite. With `normal`, also J'J (row by row,
// parameters x parameters) and J'r.
struct FormulaKernel {
    double (*squares)(const Code&, const double* c, const Rows&, double* normal, double* gradient);
    void (*values)(const Code&, const double* c, const Rows&, double* out);
};

const FormulaKernel& formula_kernel();  // of the instruction set in use

}  // namespace splinework
