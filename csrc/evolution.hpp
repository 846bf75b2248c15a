// A population of formulas that is varied, fitted and selected, the best of every size kept (an archive of elites: Mouret & Clune
// 2015, arXiv 1504.04909). One thread; what it finds depends on the seed and the work alone.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "formula_tree.hpp"

namespace splinework {

struct Individual {
    Sum tree;
    double rss = 0;
    int size = 0;
    uint64_t key = 0;
};

class Evolution {
  public:
    Evolution(Rows rows, Vocabulary words, uint64_t seed, double floor);

    void seed(const Sum& tree);  // a formula to begin from; it stays one through new beginnings
    // Goes on for an amount of work, in steps times rows; true once a formula is exact, which ends it.
    bool run(double work);
    int columns() const { return words_.columns; }
    int own() const { return static_cast<int>(rows_.own.size()); }
    double work() const { return work_; }
    std::vector<Individual> front() const;  // of size and error, the smallest first

  private:
    struct Attempts {
        int count = 0;
        double best = 0;
    };

    void begin_anew();
    bool fit(Individual& one, int steps);
    void consider(Sum tree, bool given = false);  // a given one is a start of its own, however often its structure was tried
    const Individual& parent();
    void keep(Individual one);
    bool is_allowed(uint64_t key);
    double error_of_smaller(int size) const;
    void add_by_residual(Sum& tree);
    void find_frequency(Sum& tree);
    void shorten();
    void charge(double steps) { work_ += steps * static_cast<double>(rows_.padded + rows_of_set_up); }

    static constexpr int rows_of_set_up = 118;  // in the time for which a formula is set up before it goes through the rows
    Rows rows_;
    Vocabulary words_;
    Generator random_;
    double floor_, total_ = 0, work_ = 0, fruitless_ = 0;
    bool exact_ = false;
    std::vector<std::vector<Individual>> cells_;  // by size, the best first
    std::vector<Individual> best_;  // of every size, through new beginnings
    std::vector<Sum> seeds_;
    std::unordered_map<uint64_t, Attempts> attempts_;
    Code code_;
    std::vector<double> constants_;
    Generator restarts_;
};

}  // namespace splinework
