// Threads: items of work are taken from a counter by whoever is free; each item owns its results, so who works is unseen.
#pragma once

#include <cstdint>

namespace splinework {

using Item = void (*)(void* context, int64_t item);

// Runs item(context, 0 … items - 1) on up to `threads` threads, the caller among them, and returns when all are done.
// Runs on the caller alone where `threads` or `items` is 1, and in a process forked from the one that loaded this library.
void run_items(int64_t items, int threads, Item item, void* context);

// A convenience for a callable.
template <class F>
void for_each_item(int64_t items, int threads, F&& f) {
    run_items(items, threads, [](void* context, int64_t item) { (*static_cast<F*>(context))(item); }, &f);
}

// Which threads are used: "gomp: <path>" (the OpenMP runtime that is already loaded), or "own".
const char* worker_runtime();

// Borrows the OpenMP runtime of the loaded object whose path contains `hint` (such as "/torch/lib/"), else any one that is
// loaded, else keeps the own pool. Called once, after torch has been loaded.
void borrow_runtime(const char* hint);

}  // namespace splinework
