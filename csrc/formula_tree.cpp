// Random trees of formulas, and random changes of them.
#include "formula_tree.hpp"

#include <algorithm>
#include <cmath>

namespace splinework {
namespace {

// Every sum, with whether it is the root, and every factor.
struct Places {
    std::vector<Sum*> sums;
    std::vector<Factor*> factors;
    std::vector<Term*> terms;

    explicit Places(Sum& root) { visit(root); }

  private:
    void visit(Sum& s) {
        sums.push_back(&s);
        for (Term& term : s.terms) {
            terms.push_back(&term);
            for (Factor& factor : term.factors) {
                factors.push_back(&factor);
                if (!factor.inside.empty()) visit(factor.inside[0]);
            }
        }
    }
};

double random_number(Generator& random) {
    const double size = std::pow(10.0, 1.6 * random.uniform() - 0.8);
    return random.chance(0.5) ? size : -size;
}

double random_power(Generator& random, const Vocabulary& words) { return words.powers[random.below(static_cast<int>(words.powers.size()))]; }

Factor random_factor(Generator& random, const Vocabulary& words, int depth) {
    Factor f;
    f.column = random.below(words.columns);
    if (depth > 0 && !words.functions.empty() && random.chance(0.4)) {
        f.kind = words.functions[random.below(static_cast<int>(words.functions.size()))];
        f.column = 0;
        f.inside.push_back(random_sum(random, words, depth - 1));
        f.inside[0].has_constant = f.kind != Operation::exp && random.chance(0.25);
        if (f.inside[0].has_constant) f.inside[0].constant = random_number(random);
    } else if (depth > 0 && random.chance(0.15)) {
        f.kind = Operation::sum;
        f.column = 0;
        f.inside.push_back(random_sum(random, words, depth - 1));
        f.inside[0].has_constant = f.inside[0].terms.size() < 2 || random.chance(0.5);
        f.inside[0].constant = random_number(random);
        f.power = random_power(random, words);
    } else if (random.chance(0.3)) {
        f.power = random_power(random, words);
    }
    return f;
}

template <class T>
T& any_of(std::vector<T>& list, Generator& random) {
    return list[random.below(static_cast<int>(list.size()))];
}

// A new part so small that a formula stays what it was: the fit then moves its coefficient from there.
constexpr double slight = 1e-3;
constexpr double max_power = 6;

// A factor that is made of a whole sum: itself if it is one factor, else a sum to the power 1.
Factor as_factor(Sum sum) {
    Factor f;
    f.kind = Operation::sum;
    f.inside.push_back(std::move(sum));
    return f;
}

void wrap(Factor& factor, Generator& random, const Vocabulary& words) {
    if (words.functions.empty()) return;
    Sum inner;
    inner.terms.push_back({random_number(random), {std::move(factor)}});
    Factor outer;
    outer.kind = any_of(const_cast<std::vector<Operation>&>(words.functions), random);
    outer.inside.push_back(std::move(inner));
    factor = std::move(outer);
}

// Removes what is empty and sums that are no sums: (c u)^1 as a factor is u, exp has no constant inside.
void tidy(Sum& s) {
    for (Term& term : s.terms) {
        std::vector<Factor> kept;
        for (Factor& f : term.factors) {
            if (!f.inside.empty()) {
                tidy(f.inside[0]);
                Sum& in = f.inside[0];
                if (in.terms.empty()) continue;
                if (f.kind == Operation::exp) {
                    in.has_constant = false;
                    for (Term& t : in.terms) t.coefficient *= f.power;
                    f.power = 1;
                }
                if (f.kind == Operation::sum && in.terms.size() == 1 && !in.has_constant) {
                    const double p = f.power;
                    for (Factor& g : std::vector<Factor>(std::move(in.terms[0].factors))) {
                        g.power *= p;
                        kept.push_back(g);
                    }
                    continue;
                }
                if (f.kind == Operation::sum && f.power == 1 && term.factors.size() == 1 && s.terms.size() == 1 && !s.has_constant) {
                    const double c = term.coefficient;  // the sum is this sum
                    Sum up = std::move(in);
                    up.constant *= c;
                    for (Term& t : up.terms) t.coefficient *= c;
                    s = std::move(up);
                    return;
                }
            }
            f.power = std::clamp(f.power, -max_power, max_power);
            if (f.power == 0) continue;
            const auto same = std::find_if(kept.begin(), kept.end(), [&](const Factor& g) {
                return f.kind == Operation::column && g.kind == Operation::column && g.column == f.column;
            });
            if (same == kept.end()) kept.push_back(std::move(f));
            else same->power = std::clamp(same->power + f.power, -max_power, max_power);
        }
        kept.erase(std::remove_if(kept.begin(), kept.end(), [](const Factor& f) { return f.power == 0; }), kept.end());
        term.factors = std::move(kept);
    }
    s.terms.erase(std::remove_if(s.terms.begin(), s.terms.end(), [](const Term& t) { return t.factors.empty(); }), s.terms.end());
}

}  // namespace

Term random_term(Generator& random, const Vocabulary& words, int depth) {
    Term term;
    term.coefficient = random_number(random);
    term.factors.push_back(random_factor(random, words, depth));
    while (term.factors.size() < 3 && random.chance(0.35)) term.factors.push_back(random_factor(random, words, depth));
    return term;
}

Sum random_sum(Generator& random, const Vocabulary& words, int depth) {
    Sum sum;
    sum.terms.push_back(random_term(random, words, depth));
    while (sum.terms.size() < 3 && random.chance(0.25)) sum.terms.push_back(random_term(random, words, depth));
    return sum;
}

void vary(Sum& root, Generator& random, const Vocabulary& words) {
    Places all(root);
    Sum& sum = *any_of(all.sums, random);
    Term* term = all.terms.empty() ? nullptr : any_of(all.terms, random);
    Factor* factor = all.factors.empty() ? nullptr : any_of(all.factors, random);
    switch (random.below(18)) {
        case 0:
        case 1:
            sum.terms.push_back(random_term(random, words, 2));
            if (random.chance(0.5)) sum.terms.back().coefficient *= slight;
            break;
        case 2:
            if (sum.terms.size() > 1) sum.terms.erase(sum.terms.begin() + random.below(static_cast<int>(sum.terms.size())));
            break;
        case 3:
        case 4:
            if (term) term->factors.push_back(random_factor(random, words, 2));
            break;
        case 5:
            if (term && term->factors.size() > 1)
                term->factors.erase(term->factors.begin() + random.below(static_cast<int>(term->factors.size())));
            break;
        case 6:
        case 7:
            if (factor) factor->power = random.chance(0.3) ? 1 : random_power(random, words);
            break;
        case 8:
        case 9:
            if (factor && factor->kind != Operation::column && !words.functions.empty())
                factor->kind = random.chance(0.8) ? any_of(const_cast<std::vector<Operation>&>(words.functions), random) : Operation::sum;
            else if (factor && words.columns > 1) factor->column = random.below(words.columns);
            break;
        case 10:
            if (factor) wrap(*factor, random, words);
            break;
        case 11:  // a function of a whole term, or of a whole sum
            if (term && random.chance(0.5)) {
                Factor f = as_factor({});
                f.inside[0].terms.push_back(*term);
                if (!words.functions.empty()) f.kind = any_of(const_cast<std::vector<Operation>&>(words.functions), random);
                term->factors = {std::move(f)};
            } else {
                Factor f = as_factor(sum);
                if (!words.functions.empty() && random.chance(0.7)) f.kind = any_of(const_cast<std::vector<Operation>&>(words.functions), random);
                else f.power = random_power(random, words);
                sum.terms = {Term{1, {std::move(f)}}};
                sum.has_constant = &sum == &root;
            }
            break;
        case 12:  // without the function around
            if (factor && !factor->inside.empty()) {
                Factor f = as_factor(factor->inside[0]);
                *factor = std::move(f);
            }
            break;
        case 13:
            if (&sum != &root) {
                sum.has_constant = !sum.has_constant;
                sum.constant = random_number(random) * (random.chance(0.5) ? slight : 1);
            }
            break;
        case 14:
            if (factor) *factor = random_factor(random, words, 2);
            break;
        case 15:  // other constants
            for (Term& t : sum.terms)
                if (random.chance(0.5)) t.coefficient = random.chance(0.5) ? random_number(random) : t.coefficient * std::exp(2 * random.uniform() - 1);
            if (sum.has_constant && random.chance(0.5)) sum.constant = random_number(random);
            break;
        case 16:  // two terms as a product of sums: (a + b) instead of a
            if (factor) {
                Factor f = as_factor({});
                f.inside[0].terms.push_back({1, {*factor}});
                f.inside[0].terms.push_back(random_term(random, words, random.below(2)));
                if (random.chance(0.6)) f.inside[0].terms.back().coefficient *= slight;
                if (random.chance(0.3)) f.power = -1;
                if (f.inside[0].terms[0].factors[0].kind == Operation::column) std::swap(f.power, f.inside[0].terms[0].factors[0].power);
                *factor = std::move(f);
            }
            break;
        case 17:  // a part alone
            if (factor && !factor->inside.empty()) {
                Sum part = factor->inside[0];
                root = std::move(part);
            }
            break;
    }
    tidy(root);
    root.has_constant = true;
}

std::vector<Sum> without_a_part(const Sum& root) {
    std::vector<Sum> found;
    Sum copy = root;
    const size_t sums = Places(copy).sums.size(), terms = Places(copy).terms.size(), factors = Places(copy).factors.size();
    const auto offer = [&](Sum made) {
        tidy(made);
        made.has_constant = true;
        if (!made.terms.empty() && nodes(made) < nodes(root)) found.push_back(std::move(made));
    };
    for (size_t i = 0; i < sums; ++i) {
        for (size_t k = 0; k < Places(copy).sums[i]->terms.size(); ++k) {
            Sum made = root;
            std::vector<Term>& list = Places(made).sums[i]->terms;
            list.erase(list.begin() + static_cast<long>(k));
            offer(std::move(made));
        }
        if (i > 0 && Places(copy).sums[i]->has_constant) {
            Sum made = root;
            Places(made).sums[i]->has_constant = false;
            offer(std::move(made));
        }
    }
    for (size_t i = 0; i < terms; ++i) {
        for (size_t k = 0; k < Places(copy).terms[i]->factors.size(); ++k) {
            Sum made = root;
            std::vector<Factor>& list = Places(made).terms[i]->factors;
            list.erase(list.begin() + static_cast<long>(k));
            offer(std::move(made));
        }
    }
    for (size_t i = 0; i < factors; ++i) {
        if (Places(copy).factors[i]->inside.empty()) continue;
        Sum made = root;
        Factor& factor = *Places(made).factors[i];
        Factor f = as_factor(factor.inside[0]);
        f.power = factor.power;
        factor = std::move(f);
        offer(std::move(made));
    }
    return found;
}

void cross(Sum& root, const Sum& other, Generator& random) {
    Sum copy = other;
    Places here(root), there(copy);
    if (here.factors.empty() || there.factors.empty()) return;
    switch (random.below(5)) {
        case 0: *any_of(here.factors, random) = Factor(*any_of(there.factors, random)); break;
        case 1: any_of(here.sums, random)->terms.push_back(*any_of(there.terms, random)); break;
        case 2: *any_of(here.terms, random) = Term(*any_of(there.terms, random)); break;
        case 3: any_of(here.terms, random)->factors.push_back(Factor(*any_of(there.factors, random))); break;
        case 4: *any_of(here.sums, random) = Sum(*any_of(there.sums, random)); break;
    }
    tidy(root);
    root.has_constant = true;
}

}  // namespace splinework
