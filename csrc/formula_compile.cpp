// Trees of formulas as code: their size, the hash of their structure, their steps and constants.
#include <cmath>

#include "formula_tree.hpp"

namespace splinework {
namespace {

int nodes_of(const Term& term);

int nodes_of(const Factor& factor) {
    int count = 1;
    if (factor.kind != Operation::column) count = nodes(factor.inside[0]) + (factor.kind != Operation::sum);
    return count + (factor.power != 1 ? 2 : 0);
}

int nodes_of(const Term& term) {
    int count = 2;  // a coefficient, and the product
    for (const Factor& factor : term.factors) count += nodes_of(factor);
    return count;
}

uint64_t mixed(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

uint64_t structure_of(const Factor& factor) {
    uint64_t h = mixed(static_cast<uint64_t>(factor.kind) * 131 + static_cast<uint64_t>(factor.column) + 7);
    h += mixed(static_cast<uint64_t>(std::llround(factor.power * 60) + 4096));
    if (!factor.inside.empty()) h = mixed(h + 3 * structure(factor.inside[0], false));
    return mixed(h);
}

uint64_t structure_of(const Term& term) {
    uint64_t h = 17;
    for (const Factor& factor : term.factors) h += structure_of(factor);
    return mixed(h);
}

// Compiles a tree into a code.
class Compiler {
  public:
    Compiler(Code& code, std::vector<double>& constants) : code_(code), constants_(constants) {}

    int sum(const Sum& s, bool pinned) {
        int constant = -1;
        if (s.has_constant) constant = number(s.constant, true);
        std::vector<int> parts, factors;
        bool first = pinned;
        for (const Term& term : s.terms) {
            factors.push_back(number(term.coefficient, !first));
            first = false;
            parts.push_back(product(term));
        }
        return step({Operation::sum, 0, 0, 0, constant, 0}, parts, factors);
    }

    bool fits() const {
        return code_.steps.size() <= max_steps && code_.parameters <= max_coefficients && code_.parameters > 0;
    }

  private:
    int number(double value, bool is_free) {
        constants_.push_back(value);
        code_.free.push_back(is_free ? code_.parameters++ : -1);
        return static_cast<int>(constants_.size()) - 1;
    }

    int step(Step made, const std::vector<int>& parts, const std::vector<int>& factors) {
        made.first = static_cast<int>(code_.arguments.size());
        made.count = static_cast<int>(parts.size());
        code_.arguments.insert(code_.arguments.end(), parts.begin(), parts.end());
        code_.coefficients.insert(code_.coefficients.end(), factors.begin(), factors.end());
        code_.coefficients.resize(code_.arguments.size(), -1);
        code_.own += is_own(made.operation);
        code_.steps.push_back(made);
        return static_cast<int>(code_.steps.size()) - 1;
    }

    int product(const Term& term) {
        std::vector<int> parts;
        for (const Factor& factor : term.factors) parts.push_back(this->factor(factor));
        if (parts.size() == 1) return parts[0];
        return step({Operation::product, 0, 0, 0, -1, 0}, parts, {});
    }

    int factor(const Factor& f) {
        int at = 0;
        if (f.kind == Operation::column) at = step({Operation::column, 0, 0, f.column, -1, 0}, {}, {});
        else at = sum(f.inside[0], f.kind == Operation::sum);
        if (f.kind != Operation::column && f.kind != Operation::sum) at = step({f.kind, 0, 0, 0, -1, 0}, {at}, {});
        if (f.power != 1) at = step({Operation::power, 0, 0, 0, -1, f.power}, {at}, {});
        return at;
    }

    Code& code_;
    std::vector<double>& constants_;
};

void put_into(Sum& s, const std::vector<double>& constants, size_t& at) {
    if (s.has_constant) s.constant = constants[at++];
    for (Term& term : s.terms) {
        term.coefficient = constants[at++];
        for (Factor& factor : term.factors)
            if (!factor.inside.empty()) put_into(factor.inside[0], constants, at);
    }
}

}  // namespace

int nodes(const Sum& sum) {
    int count = sum.has_constant ? 1 : 0;
    for (const Term& term : sum.terms) count += nodes_of(term);
    return count + (sum.has_constant || sum.terms.size() > 1);
}

uint64_t structure(const Sum& sum, bool at_root) {
    uint64_t h = sum.has_constant && !at_root ? 5 : 11;
    for (const Term& term : sum.terms) h += structure_of(term);
    return mixed(h);
}

bool compile(const Sum& root, Code& code, std::vector<double>& constants) {
    code.clear();
    constants.clear();
    if (root.terms.empty()) return false;
    Compiler compiler(code, constants);
    compiler.sum(root, false);
    return compiler.fits();
}

void put(Sum& root, const std::vector<double>& constants) {
    // `compile` numbers the coefficient of a term before what is inside of it, so that one walk in the same order will do.
    size_t at = 0;
    put_into(root, constants, at);
}

}  // namespace splinework
