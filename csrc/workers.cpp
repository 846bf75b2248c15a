// Threads for items of work: those of the OpenMP runtime that torch has loaded, else a pool of our own.
//
// A second runtime beside torch's would put two sets of spinning threads on the same cores. So none is linked: the entry
// point of the one that is there is looked up by name, and called as code compiled with -fopenmp would call it.
#include "workers.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>

#include <pthread.h>
#include <unistd.h>

#if defined(__linux__)
#include <dlfcn.h>
#include <link.h>
#endif

namespace splinework {
namespace {

const pid_t home = getpid();
thread_local bool inside_an_item = false;

// On the stack of the caller, who leaves only when nobody works on it any more.
struct Job {
    Item item;
    void* context;
    int64_t items;
    std::atomic<int64_t> next{0};
    std::atomic<bool> out_of_memory{false};  // all that an item may throw; no exception leaves a borrowed thread

    void work() noexcept {
        const bool before = inside_an_item;
        inside_an_item = true;
        try {
            for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < items;) item(context, i);
        } catch (...) {
            out_of_memory.store(true, std::memory_order_relaxed);
            next.store(items, std::memory_order_relaxed);
        }
        inside_an_item = before;
    }
};

void work_on(void* job) { static_cast<Job*>(job)->work(); }

inline void pause_briefly() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Looks again and again for some 20 µs, which is less than going to sleep and waking up costs.
template <class Done>
bool spin(Done&& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(20);
    do {
        for (int i = 0; i < 16; ++i) {
            if (done()) return true;
            pause_briefly();
        }
    } while (std::chrono::steady_clock::now() < end);
    return done();
}

// One job at a time. A worker who wakes up late finds no seat and goes back to sleep: nobody waits for it.
class Pool {
  public:
    // False where another caller has the pool.
    bool run(Job& job, int helpers) {
        if (taken_.exchange(true, std::memory_order_acquire)) return false;
        {
            std::lock_guard lock(mutex_);
            while (workers_ < std::min(helpers, most_workers) && start_worker()) ++workers_;
            job_ = &job;
            seats_ = std::min(helpers, workers_);
            round_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        job.work();
        {
            std::lock_guard lock(mutex_);
            seats_ = 0;
        }
        if (!spin([this] { return active_.load(std::memory_order_acquire) == 0; })) {
            std::unique_lock lock(mutex_);
            idle_.wait(lock, [this] { return active_.load(std::memory_order_relaxed) == 0; });
        }
        taken_.store(false, std::memory_order_release);
        return true;
    }

  private:
    static constexpr int most_workers = 255;

    bool start_worker() {
        pthread_attr_t attributes;
        if (pthread_attr_init(&attributes) != 0) return false;
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, size_t{4} << 20);  // musl's own is 128 KiB
        // Signals are for the threads that were there before.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_t thread;
        const int error = pthread_create(&thread, &attributes, &Pool::serve, this);
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        pthread_attr_destroy(&attributes);
        return error == 0;
    }

    static void* serve(void* pool) {
        static_cast<Pool*>(pool)->serve();
        return nullptr;
    }

    [[noreturn]] void serve() noexcept {
        uint64_t seen = 0;
        for (;;) {
            const auto news = [&] { return round_.load(std::memory_order_acquire) != seen; };
            spin(news);
            std::unique_lock lock(mutex_);
            wake_.wait(lock, news);
            seen = round_.load(std::memory_order_relaxed);
            if (seats_ == 0) continue;
            --seats_;
            active_.fetch_add(1, std::memory_order_relaxed);
            Job* job = job_;
            lock.unlock();
            job->work();
            lock.lock();
            if (active_.fetch_sub(1, std::memory_order_release) == 1) idle_.notify_one();
        }
    }

