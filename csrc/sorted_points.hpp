// Points sorted by cell within each block of rows and each input: what the sorted kernels start from, and what a forward pass
// keeps for the backward pass of the same points.
//
// The samples of one cell form a run that shares its k + 1 rows of coefficients; they then sit in registers.
#pragma once

#include "records.hpp"

namespace splinework {
namespace {

struct Run {
    int32_t first;  // number of the first active spline, cell - k: negative ones do not exist
    int32_t start;  // first sample of the run; the next run's start ends it
};

constexpr size_t most_kept = size_t{64} << 20;  // bytes of a layer's sorted points

// A point: where in its cell, two derivatives of the base function, which row of its block it is, and its cell.
struct Spot {
    real v, base[2];
    uint16_t sample, cell;
};

// The points of one block and one input.
struct SortedInput {
    Spot* spots;    // by cell
    real* beyond;   // how far they lie beyond the ends, in the same order; only where `outside`
    Run* runs;      // and a closing one
    int32_t* head;  // the count of runs, and whether any point lies beyond the ends or is not a number
    int32_t count() const { return head[0]; }
    bool outside() const { return head[1] != 0; }
};

// Room for blocks and inputs, one slot each.
class SortedPoints {
  public:
    SortedPoints(const Layer<real>& layer, const Plan& plan, int64_t slots, char* memory)
        : block_(plan.block), runs_(most_runs(layer, plan)) {
        const auto next = [&](size_t bytes) {
            char* found = memory;
            memory += bytes;
            return found;
        };
        spots_at_ = reinterpret_cast<Spot*>(next(Scratch::room<Spot>(slots * block_)));
        beyond_at_ = reinterpret_cast<real*>(next(Scratch::room<real>(slots * block_)));
        runs_at_ = reinterpret_cast<Run*>(next(Scratch::room<Run>(slots * runs_)));
        heads_at_ = reinterpret_cast<int32_t*>(next(Scratch::room<int32_t>(2 * slots)));
    }

    static size_t room(const Layer<real>& layer, const Plan& plan, int64_t slots) {
        return Scratch::room<Spot>(slots * plan.block) + Scratch::room<real>(slots * plan.block) +
               Scratch::room<Run>(slots * most_runs(layer, plan)) + Scratch::room<int32_t>(2 * slots);
    }

    SortedInput at(int64_t slot) const {
        return {spots_at_ + slot * block_, beyond_at_ + slot * block_, runs_at_ + slot * runs_, heads_at_ + 2 * slot};
    }

  private:
    static int64_t most_runs(const Layer<real>& layer, const Plan& plan) { return smaller(plan.block, layer.cells()) + 1; }

    int64_t block_, runs_;
    Spot* spots_at_;
    real* beyond_at_;
    Run* runs_at_;
    int32_t* heads_at_;
};

class Sorter;

// What turns sorted points of one degree into records; see the methods of `Sorter` with these names.
struct RecordsOf {
    bool exact;
    int64_t powers;  // numbers of a cell's polynomials
    void (Sorter::*values)(const Columns&, int64_t n, int64_t i, int32_t* tally, real* records) const;
    void (Sorter::*records)(const SortedInput&, int64_t q, int64_t i, int r, int column, bool scaled, real* work, real* to) const;
    void (Sorter::*differences)(const SortedInput&, int64_t q, int64_t i, int r, int column, real* work, real* to) const;

    template <int K>
    static RecordsOf degree();
};

// Sorts the points of a layer, and turns them into records. `orders`: the derivatives of the base function in a Spot.
class Sorter {
  public:
    Sorter(const RecordsOf& of, const Layer<real>& layer, const Points<real>& points, const Plan& plan, const int* orders, int columns)
        : of_(of), layer_(layer), points_(points), plan_(plan), orders_(orders), columns_(columns), axes_(layer, plan) {}

    // Sorts block q of the inputs [low, high), at most `input_group` of them, to where `at(i)` says; leaves out inputs without
    // an edge.
    template <class At>
    void sort(int64_t q, int64_t low, int64_t high, const uint8_t* alive, At&& at) const {
        each_input(q, low, high, alive, at, [&](int64_t, const Columns& u, const SortedInput& to, int32_t* tally) {
            place(u, plan_.rows_in(q), to, tally);
        });
    }

    // The same, and the records of derivative r at `records_of(i)`; then calls `use(i)`, while they are in the cache. Without
    // `keep` only the runs are left where `at(i)` says.
    template <class At, class Records, class Use>
    void sort_to_records(int64_t q, int64_t low, int64_t high, const uint8_t* alive, int r, bool keep, real* work, At&& at,
                         Records&& records_of, Use&& use) const {
        each_input(q, low, high, alive, at, [&](int64_t i, const Columns& u, const SortedInput& to, int32_t* tally) {
            const int64_t n = plan_.rows_in(q);
            if (keep || r > 0 || !of_.exact || u.outside || points_.s) {
                place(u, n, to, tally);
                records(to, q, i, r, 0, true, work, records_of(i));
            } else {
                (this->*of_.values)(u, n, i, tally, records_of(i));
            }
            use(i);
        });
    }

