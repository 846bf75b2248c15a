// Formulas as trees that can be varied: sums of terms, terms of factors, factors of columns and functions of sums.
#pragma once

#include <cstdint>
#include <vector>

#include "formula_code.hpp"

namespace splinework {

struct Sum;

// A column, a function of a sum, or a sum itself (`Operation::sum`), to a power.
struct Factor {
    Operation kind = Operation::column;
    int column = 0;
    double power = 1;
    std::vector<Sum> inside;  // one, or none for a column
};

struct Term {
    double coefficient = 1;
    std::vector<Factor> factors;
};

struct Sum {
    bool has_constant = false;
    double constant = 0;
    std::vector<Term> terms;
};

// Small and fast random numbers (splitmix64; Steele, Lea & Flood 2014).
class Generator {
  public:
    explicit Generator(uint64_t seed) : state_(seed) {}
    uint64_t bits() {
        uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }
    double uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
    int below(int n) { return static_cast<int>(bits() % static_cast<uint64_t>(n)); }
    bool chance(double p) { return uniform() < p; }

  private:
    uint64_t state_;
};

// What formulas may be made of.
struct Vocabulary {
    int columns = 1;
    std::vector<Operation> functions;
    std::vector<double> powers;
    int max_nodes = 36;
};

int nodes(const Sum& sum);  // of the tree as sympy would count them
uint64_t structure(const Sum& sum, bool at_root = true);  // a hash that constants do not enter, nor the order of terms and factors

// The code, and the values of its constants; false where the formula has too many steps or constants. The coefficient of the
// first term of a sum in a power is kept as it is, since the factor in front of the product is free.
bool compile(const Sum& root, Code& code, std::vector<double>& constants);
void put(Sum& root, const std::vector<double>& constants);  // the values back into the tree, in the order of `compile`

Term random_term(Generator& random, const Vocabulary& words, int depth);
Sum random_sum(Generator& random, const Vocabulary& words, int depth);
void vary(Sum& root, Generator& random, const Vocabulary& words);  // one change
std::vector<Sum> without_a_part(const Sum& root);  // every tree that lacks one term, factor, constant or function
void cross(Sum& root, const Sum& other, Generator& random);  // a part of the other in place of one, or beside one

}  // namespace splinework
