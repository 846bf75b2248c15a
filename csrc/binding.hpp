// What the files of the Python module share.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <stdexcept>

namespace splinework {

inline void require(bool condition, const char* what) {
    if (!condition) throw std::invalid_argument(what);
}

// An object of C++ for Python to hold, as a capsule; None without one. The module has no types of its own: what a script or a notebook
// still holds at its end is not always freed, as torch calls Python no more by then, and nanobind would report an instance as leaked.
template <class T>
nanobind::object to_capsule(std::unique_ptr<T> object, const char* name) {
    if (!object) return nanobind::none();
    nanobind::object made = nanobind::capsule(object.get(), name, [](void* p) noexcept { delete static_cast<T*>(p); });
    object.release();
    return made;
}

// What a capsule of that name holds.
template <class T>
T* from_capsule(nanobind::handle made, const char* name) {
    auto* object = static_cast<T*>(PyCapsule_GetPointer(made.ptr(), name));
    if (!object) throw nanobind::python_error();
    return object;
}

// Adds the evolution of formulas, and the values of one, to the module.
void bind_formulas(nanobind::module_& m);

}  // namespace splinework