    // Calls `use` for each input that has an edge, with its points column by column and where in sorted order each cell begins.
    template <class At, class Use>
    void each_input(int64_t q, int64_t low, int64_t high, const uint8_t* alive, At&& at, Use&& use) const {
        const int64_t start = q * plan_.block, n = plan_.rows_in(q), padded = round_up(n, 16);
        const int64_t cells = layer_.cells();
        Scratch scratch(Scratch::room<real>((high - low) * padded) + Columns::room(padded) + Scratch::room<int32_t>(2 * cells));
        real* x = scratch.take<real>((high - low) * padded);
        Columns u(scratch, padded);
        int32_t* tally = scratch.take<int32_t>(2 * cells);
        if (layer_.base_kind == Base::none) std::memset(u.value, 0, static_cast<size_t>(padded) * sizeof(real));
        if (layer_.base_kind == Base::none || columns_ < 2) std::memset(u.slope, 0, static_cast<size_t>(padded) * sizeof(real));
        read_points(points_, start, n, low, high, x, padded);
        for (int64_t i = low; i < high; ++i) {
            if (alive && !alive[i]) continue;
            u.x = x + (i - low) * padded;
            find_cells(axes_[i], u, n);
            base_values(layer_, points_, u, start, n, i, orders_, columns_);
            const SortedInput to = at(i);
            count_runs(u, n, to, tally);
            use(i, u, to, tally);
        }
    }

    // Numbers that records of derivative r are worked out with.
    int64_t workspace(int r) const { return r > 0 || !of_.exact ? layer_.cells() * of_.powers : 0; }

    // Records of one block and input in sorted order: derivative r of the k + 1 splines, the base function's, which stands in
    // `column`, and the sample's number.
    void records(const SortedInput& in, int64_t q, int64_t i, int r, int column, bool scaled, real* work, real* to) const {
        (this->*of_.records)(in, q, i, r, column, scaled, work, to);
    }

    // Records of the k numbers that multiply the differences of neighbouring coefficients instead, for exact pieces. For r >= 1
    // that comes to the same in all cells where the splines add up to 1.
    void difference_records(const SortedInput& in, int64_t q, int64_t i, int r, int column, real* work, real* to) const {
        (this->*of_.differences)(in, q, i, r, column, work, to);
    }

    // Whether the pieces are whole vectors, so that none is read past its end.
    template <int K>
    static constexpr bool exact = Splines<K>::P == K + 1;

  private:
    friend struct RecordsOf;

    template <int K>
    SPLINEWORK_ONE_COPY
    void records_of(const SortedInput& in, int64_t q, int64_t i, int r, int column, bool scaled, real* work, real* to) const {
        if (r > 0) return derivatives<K, -1, false>(in, q, i, r, column, scaled, work, to);
        if (!exact<K>) return derivatives<K, 0, false>(in, q, i, 0, column, scaled, work, to);
        const Splines<K> splines(axes_[i], layer_, i == plan_.inputs - 1);
        write_records<K, K, false>(splines, axes_[i].pieces, (K + 1) * (K + 1), K + 1, in, q, i, 0, column, scaled, to);
    }

    template <int K>
    SPLINEWORK_ONE_COPY
    void differences_of(const SortedInput& in, int64_t q, int64_t i, int r, int column, real* work, real* to) const {
        static_assert(exact<K>, "what follows the last piece in a vector would be summed");
        if (r == 1) derivatives<K, 1, true>(in, q, i, 1, column, false, work, to);
        else derivatives<K, -1, true>(in, q, i, r, column, false, work, to);
    }

    // Counting sort by cell, second half.
    SPLINEWORK_ONE_COPY
    void place(const Columns& u, int64_t n, const SortedInput& to, int32_t* tally) const {
        for (int64_t b = 0; b < n; ++b) to.spots[tally[u.cell[b]]++] = spot(u, b);
        for (int64_t p = 0; p < n && u.outside; ++p) to.beyond[p] = u.beyond[to.spots[p].sample];
    }

    // The records of values at once, in the common case: nothing beyond the ends, no factors. (To write points and records in
    // one loop is slower than two loops.)
    template <int K>
    SPLINEWORK_ONE_COPY
    void values_of(const Columns& u, int64_t n, int64_t i, int32_t* tally, real* records) const {
        const real* const pieces = axes_[i].pieces;
        for (int64_t b = 0; b < n; ++b) {
            const int32_t cell = u.cell[b], p = tally[cell]++;
            const real* const piece = pieces + int64_t{cell} * (K + 1) * (K + 1);
            const real v = u.v[b];
            auto w = Splines<K>::row(piece, K);
#pragma GCC unroll 10
            for (int power = K - 1; power >= 0; --power) w = w * v + Splines<K>::row(piece, power);
            real* record = records + int64_t{p} * (K + 3);
            const auto sample = static_cast<integer>(b);
            std::memcpy(record, &w, (K + 1) * sizeof(real));
            record[K + 1] = u.value[b];
            std::memcpy(record + K + 2, &sample, sizeof(sample));
        }
    }

