// What the files of the Python module share.
#pragma once

#include <nanobind/nanobind.h>

#include <stdexcept>

namespace splinework {

inline void require(bool condition, const char* what) {
    if (!condition) throw std::invalid_argument(what);
}

// Adds the evolution of formulas, and the values of one, to the module.
void bind_formulas(nanobind::module_& m);

}  // namespace splinework