    std::atomic<bool> taken_{false};
    std::mutex mutex_;
    std::condition_variable wake_, idle_;
    std::atomic<uint64_t> round_{0};
    std::atomic<int> active_{0};
    Job* job_ = nullptr;
    int seats_ = 0;
    int workers_ = 0;
};

// Never destroyed: its threads outlive every static object.
Pool* own_pool() {
    static Pool* pool = new (std::nothrow) Pool;
    return pool;
}

using Parallel = void (*)(void (*)(void*), void*, unsigned threads, unsigned flags);

std::mutex borrowing;
std::atomic<Parallel> borrowed{nullptr};
char runtime[4096] = "own";
std::atomic<const char*> runtime_name{"own"};

#if defined(__linux__)

struct Loaded {
    static constexpr int most = 16;
    char paths[most][4000];
    int count = 0;
};

// libgomp.so.1, libgomp-a34b3233.so.1 (as wheels rename it), libiomp5.so, libomp.so; not libgomp-plugin-*, libomptarget.
bool is_openmp(const char* path) {
    const char* slash = std::strrchr(path, '/');
    const char* name = slash ? slash + 1 : path;
    if (std::strncmp(name, "libgomp-plugin", 14) == 0) return false;
    for (const char* stem : {"libgomp", "libiomp5", "libomp5", "libomp"}) {
        const size_t length = std::strlen(stem);
        if (std::strncmp(name, stem, length) == 0 && (name[length] == '.' || name[length] == '-')) return true;
    }
    return false;
}

int collect(dl_phdr_info* object, size_t, void* into) {
    Loaded& loaded = *static_cast<Loaded*>(into);
    const char* path = object->dlpi_name;
    if (!path || std::strlen(path) >= sizeof loaded.paths[0] || !is_openmp(path)) return 0;
    std::strcpy(loaded.paths[loaded.count++], path);
    return loaded.count == Loaded::most;
}

bool borrow(const char* path) {
    void* object = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);  // kept open, so that it stays
    if (!object) return false;
    const auto parallel = reinterpret_cast<Parallel>(dlsym(object, "GOMP_parallel"));
    if (!parallel) {
        dlclose(object);
        return false;
    }
    std::snprintf(runtime, sizeof runtime, "gomp: %s", path);
    runtime_name.store(runtime, std::memory_order_release);
    borrowed.store(parallel, std::memory_order_release);
    return true;
}

void borrow_any(const char* hint) {
    Loaded* loaded = new (std::nothrow) Loaded;
    if (!loaded) return;
    dl_iterate_phdr(collect, loaded);  // opens nothing itself: the loader's lock is held meanwhile
    bool done = false;
    for (const bool hinted : {true, false}) {
        for (int i = 0; i < loaded->count && !done; ++i) {
            const bool has_hint = hint && *hint && std::strstr(loaded->paths[i], hint);
            done = has_hint == hinted && borrow(loaded->paths[i]);
        }
    }
    delete loaded;
}

#else

void borrow_any(const char*) {}

#endif

}  // namespace

void run_items(int64_t items, int threads, Item item, void* context) {
    const int helpers = static_cast<int>(std::min<int64_t>(items, threads)) - 1;
    if (helpers < 1 || inside_an_item || getpid() != home) {
        for (int64_t i = 0; i < items; ++i) item(context, i);
        return;
    }
    Job job{item, context, items};
    if (const Parallel parallel = borrowed.load(std::memory_order_acquire)) {
        parallel(work_on, &job, static_cast<unsigned>(helpers) + 1, 0);
    } else if (Pool* pool = own_pool(); !pool || !pool->run(job, helpers)) {
        job.work();
    }
    if (job.out_of_memory.load(std::memory_order_relaxed)) throw std::bad_alloc();
}

const char* worker_runtime() { return runtime_name.load(std::memory_order_acquire); }

void borrow_runtime(const char* hint) {
    std::lock_guard lock(borrowing);
    if (!borrowed.load(std::memory_order_relaxed)) borrow_any(hint);
}

}  // namespace splinework
