// The evolution: which formula is varied, and what is kept.
#include "evolution.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace splinework {
namespace {

constexpr size_t cell_size = 12;
constexpr int few_steps = 4, some_steps = 8, many_steps = 24, max_attempts = 4;
constexpr double promising = 1.5;  // times the error of the worst that is kept: fitted on
constexpr size_t max_remembered = 1 << 20;
constexpr double patience = 6e9;  // work without any gain after which it begins anew

}  // namespace

Evolution::Evolution(Rows rows, Vocabulary words, uint64_t seed, double floor)
    : rows_(std::move(rows)), words_(std::move(words)), random_(seed), floor_(floor), restarts_(seed ^ 0x5bd1e995) {
    double weight = 0, mean = 0;
    for (int64_t n = 0; n < rows_.padded; ++n) {
        weight += rows_.root[n] * rows_.root[n];
        mean += rows_.root[n] * rows_.root[n] * rows_.y[n];
    }
    mean /= weight > 0 ? weight : 1;
    for (int64_t n = 0; n < rows_.padded; ++n) total_ += std::pow(rows_.root[n] * (rows_.y[n] - mean), 2);
    best_.resize(words_.max_nodes + 1);
    for (Individual& each : best_) each.rss = std::numeric_limits<double>::infinity();
    begin_anew();
}

void Evolution::begin_anew() {
    cells_.assign(words_.max_nodes + 1, {});
    attempts_.clear();
    fruitless_ = 0;
}

void Evolution::seed(const Sum& tree) {
    seeds_.push_back(tree);
    consider(tree, true);
}

double Evolution::error_of_smaller(int size) const {
    double least = std::numeric_limits<double>::infinity();
    for (int s = 0; s < size; ++s)
        if (!cells_[s].empty()) least = std::min(least, cells_[s].front().rss);
    return least;
}

bool Evolution::is_allowed(uint64_t key) {
    const auto found = attempts_.find(key);
    return found == attempts_.end() || found->second.count < max_attempts;
}

void Evolution::consider(Sum tree, bool given) {
    Individual one;
    tree.has_constant = true;
    one.size = nodes(tree);
    one.key = structure(tree);
    if (one.size > words_.max_nodes || !(given || is_allowed(one.key))) {
        work_ += 20;
        return;
    }
    one.tree = std::move(tree);
    Attempts& past = attempts_[one.key];
    ++past.count;
    if (!fit(one, given ? some_steps : few_steps)) return;
    const std::vector<Individual>& cell = cells_[one.size];
    const double worst = cell.size() < cell_size ? std::numeric_limits<double>::infinity() : cell.back().rss;
    const double bar = std::min(worst, error_of_smaller(one.size) * 4);
    if (one.rss < promising * bar) fit(one, many_steps);
    keep(std::move(one));
    if (attempts_.size() > max_remembered) attempts_.clear();
}

void Evolution::keep(Individual one) {
    const double smaller = error_of_smaller(one.size);
    if (std::abs(one.rss - smaller) < 1e-6 * smaller || one.rss > 1.001 * total_) return;  // a part that does nothing
    std::vector<Individual>& cell = cells_[one.size];
    const bool gains = one.rss < 0.999 * std::min(smaller, cell.empty() ? std::numeric_limits<double>::infinity() : cell.front().rss);
    if (gains) {
        fruitless_ = work_;
        attempts_[one.key].count = 0;
    }
    if (one.rss < best_[one.size].rss) best_[one.size] = one;
    if (one.rss <= floor_) exact_ = true;
    const auto same = std::find_if(cell.begin(), cell.end(), [&](const Individual& each) { return each.key == one.key; });
    if (same != cell.end()) {
        if (same->rss <= one.rss) return;
        cell.erase(same);
    }
    const auto place = std::upper_bound(cell.begin(), cell.end(), one.rss, [](double rss, const Individual& each) { return rss < each.rss; });
    cell.insert(place, std::move(one));
    if (cell.size() > cell_size) cell.pop_back();
}

