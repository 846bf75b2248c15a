// Formulas in the Python module: populations of them, and the values of one.
#include "binding.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "evolution.hpp"

namespace nb = nanobind;

namespace splinework {
namespace {

// A sum is (constant or None, [(coefficient, [factor, ...]), ...]), a factor (kind, column, power, sum or None).
nb::tuple to_tuple(const Sum& sum) {
    nb::list terms;
    for (const Term& term : sum.terms) {
        nb::list factors;
        for (const Factor& f : term.factors) {
            nb::object inside = f.inside.empty() ? nb::none() : nb::object(to_tuple(f.inside[0]));
            factors.append(nb::make_tuple(static_cast<int>(f.kind), f.column, f.power, inside));
        }
        terms.append(nb::make_tuple(term.coefficient, factors));
    }
    return nb::make_tuple(sum.has_constant ? nb::object(nb::float_(sum.constant)) : nb::none(), terms);
}

Sum to_sum(nb::handle tuple, int columns, int own = 0, int depth = 0) {
    require(depth < 30, "a formula is nested too deeply");
    Sum sum;
    sum.has_constant = !tuple[0].is_none();
    if (sum.has_constant) sum.constant = nb::cast<double>(tuple[0]);
    for (nb::handle term_tuple : nb::list(tuple[1])) {
        Term term;
        term.coefficient = nb::cast<double>(term_tuple[0]);
        for (nb::handle each : nb::list(term_tuple[1])) {
            Factor f;
            const int kind = nb::cast<int>(each[0]);
            require(kind >= 0 && kind < operations + own && kind != static_cast<int>(Operation::product) &&
                        kind != static_cast<int>(Operation::power), "a factor is a column, a sum or a function");
            f.kind = static_cast<Operation>(kind);
            f.column = nb::cast<int>(each[1]);
            f.power = nb::cast<double>(each[2]);
            require(f.column >= 0 && f.column < columns, "there is no such column");
            if (f.kind != Operation::column) f.inside.push_back(to_sum(each[3], columns, own, depth + 1));
            term.factors.push_back(std::move(f));
        }
        require(!term.factors.empty(), "a term has factors");
        sum.terms.push_back(std::move(term));
    }
    return sum;
}

Rows read_rows(int64_t n, int64_t columns, int64_t x_address, int64_t y_address, int64_t root_address) {
    require(n > 0 && columns > 0, "an evolution takes rows and columns");
    const auto *x = reinterpret_cast<const double*>(x_address), *y = reinterpret_cast<const double*>(y_address),
               *root = reinterpret_cast<const double*>(root_address);
    Rows rows;
    rows.padded = (n + block - 1) / block * block;
    rows.columns = static_cast<int>(columns);
    rows.x.resize(rows.padded * columns), rows.y.resize(rows.padded), rows.root.assign(rows.padded, 0.0);
    for (int64_t b = 0; b < rows.padded; ++b) {
        const int64_t from = b < n ? b : n - 1;
        for (int64_t i = 0; i < columns; ++i) rows.x[i * rows.padded + b] = x[i * n + from];
        rows.y[b] = y[from];
        if (b < n) rows.root[b] = root[b];
    }
    return rows;
}

// A function of Python, called with whether its slope is wanted and the bytes of `block` numbers; it returns such bytes.
struct OwnCallable {
    nb::callable function;
    std::exception_ptr failure;

    static void call(void* context, bool slope, const double* z, double* out) {
        auto& own = *static_cast<OwnCallable*>(context);
        nb::gil_scoped_acquire locked;
        std::fill_n(out, block, std::numeric_limits<double>::quiet_NaN());
        if (own.failure) return;
        try {
            const auto made = nb::cast<nb::bytes>(own.function(slope, nb::bytes(z, block * sizeof(double))));
            require(made.size() == block * sizeof(double), "a function gives as many numbers as it takes");
            std::memcpy(out, made.data(), block * sizeof(double));
        } catch (...) {
            own.failure = std::current_exception();
        }
    }
};

constexpr const char* evolution_name = "splinework.evolution";

struct PythonEvolution : Evolution {
    PythonEvolution(Rows rows, Vocabulary words, uint64_t seed, double floor, std::vector<std::unique_ptr<OwnCallable>> callables)
        : Evolution(std::move(rows), std::move(words), seed, floor), own_callables(std::move(callables)) {}
    PythonEvolution(const PythonEvolution&) = delete;