    static Spot spot(const Columns& u, int64_t b) {
        return {u.v[b], {u.value[b], u.slope[b]}, static_cast<uint16_t>(b), static_cast<uint16_t>(u.cell[b])};
    }

    // `order` is r where it is not negative.
    template <int K, int order, bool differences>
    SPLINEWORK_ONE_COPY
    void derivatives(const SortedInput& in, int64_t q, int64_t i, int r, int column, bool scaled, real* work, real* to) const {
        constexpr int P = Splines<K>::P, top = order < 0 ? K : order > K ? 0 : K - order;
        const Splines<K> splines(axes_[i], layer_, i == plan_.inputs - 1);
        auto* powers = reinterpret_cast<pack<P>*>(work);
        for (int32_t run = 0; run < in.count(); ++run) {
            const int cell = in.runs[run].first + K;
            pack<P>* here = powers + cell * (K + 1);
            splines.template polynomial<order>(cell, axes_[i].rate(cell), r, here);
            for (int p = 0; p <= top && differences; ++p) here[p] = sums_after<P>(here[p]);
        }
        write_records<K, top, differences>(splines, work, (K + 1) * P, P, in, q, i, r, column, scaled, to);
    }

    // Counting sort by cell, first half: how many samples each has, and so where its run begins.
    SPLINEWORK_ONE_COPY
    void count_runs(const Columns& u, int64_t n, const SortedInput& to, int32_t* tally) const {
        const int64_t cells = layer_.cells();
        int32_t* other = tally + cells;  // two tallies: a cell that comes twice in a row need not wait for itself
        std::memset(tally, 0, static_cast<size_t>(2 * cells) * sizeof(int32_t));
        int64_t b = 0;
        for (; b + 1 < n; b += 2) ++tally[u.cell[b]], ++other[u.cell[b + 1]];
        if (b < n) ++tally[u.cell[b]];
        int32_t count = 0, place = 0;
        for (int64_t c = axes_[0].first; c < cells; ++c) {
            const int32_t here = tally[c] + other[c];
            to.runs[count] = Run{static_cast<int32_t>(c) - layer_.degree, place};
            count += here > 0;
            tally[c] = place;
            place += here;
        }
        to.runs[count] = Run{0, place};
        to.head[0] = count, to.head[1] = u.outside;
    }

    // Horner's rule from the power `top` down, whose coefficients stand at `table`, `row` numbers apart. One
    // sample after the other: a loop over runs would end where no processor expects.
    template <int K, int top, bool differences>
    void write_records(const Splines<K>& splines, const real* table, int64_t cell_size, int64_t row, const SortedInput& in,
                       int64_t q, int64_t i, int r, int column, bool scaled, real* to) const {
        constexpr int numbers = differences ? K + 1 : K + 2, stride = numbers + 1, P = Splines<K>::P;
        const int32_t n = in.runs[in.count()].start;
        const Spot* const spots = in.spots;
        real* record = to;
        for (int32_t p = 0; p < n; ++p, record += stride) {
            const real* const powers = table + spots[p].cell * cell_size;
            const real v = spots[p].v;
            pack<P> w = Splines<K>::at(powers + top * row);
#pragma GCC unroll 10
            for (int power = top - 1; power >= 0; --power) w = w * v + Splines<K>::at(powers + power * row);
            const real base = spots[p].base[column];
            const integer sample = spots[p].sample;
            std::memcpy(record, &w, (K + 1) * sizeof(real));
            record[numbers - 1] = base;
            std::memcpy(record + numbers, &sample, sizeof(sample));
        }
        const bool factors = scaled && points_.s;
        if (in.outside())
            for (int32_t p = 0; p < n; ++p) {
                if (in.beyond[p] == 0) continue;
                const int cell = spots[p].cell;
                auto w = beyond_end(splines, layer_.extrapolation, cell, spots[p].v, axes_[i].rate(cell), in.beyond[p], r);
                if constexpr (differences) w = sums_after<P>(w);
                std::memcpy(to + int64_t{p} * stride, &w, (numbers - 1) * sizeof(real));
            }
        for (int32_t p = 0; p < n && factors; ++p)
            for (int a = 0; a < numbers; ++a) to[int64_t{p} * stride + a] *= points_.s(q * plan_.block + spots[p].sample, i);
    }

    const RecordsOf& of_;
    const Layer<real>& layer_;
    const Points<real>& points_;
    const Plan& plan_;
    const int* orders_;
    int columns_;
    Axes axes_;
};

template <int K>
RecordsOf RecordsOf::degree() {
    RecordsOf of{Sorter::exact<K>, (K + 1) * Splines<K>::P, nullptr, &Sorter::records_of<K>, nullptr};
    if constexpr (Sorter::exact<K>) of.values = &Sorter::values_of<K>, of.differences = &Sorter::differences_of<K>;
    return of;
}

}  // namespace
}  // namespace splinework