const Individual& Evolution::parent() {
    std::vector<int> filled;
    double least = std::numeric_limits<double>::infinity();
    const bool of_front = random_.chance(0.4);
    for (size_t s = 0; s < cells_.size(); ++s) {
        if (cells_[s].empty()) continue;
        if (of_front && cells_[s].front().rss >= least) continue;
        least = std::min(least, cells_[s].front().rss);
        filled.push_back(static_cast<int>(s));
    }
    const std::vector<Individual>& cell = cells_[filled[random_.below(static_cast<int>(filled.size()))]];
    const double u = random_.uniform();
    return cell[of_front ? 0 : static_cast<size_t>(u * u * static_cast<double>(cell.size()))];
}

// Of some random terms the one that goes best with what a formula leaves, as in orthogonal matching pursuit (Pati et al. 1993).
void Evolution::add_by_residual(Sum& tree) {
    constexpr int choices = 12;
    Code code;
    std::vector<double> c, values(rows_.padded), left(rows_.padded);
    if (!compile(tree, code, c)) return;
    const FormulaKernel& kernel = formula_kernel();
    kernel.values(code, c.data(), rows_, left.data());
    double weight = 0, mean = 0;
    for (int64_t n = 0; n < rows_.padded; ++n) {
        const double w = rows_.root[n] * rows_.root[n];
        left[n] = rows_.y[n] - left[n];
        weight += w, mean += w * left[n];
    }
    mean /= weight > 0 ? weight : 1;
    for (int64_t n = 0; n < rows_.padded; ++n) left[n] = (left[n] - mean) * rows_.root[n] * rows_.root[n];
    Term best;
    double most = -1;
    for (int k = 0; k < choices; ++k) {
        Sum lone;
        lone.terms.push_back(random_term(random_, words_, 2));
        lone.terms[0].coefficient = 1;
        if (!compile(lone, code, c)) continue;
        kernel.values(code, c.data(), rows_, values.data());
        charge(static_cast<double>(code.steps.size() + code.own * own_cost));
        double first = 0, second = 0, with = 0;
        for (int64_t n = 0; n < rows_.padded; ++n) {
            const double w = rows_.root[n] * rows_.root[n];
            first += w * values[n], second += w * values[n] * values[n], with += left[n] * values[n];
        }
        const double variance = second - first * first / (weight > 0 ? weight : 1);
        const double gain = variance > 0 ? with * with / variance : -1;
        if (gain > most) most = gain, best = lone.terms[0], best.coefficient = with / variance;
    }
    if (most > 0 && std::isfinite(best.coefficient)) tree.terms.push_back(std::move(best));
}

