// Scratch memory that is kept between calls: allocating it anew costs more than a small layer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace splinework {

// A block of at least the size asked for, 64-byte aligned, given back at the end of its scope. Contents are arbitrary.
// Blocks are pooled for the whole process, under a lock; small ones are cheap enough to be taken inside an item.
class Scratch {
  public:
    explicit Scratch(size_t bytes);
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    // The next `count` elements, 64-byte aligned. The caller has asked for enough (see `room`).
    template <class T>
    T* take(int64_t count) {
        T* found = reinterpret_cast<T*>(next_);
        next_ += room<T>(count);
        return found;
    }

    // Bytes that `take<T>(count)` uses up.
    template <class T>
    static constexpr size_t room(int64_t count) {
        return (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
    }

  private:
    char* next_;
    void* block_;
};

}  // namespace splinework