    // What `act` gives, alone among threads and without the interpreter's lock: who waited for the other threads with that lock
    // would keep it from the functions of Python that they call.
    template <class F>
    auto alone(F&& act) {
        nb::gil_scoped_release released;
        std::lock_guard locked(in_use);
        auto found = act();
        for (const auto& each : own_callables)
            if (each->failure) std::rethrow_exception(std::exchange(each->failure, nullptr));
        return found;
    }

    std::vector<std::unique_ptr<OwnCallable>> own_callables;
    std::mutex in_use;
};

nb::object make_evolution(int64_t n, int64_t columns, int64_t x, int64_t y, int64_t root, nb::list functions, nb::list powers,
                          int max_nodes, uint64_t seed, double floor, nb::list own) {
    Vocabulary words;
    const int known = operations + static_cast<int>(own.size());
    require(known <= 255, "there are too many functions");
    words.columns = static_cast<int>(columns);
    for (nb::handle each : functions) {
        const int kind = nb::cast<int>(each);
        require(kind >= first_function && kind < known, "there is no such function");
        words.functions.push_back(static_cast<Operation>(kind));
    }
    for (nb::handle each : powers) words.powers.push_back(nb::cast<double>(each));
    require(!words.powers.empty(), "powers are needed");
    words.max_nodes = max_nodes;
    Rows rows = read_rows(n, columns, x, y, root);
    std::vector<std::unique_ptr<OwnCallable>> callables;
    for (nb::handle each : own) {
        callables.push_back(std::make_unique<OwnCallable>(OwnCallable{nb::cast<nb::callable>(each), nullptr}));
        rows.own.push_back({&OwnCallable::call, callables.back().get()});
    }
    return to_capsule(std::make_unique<PythonEvolution>(std::move(rows), words, seed, floor, std::move(callables)), evolution_name);
}

PythonEvolution& evolution_of(nb::handle capsule) { return *from_capsule<PythonEvolution>(capsule, evolution_name); }

nb::list front_of(nb::handle capsule) {
    PythonEvolution& evolution = evolution_of(capsule);
    nb::list found;
    for (const Individual& each : evolution.alone([&] { return evolution.front(); }))
        found.append(nb::make_tuple(each.size, each.rss, to_tuple(each.tree)));
    return found;
}

}  // namespace

void bind_formulas(nb::module_& m) {
    m.def("evolution", &make_evolution);
    m.def("evolution_seed", [](nb::handle capsule, nb::tuple tree) {
        PythonEvolution& e = evolution_of(capsule);
        const Sum sum = to_sum(tree, e.columns(), e.own());
        e.alone([&] { return e.seed(sum), true; });
    });
    m.def("evolution_run", [](nb::handle capsule, double work) {
        PythonEvolution& e = evolution_of(capsule);
        return e.alone([&] { return e.run(work); });
    });
    m.def("evolution_work", [](nb::handle capsule) {
        PythonEvolution& e = evolution_of(capsule);
        return e.alone([&] { return e.work(); });
    });
    m.def("evolution_front", &front_of);
    m.def("formula_values", [](nb::tuple tree, int64_t n, int64_t columns, int64_t x, int64_t y, int64_t root, int64_t out) {
        const Rows rows = read_rows(n, columns, x, y, root);
        Code code;
        std::vector<double> constants, values(rows.padded), normal(max_coefficients * max_coefficients), pull(max_coefficients);
        require(compile(to_sum(tree, static_cast<int>(columns)), code, constants), "a formula has too many parts");
        formula_kernel().values(code, constants.data(), rows, values.data());
        std::copy_n(values.data(), n, reinterpret_cast<double*>(out));
        const double rss = formula_kernel().squares(code, constants.data(), rows, normal.data(), pull.data());
        nb::list gradient;
        for (int k = 0; k < code.parameters; ++k) gradient.append(pull[k]);
        return nb::make_tuple(rss, gradient);
    });
}

}  // namespace splinework
