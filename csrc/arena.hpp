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

// Memory that outlives a call, for those who made it: a forward pass leaves there what its backward pass can use again.
class Kept {
  public:
    Kept() = default;
    ~Kept();
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;

    // Room for `bytes`, from now on `maker`'s, for a batch of so many rows. What was there is gone.
    char* make(size_t bytes, const void* maker, int64_t batch);

    // What `make` gave, or null where somebody else made it or for another batch.
    char* of(const void* maker, int64_t batch) const { return maker == maker_ && batch == batch_ ? memory_ : nullptr; }

  private:
    Scratch* scratch_ = nullptr;
    char* memory_ = nullptr;
    const void* maker_ = nullptr;
    int64_t batch_ = -1;
};

}  // namespace splinework
