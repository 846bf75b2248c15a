// Laws of the threads and of the scratch memory: every item once, nested and concurrent calls, failures that come back, forks.
#include <atomic>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "arena.hpp"
#include "workers.hpp"

namespace splinework::test {

std::string workers_and_arena();

namespace {

// Whether each of `count` items is done once.
bool once_each(int64_t count, int threads) {
    std::vector<int> done(count, 0);
    for_each_item(count, threads, [&](int64_t item) { ++done[item]; });
    for (int times : done) {
        if (times != 1) return false;
    }
    return true;
}

bool nested() {
    std::atomic<int64_t> done{0};
    for_each_item(8, 4, [&](int64_t) { for_each_item(8, 4, [&](int64_t) { ++done; }); });
    return done == 64;
}

bool concurrent() {
    std::atomic<bool> good{true};
    std::vector<std::thread> callers;
    for (int n = 0; n < 4; ++n) {
        callers.emplace_back([&] {
            for (int64_t round = 0; round < 200; ++round) {
                if (!once_each(round % 17, 4)) good = false;
            }
        });
    }
    for (std::thread& caller : callers) caller.join();
    return good;
}

bool failures_come_back() {
    for (int threads : {1, 4}) {
        bool caught = false;
        try {
            for_each_item(100, threads, [](int64_t item) {
                if (item == 50) throw std::bad_alloc();
            });
        } catch (const std::bad_alloc&) {
            caught = true;
        }
        if (!caught || !once_each(100, threads)) return false;
    }
    return true;
}

bool works_in_a_fork() {
#if defined(__SANITIZE_THREAD__)
    return true;  // its runtime does not follow a process with threads into a fork
#else
    const pid_t child = fork();
    if (child == 0) _exit(once_each(100, 4) ? 0 : 1);
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
#endif
}

bool blocks_are_apart() {
    std::atomic<bool> good{true};
    for_each_item(400, 4, [&](int64_t item) {
        const int64_t count = 1 << (item % 18);
        Scratch first(Scratch::room<char>(count) + Scratch::room<double>(3)), second(Scratch::room<char>(count));
        char* one = first.take<char>(count);
        double* three = first.take<double>(3);
        char* two = second.take<char>(count);
        for (const void* address : {static_cast<void*>(one), static_cast<void*>(three), static_cast<void*>(two)}) {
            if (reinterpret_cast<uintptr_t>(address) % 64) good = false;
        }
        std::memset(one, static_cast<int>(item % 100), count);
        std::memset(two, 101, count);
        three[0] = three[2] = 1;
        for (int64_t n = 0; n < count; ++n) {
            if (one[n] != item % 100 || two[n] != 101) good = false;
        }
    });
    return good;
}

bool too_much_is_refused() {
    try {
        Scratch scratch(SIZE_MAX - 100);
    } catch (const std::bad_alloc&) {
        return true;
    }
    return false;
}

}  // namespace

std::string workers_and_arena() {
    for (int threads : {1, 2, 4, 7}) {
        for (int64_t count : {0, 1, 2, 3, 100, 10000}) {
            if (!once_each(count, threads)) return "workers: an item is left out, or done twice";
        }
    }
    if (!nested()) return "workers: nested";
    if (!concurrent()) return "workers: concurrent callers";
    if (!failures_come_back()) return "workers: an exception in an item";
    if (!works_in_a_fork()) return "workers: in a fork";
    if (!blocks_are_apart()) return "arena: blocks overlap";
    if (!too_much_is_refused()) return "arena: too large a block";
    return "";
}

}  // namespace splinework::test