// The frequency of a wave inside of one of the terms by a scan, its neighbours fixed (the periodogram of Lomb 1976).
void Evolution::find_frequency(Sum& tree) {
    constexpr int frequencies = 512;
    Term& term = tree.terms[random_.below(static_cast<int>(tree.terms.size()))];
    int which = -1;
    for (size_t k = 0; k < term.factors.size(); ++k) {
        const Factor& f = term.factors[k];
        if ((f.kind == Operation::sin || f.kind == Operation::cos) && f.power == 1 && f.inside[0].terms.size() == 1) which = static_cast<int>(k);
    }
    if (which < 0) return;
    const size_t n = static_cast<size_t>(rows_.padded);
    std::vector<double> u(n), beside(n, 1.0), rest(n, 0.0), c;
    Code code;
    const FormulaKernel& kernel = formula_kernel();
    const auto evaluate = [&](const Sum& sum, std::vector<double>& out) {
        if (!compile(sum, code, c)) return false;
        kernel.values(code, c.data(), rows_, out.data());
        charge(static_cast<double>(code.steps.size() + code.own * own_cost));
        return true;
    };
    Sum& inside = term.factors[which].inside[0];
    Sum argument = inside;
    argument.has_constant = false;
    argument.terms[0].coefficient = 1;
    if (!evaluate(argument, u)) return;
    if (term.factors.size() > 1) {
        Sum other;
        other.terms.push_back({1, {}});
        for (size_t k = 0; k < term.factors.size(); ++k)
            if (static_cast<int>(k) != which) other.terms[0].factors.push_back(term.factors[k]);
        if (!evaluate(other, beside)) return;
    }
    if (tree.terms.size() > 1) {
        Sum others;
        for (const Term& each : tree.terms)
            if (&each != &term) others.terms.push_back(each);
        if (!evaluate(others, rest)) return;
    }
    double low = u[0], high = u[0], weight = 0, mean = 0;
    for (size_t b = 0; b < n; ++b) {
        if (!std::isfinite(u[b]) || !std::isfinite(beside[b]) || !std::isfinite(rest[b])) return;
        low = std::min(low, u[b]), high = std::max(high, u[b]);
        rest[b] = rows_.y[b] - rest[b];
        weight += rows_.root[b] * rows_.root[b], mean += rows_.root[b] * rows_.root[b] * rest[b];
    }
    if (!(high > low)) return;
    const double step = 1.5 / (high - low);
    std::vector<double> sine(n, 0.0), cosine(n, 1.0), turn_sine(n), turn_cosine(n);
    for (size_t b = 0; b < n; ++b) turn_sine[b] = std::sin(step * u[b]), turn_cosine[b] = std::cos(step * u[b]);
    mean /= weight > 0 ? weight : 1;
    double most = 0;
    int best = 0;
    double phase = 0;
    for (int k = 1; k <= frequencies; ++k) {
        double ss = 0, sc = 0, cc = 0, sy = 0, cy = 0;
        for (size_t b = 0; b < n; ++b) {
            const double s = sine[b] * turn_cosine[b] + cosine[b] * turn_sine[b];
            cosine[b] = cosine[b] * turn_cosine[b] - sine[b] * turn_sine[b], sine[b] = s;
            const double w = rows_.root[b] * beside[b], y = rows_.root[b] * (rest[b] - mean), ws = w * s, wc = w * cosine[b];
            ss += ws * ws, sc += ws * wc, cc += wc * wc, sy += ws * y, cy += wc * y;
        }
        const double determinant = ss * cc - sc * sc;
        if (!(determinant > 1e-9 * ss * cc)) continue;
        const double a = (cc * sy - sc * cy) / determinant, d = (ss * cy - sc * sy) / determinant;
        const double gain = a * sy + d * cy;
        if (gain > most) most = gain, best = k, phase = std::atan2(d, a), term.coefficient = std::hypot(a, d);
    }
    work_ += static_cast<double>(frequencies * 3 * n);
    if (best == 0) return;
    inside.terms[0].coefficient = step * best;
    inside.has_constant = true;
    inside.constant = phase + (term.factors[which].kind == Operation::cos ? -1.57079632679489661923 : 0);
}

// Takes away from the exact formula what it can do without.
void Evolution::shorten() {
    Individual shortest;
    for (const Individual& each : best_)
        if (!each.tree.terms.empty() && each.rss <= floor_) {
            shortest = each;
            break;
        }
    for (bool gained = true; gained;) {
        gained = false;
        for (Sum& made : without_a_part(shortest.tree)) {
            Individual one;
            one.tree = std::move(made);
            one.size = nodes(one.tree);
            one.key = structure(one.tree);
            if (!fit(one, many_steps) || one.rss > floor_) continue;
            best_[one.size] = one;
            shortest = std::move(one);
            gained = true;
            break;
        }
    }
}

bool Evolution::run(double work) {
    const double until = work_ + work;
    while (work_ < until && !exact_) {
        if (work_ - fruitless_ > patience) {
            begin_anew();
            fruitless_ = work_;
            if (restarts_.chance(0.5))
                for (const Sum& each : seeds_) consider(each);
        }
        bool nothing = true;
        for (const auto& cell : cells_) nothing &= cell.empty();
        if (nothing || random_.chance(0.03)) {
            consider(random_sum(random_, words_, 2));
            work_ += 50;
            continue;
        }
        Sum tree = parent().tree;
        if (random_.chance(0.12)) add_by_residual(tree);
        else if (random_.chance(0.03)) find_frequency(tree);
        else if (random_.chance(0.2)) cross(tree, parent().tree, random_);
        else vary(tree, random_, words_);
        while (random_.chance(0.25)) vary(tree, random_, words_);
        consider(std::move(tree));
    }
    if (exact_) shorten();
    return exact_;
}

std::vector<Individual> Evolution::front() const {
    std::vector<Individual> found;
    double least = std::numeric_limits<double>::infinity();
    for (const Individual& each : best_) {
        if (each.tree.terms.empty() || !(each.rss < 0.999 * least)) continue;
        least = each.rss;
        found.push_back(each);
    }
    return found;
}

}  // namespace splinework
