// One case of the matrix of cases: plain numbers, written and read back as text, and made smaller while it still fails.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace splinework::test {

// splitmix64: the same numbers on every platform.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t bits() {
        uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    int64_t below(int64_t count) { return static_cast<int64_t>(bits() % static_cast<uint64_t>(count)); }
    double uniform(double low, double high) { return low + (high - low) * static_cast<double>(bits() >> 11) * 0x1p-53; }
    template <size_t N>
    int64_t one_of(const int (&choices)[N]) {
        return choices[below(N)];
    }

  private:
    uint64_t state_;
};

enum PointKind : int { mixed, one_cell, tails, knots_only, nan_entry, infinities, point_kinds };
enum LayoutKind : int { tight, gaps, zero_strides, layouts };
enum MaskKind : int { no_mask, half, sparse, nothing_left, masks };
enum KnotKind : int { uniform, quantile, repeated, knot_kinds };

struct Case {
    int variant = 0;    // in the order of available_variants()
    int algorithm = 0;  // Algorithm
    int real = 0;       // 0 float, 1 double
    int degree = 3;
    int extrapolation = 0;
    int B = 1, I = 1, J = 1, grid = 5;
    int knots = uniform;
    int domain = 0;
    int base = 0;
    int mask = no_mask;
    int scale = 0, bias = 0, factors = 0;  // 0 absent, 1 present
    int points = mixed;
    int layout = tight;
    int order = 0, probe_order = 1, scatter_order = 0;
    int wanted = 15;  // bits: probe, c, scale, base
    int seed = 0;
};

struct Field {
    const char* name;
    int Case::* member;
};

inline constexpr Field fields[] = {
    {"variant", &Case::variant}, {"algorithm", &Case::algorithm}, {"real", &Case::real}, {"degree", &Case::degree},
    {"extrapolation", &Case::extrapolation}, {"B", &Case::B}, {"I", &Case::I}, {"J", &Case::J}, {"grid", &Case::grid},
    {"knots", &Case::knots}, {"domain", &Case::domain}, {"base", &Case::base}, {"mask", &Case::mask},
    {"scale", &Case::scale}, {"bias", &Case::bias}, {"factors", &Case::factors}, {"points", &Case::points},
    {"layout", &Case::layout}, {"order", &Case::order}, {"probe_order", &Case::probe_order},
    {"scatter_order", &Case::scatter_order}, {"wanted", &Case::wanted}, {"seed", &Case::seed},
};

inline std::string to_text(const Case& c) {
    std::string text;
    for (const Field& field : fields) {
        text += (text.empty() ? "" : " ") + std::string(field.name) + "=" + std::to_string(c.*field.member);
    }
    return text;
}

// False where the text is no case.
inline bool from_text(std::string_view text, Case& c) {
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        if (word.empty()) continue;
        const size_t equals = word.find('=');
        bool known = false;
        for (const Field& field : fields) {
            if (equals == std::string_view::npos || word.substr(0, equals) != field.name) continue;
            c.*field.member = std::atoi(std::string(word.substr(equals + 1)).c_str());
            known = true;
        }
        if (!known) return false;
    }
    return true;
}

// Everything but variant, algorithm, real, degree and extrapolation, which the caller walks through.
inline void fill_at_random(Case& c, Random& random) {
    constexpr int sizes[] = {0, 1, 1, 2, 2, 5, 8, 15, 16, 17, 31, 33, 63, 65};
    constexpr int batches[] = {0, 1, 1, 2, 3, 15, 16, 17, 63, 65, 65, 300, 700};
    constexpr int grids[] = {1, 2, 5, 5, 10, 100};
    c.B = static_cast<int>(random.one_of(batches));
    c.I = static_cast<int>(random.one_of(sizes));
    c.J = static_cast<int>(random.one_of(sizes));
    if (random.below(12) == 0) {  // more rows than any block
        c.B = static_cast<int>(2000 + random.below(4000));
        c.I = static_cast<int>(1 + random.below(3));
        c.J = static_cast<int>(1 + random.below(5));
    } else if (random.below(24) == 0) {  // more outputs than any tile
        c.J = static_cast<int>(100 + random.below(200));
        c.I = static_cast<int>(1 + random.below(4));
        c.B = static_cast<int>(random.below(70));
    }
    if (int64_t{c.B} * c.I * c.J > 100000) c.I = 2;
    c.grid = static_cast<int>(random.one_of(grids));
    c.knots = static_cast<int>(random.below(knot_kinds));
    c.domain = static_cast<int>(random.below(5));
    c.base = static_cast<int>(random.below(3));
    c.mask = random.below(2) ? static_cast<int>(no_mask) : static_cast<int>(random.below(masks));
    c.scale = static_cast<int>(random.below(2));
    c.bias = static_cast<int>(random.below(2));
    c.factors = static_cast<int>(random.below(2));
    c.points = random.below(2) ? static_cast<int>(mixed) : static_cast<int>(random.below(point_kinds));
    c.layout = static_cast<int>(random.below(layouts));
    c.order = random.below(2) ? 0 : static_cast<int>(random.below(5));
    c.probe_order = random.below(2) ? 1 : static_cast<int>(random.below(5));
    c.scatter_order = random.below(2) ? 0 : static_cast<int>(random.below(5));
    c.wanted = random.below(2) ? 15 : static_cast<int>(random.below(16));
    c.seed = static_cast<int>(random.below(1000000));
}

// Simpler cases to try in place of one that fails.
inline std::vector<Case> reductions(const Case& c) {
    std::vector<Case> found;
    const auto with = [&](int Case::* member, int value) {
        if (c.*member == value || value < 0) return;
        found.push_back(c);
        found.back().*member = value;
    };
    for (int Case::* size : {&Case::B, &Case::I, &Case::J}) {
        with(size, 1);
        with(size, c.*size / 2);
        with(size, c.*size - 1);
    }
    with(&Case::grid, 1);
    if (c.grid > 1) with(&Case::grid, c.grid / 2);
    for (const Field& field : fields) {
        if (std::string_view(field.name) == "wanted") {
            for (int bit : {1, 2, 4, 8}) with(&Case::wanted, c.wanted & ~bit);
        } else if (field.member != &Case::variant && field.member != &Case::real && field.member != &Case::seed &&
                   field.member != &Case::degree && field.member != &Case::grid && field.member != &Case::B &&
                   field.member != &Case::I && field.member != &Case::J) {
            with(field.member, 0);
        }
    }
    with(&Case::degree, c.degree - 1);
    return found;
}

}  // namespace splinework::test
