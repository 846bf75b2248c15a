// The pool behind Scratch: free blocks by size class, a bounded amount of them.
#include "arena.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace splinework {
namespace {

constexpr size_t alignment = 64;
constexpr size_t smallest = 4096;
constexpr int classes = 57;                            // four to an octave: 4 KiB, 5, 6, 7, 8, …, 64 MiB
constexpr size_t most_retained = size_t{64} << 20;     // bytes, in all classes together
constexpr size_t most_of_a_class = size_t{4} << 20;    // bytes, but never fewer than two blocks
constexpr int unpooled = -1;

// Stands in the 64 bytes in front of what is handed out.
struct Block {
    Block* next;
    int size_class;
};
static_assert(sizeof(Block) <= alignment);

struct Class {
    Block* free = nullptr;
    size_t count = 0;
};

// A sanitizer sees a write beyond the end only where every block is an allocation of its own and of the size asked for.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool pooling = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool pooling = false;
#else
constexpr bool pooling = true;
#endif
#else
constexpr bool pooling = true;
#endif

constinit std::atomic_flag busy = ATOMIC_FLAG_INIT;
constinit Class pool[classes];
constinit size_t retained = 0;

// Who does not get the lock soon goes to the system's allocator instead: after a fork it may stay closed for ever.
bool try_to_lock() {
    for (int attempt = 0; attempt < 1000; ++attempt) {
        if (!busy.test_and_set(std::memory_order_acquire)) return true;
    }
    return false;
}

void unlock() { busy.clear(std::memory_order_release); }

size_t class_size(int size_class) { return (smallest / 4) * (4 + size_class % 4) << (size_class / 4); }

int class_of(size_t size) {
    int found = 0;
    while (found < classes && class_size(found) < size) ++found;
    return found < classes ? found : unpooled;
}

Block* take_block(int size_class) {
    if (!try_to_lock()) return nullptr;
    Class& from = pool[size_class];
    Block* found = from.free;
    if (found) {
        from.free = found->next;
        --from.count;
        retained -= class_size(size_class);
    }
    unlock();
    return found;
}

bool keep_block(Block* block) {
    if (!try_to_lock()) return false;
    const size_t size = class_size(block->size_class);
    Class& to = pool[block->size_class];
    const bool kept = retained + size <= most_retained && (to.count < 2 || (to.count + 1) * size <= most_of_a_class);
    if (kept) {
        block->next = to.free;
        to.free = block;
        ++to.count;
        retained += size;
    }
    unlock();
    return kept;
}

}  // namespace

Scratch::Scratch(size_t bytes) {
    if (bytes > SIZE_MAX / 2) throw std::bad_alloc();  // a negative count, or one that overflowed
    size_t size = (bytes + 2 * alignment - 1) / alignment * alignment;
    const int size_class = pooling ? class_of(size) : unpooled;
    Block* block = nullptr;
    if (size_class != unpooled) {
        size = class_size(size_class);
        block = take_block(size_class);
    }
    if (!block) {
        void* fresh = std::aligned_alloc(alignment, size);
        if (!fresh) throw std::bad_alloc();
        block = new (fresh) Block{nullptr, size_class};
    }
    block_ = block;
    next_ = static_cast<char*>(block_) + alignment;
}

Scratch::~Scratch() {
    Block* block = static_cast<Block*>(block_);
    if (block->size_class != unpooled && keep_block(block)) return;
    std::free(block);
}

Kept::~Kept() { delete scratch_; }

char* Kept::make(size_t bytes, const void* maker, int64_t batch) {
    delete scratch_;
    scratch_ = nullptr, memory_ = nullptr;
    scratch_ = new Scratch(bytes);
    memory_ = scratch_->take<char>(static_cast<int64_t>(bytes));
    maker_ = maker, batch_ = batch;
    return memory_;
}

}  // namespace splinework
