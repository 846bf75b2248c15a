// Formulas in the Python module: populations of them, and the values of one.
#include "binding.hpp"

#include <algorithm>
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

Sum to_sum(nb::handle tuple, int columns, int depth = 0) {
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
            require(kind >= 0 && kind < operations && kind != static_cast<int>(Operation::product) &&
                        kind != static_cast<int>(Operation::power), "a factor is a column, a sum or a function");
            f.kind = static_cast<Operation>(kind);
            f.column = nb::cast<int>(each[1]);
            f.power = nb::cast<double>(each[2]);
            require(f.column >= 0 && f.column < columns, "there is no such column");
            if (f.kind != Operation::column) f.inside.push_back(to_sum(each[3], columns, depth + 1));
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

Evolution* make_evolution(int64_t n, int64_t columns, int64_t x, int64_t y, int64_t root, nb::list functions, nb::list powers,
                          int max_nodes, uint64_t seed, double floor) {
    Vocabulary words;
    words.columns = static_cast<int>(columns);
    for (nb::handle each : functions) {
        const int kind = nb::cast<int>(each);
        require(kind >= first_function && kind < operations, "there is no such function");
        words.functions.push_back(static_cast<Operation>(kind));
    }
    for (nb::handle each : powers) words.powers.push_back(nb::cast<double>(each));
    require(!words.powers.empty(), "powers are needed");
    words.max_nodes = max_nodes;
    return new Evolution(read_rows(n, columns, x, y, root), words, seed, floor);
}

nb::list front_of(Evolution& evolution) {
    std::vector<Individual> front;
    {
        std::lock_guard alone(evolution.in_use);
        front = evolution.front();
    }
    nb::list found;
    for (const Individual& each : front) found.append(nb::make_tuple(each.size, each.rss, to_tuple(each.tree)));
    return found;
}

}  // namespace

void bind_formulas(nb::module_& m) {
    nb::class_<Evolution>(m, "Evolution")
        .def("seed", [](Evolution& e, nb::tuple tree) {
            const Sum sum = to_sum(tree, e.columns());
            std::lock_guard alone(e.in_use);
            e.seed(sum);
        })
        .def("run", [](Evolution& e, double work) {
            std::lock_guard alone(e.in_use);
            return e.run(work);
        }, nb::call_guard<nb::gil_scoped_release>())
        .def("work", [](Evolution& e) { return std::lock_guard(e.in_use), e.work(); })
        .def("tried", [](Evolution& e) { return std::lock_guard(e.in_use), e.tried(); })
        .def("front", &front_of);
    m.def("evolution", &make_evolution, nb::rv_policy::take_ownership);
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
