// Laws of the kernels, over degrees, knots, tails, masks, types, variants, algorithms, strides, sizes and threads:
//   every result is the oracle's, to rounding; nothing around a result is written; the number of threads is unseen, bit by bit;
//   a NaN stays in its row. Usage: test_kernels [--seed N] [--seconds S] [--cases N] [--variant NAME] [--case "field=value …"]
#include <chrono>
#include <csignal>
#include <map>

#include <unistd.h>

#include "expected.hpp"
#include "problem.hpp"
#include "variants.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace splinework::test {

std::string workers_and_arena();  // test_workers.cpp: empty, or what is wrong

namespace {

char current[1024];

void tell_current() {
    [[maybe_unused]] ssize_t ignored = write(2, "while at: --case \"", 18);
    ignored = write(2, current, std::strlen(current));
    ignored = write(2, "\"\n", 2);
}

void tell_and_die(int signal_number) {
    tell_current();
    std::signal(signal_number, SIG_DFL);
    std::raise(signal_number);
}

template <class T>
Results<T> evaluate(const Problem<T>& problem, const Kernels<T>& kernels, int threads) {
    const Case& shape = problem.shape;
    const auto algorithm = static_cast<Algorithm>(shape.algorithm);
    Results<T> found = problem.room();
    Kept kept;
    Kept* keep = threads == 2 ? &kept : nullptr;  // what comes of kept points must not differ by a bit
    kernels.forward(problem.layer, problem.forward_points, shape.order, {found.y.matrix(), problem.bias.data()}, threads,
                    algorithm, keep);
    Gradients<T> gradients;
    gradients.g = problem.g.get();
    gradients.probe_order = shape.probe_order;
    gradients.scatter_order = shape.scatter_order;
    if (shape.wanted & 1) gradients.probe = found.probe.matrix();
    if (shape.wanted & 2) gradients.c = found.c.data();
    gradients.c_input = found.c.plane(), gradients.c_spline = found.c.row();
    if (shape.wanted & 4 && shape.scale) gradients.scale = found.scale.matrix();
    if (shape.wanted & 8 && shape.base) gradients.base = found.base.matrix();
    if (shape.wanted) kernels.backward(problem.layer, problem.backward_points, gradients, threads, algorithm, keep);
    return found;
}

template <class T, class F>
std::string each(const Results<T>& results, const Case& shape, F&& check) {
    const struct {
        const char* name;
        const Output<T>& output;
        bool there;
    } list[] = {{"y", results.y, true},
                {"probe", results.probe, (shape.wanted & 1) != 0},
                {"c", results.c, (shape.wanted & 2) != 0},
                {"scale", results.scale, (shape.wanted & 4) && shape.scale},
                {"base", results.base, (shape.wanted & 8) && shape.base}};
    for (const auto& one : list) {
        if (!one.there) continue;
        const std::string wrong = check(one.name, one.output);
        if (!wrong.empty()) return std::string(one.name) + ": " + wrong;
    }
    return "";
}

template <class T>
const Output<T>& named(const Results<T>& results, const char* name) {
    switch (*name) {
        case 'y': return results.y;
        case 'p': return results.probe;
        case 'c': return results.c;
        case 's': return results.scale;
        default: return results.base;
    }
}

// A row with a NaN has no say in the others: their bits are those of a run without it.
template <class T>
std::string nan_stays_in_its_row(Problem<T>& problem, const Kernels<T>& kernels, const Results<T>& with_nan) {
    problem.x.at(problem.special_row, problem.special_input) = problem.replaced;
    const Results<T> clean = evaluate(problem, kernels, 1);
    for (int64_t b = 0; b < problem.shape.B; ++b) {
        if (b == problem.special_row) continue;
        for (int64_t j = 0; j < problem.shape.J; ++j) {
            const T one = with_nan.y(0, b, j), other = clean.y(0, b, j);
            if (std::memcmp(&one, &other, sizeof(T)) != 0) return "y: a NaN changes row " + std::to_string(b);
        }
        for (int64_t i = 0; (problem.shape.wanted & 1) && i < problem.shape.I; ++i) {
            const T one = with_nan.probe(0, b, i), other = clean.probe(0, b, i);
            if (std::memcmp(&one, &other, sizeof(T)) != 0) return "probe: a NaN changes row " + std::to_string(b);
        }
    }
    return "";
}

template <class T>
std::string failure_of(const Case& shape, const Kernels<T>& kernels) {
    Problem<T> problem(shape);
    const Results<T> results = evaluate(problem, kernels, 1);
    const auto around = [](const char*, const Output<T>& output) { return output.untouched_around(); };
    std::string wrong = each<T>(results, shape, around);
    if (!wrong.empty()) return wrong;
    const Expected<T> expected(problem);
    wrong = each<T>(results, shape, [&](const char* name, const Output<T>& output) { return expected.compare(name, output); });
    if (!wrong.empty()) return wrong;
    for (int threads : {2, 4}) {
        const Results<T> again = evaluate(problem, kernels, threads);
        wrong = each<T>(again, shape, [&](const char* name, const Output<T>& output) -> std::string {
            if (output.same_bits(named(results, name))) return "";
            return "other bits with " + std::to_string(threads) + " threads";
        });
        if (!wrong.empty()) return wrong;
    }
    if (problem.special_row >= 0) return nan_stays_in_its_row(problem, kernels, results);
    return "";
}

std::string failure_of(const Case& shape) {
    std::snprintf(current, sizeof current, "%s", to_text(shape).c_str());
    const Variant& variant = available_variants()[shape.variant];
    return shape.real ? failure_of<double>(shape, *variant.f64) : failure_of<float>(shape, *variant.f32);
}

std::string kind_of(const Case& shape, const std::string& wrong) {
    const std::string what = wrong.substr(0, wrong.find(" at "));
    return std::string(available_variants()[shape.variant].name) + ", algorithm " + std::to_string(shape.algorithm) + ", " +
           what.substr(0, what.find_first_of("0123456789"));
}

void tell(Case failing, std::string wrong) {
    const std::string kind = kind_of(failing, wrong);
    for (int attempts = 0, smaller = 1; smaller && attempts < 2000;) {
        smaller = 0;
        for (const Case& candidate : reductions(failing)) {
            ++attempts;
            const std::string still = failure_of(candidate);
            if (still.empty() || still[0] != wrong[0]) continue;  // it is still the same result
            failing = candidate, wrong = still, smaller = 1;
            break;
        }
    }
    std::printf("FAILED %s; %s\n  --case \"%s\"\n", kind.c_str(), wrong.c_str(), to_text(failing).c_str());
    std::fflush(stdout);
}

// All combinations of these, in a random order; the rest of each case is drawn.
std::vector<Case> combinations(int variants, int only, Random& random) {
    std::vector<Case> found;
    for (int variant = 0; variant < variants; ++variant) {
        if (only >= 0 && variant != only) continue;
        for (int n = 0; n < 5 * 2 * 10 * 3; ++n) {
            Case c;
            c.variant = variant, c.algorithm = n % 5, c.real = n / 5 % 2, c.degree = n / 10 % 10, c.extrapolation = n / 100;
            found.push_back(c);
        }
    }
    for (size_t n = found.size(); n > 1; --n) std::swap(found[n - 1], found[random.below(static_cast<int64_t>(n))]);
    return found;
}

int run(uint64_t seed, double seconds, int64_t most_cases, const char* only_name) {
    int count = 0, only = -1;
    for (; available_variants()[count].name; ++count) {
        if (only_name && std::strcmp(available_variants()[count].name, only_name) == 0) only = count;
    }
    if (only_name && only < 0) return std::printf("no variant %s here\n", only_name), 2;
    const std::string wrong = workers_and_arena();
    if (!wrong.empty()) return std::printf("FAILED %s\n", wrong.c_str()), 1;
    Random random(seed);
    std::map<std::string, int> failures;  // of one kind, one is told
    int64_t cases = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (cases < most_cases && failures.size() < 40 && std::chrono::steady_clock::now() < end) {
        for (Case& c : combinations(count, only, random)) {
            if (cases == most_cases || std::chrono::steady_clock::now() > end) break;
            fill_at_random(c, random);
            ++cases;
            const std::string failed = failure_of(c);
            if (failed.empty()) continue;
            if (failures[kind_of(c, failed)]++ == 0) tell(c, failed);
        }
    }
    for (const auto& [kind, times] : failures) std::printf("%6d times: %s\n", times, kind.c_str());
    std::printf("%lld cases, %zu kinds of failure (seed %llu)\n", static_cast<long long>(cases), failures.size(),
                static_cast<unsigned long long>(seed));
    return failures.empty() ? 0 : 1;
}

}  // namespace
}  // namespace splinework::test

int main(int count, char** words) {
    using namespace splinework::test;
    for (int crash : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) std::signal(crash, tell_and_die);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    __sanitizer_set_death_callback(tell_current);
#endif
    uint64_t seed = 0;
    double seconds = 20;
    int64_t cases = INT64_MAX;
    const char* variant = nullptr;
    for (int n = 1; n + 1 < count; n += 2) {
        const std::string_view option = words[n];
        if (option == "--seed") seed = std::strtoull(words[n + 1], nullptr, 10);
        if (option == "--seconds") seconds = std::atof(words[n + 1]);
        if (option == "--cases") cases = std::atoll(words[n + 1]);
        if (option == "--variant") variant = words[n + 1];
        if (option == "--case") {
            Case one;
            if (!from_text(words[n + 1], one)) return std::printf("no such case\n"), 2;
            const std::string wrong = failure_of(one);
            std::printf("%s\n", wrong.empty() ? "passes" : wrong.c_str());
            return wrong.empty() ? 0 : 1;
        }
    }
    return run(seed, seconds, cases, variant);
}
