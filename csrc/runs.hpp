// The samples of a cell form a run; its rows of coefficients stay in registers meanwhile: the sums of the sorted kernels.
#pragma once

#include "sorted_points.hpp"
#include "tile.hpp"

namespace splinework {
namespace {

// Asks for the rows that a run further on brings in. In a wide table the next row is a page away, where no hardware looks.
template <int NV>
struct Ahead {
    const SortedInput& in;
    const Tile<NV>& tile;
    int degree;
    int32_t distance;  // runs: about as many as hold 16 samples
    Ahead(const SortedInput& in, const Tile<NV>& tile, int degree)
        : in(in), tile(tile), degree(degree),
          distance(1 + static_cast<int32_t>(16 * int64_t{in.count()} / (in.runs[in.count()].start + 1))) {}
    void operator()(int32_t r) const {
        if (r + distance >= in.count()) return;
        const int64_t before = in.runs[r + distance - 1].first + degree + 1, first = in.runs[r + distance].first;
        for (int64_t m = larger(before, first); m <= first + degree; ++m)
            for (int n = 0; n < NV && m >= 0 && m < tile.splines; ++n) __builtin_prefetch(tile.c + m * tile.row + n * lanes);
    }
};

// The rows that the records of a run multiply: k + 1 splines' coefficients, or the k differences of neighbouring ones, and the
// base function's. From one cell to the next they move on by one, so only one row is new.
template <int R, int NV, bool differences>
struct Window {
    const Tile<NV>& tile;
    int32_t at;  // the first spline's number
    vec rows[R][NV];

    explicit Window(const Tile<NV>& tile) : tile(tile), at(INT32_MIN), rows{} {
        for (int n = 0; n < NV; ++n) rows[R - 1][n] = tile.base[n];
    }

    void fetch(int64_t m, vec* row) const {
        if constexpr (differences) tile.difference(m, row);
        else tile.scaled_row(m, row);
    }

    void move_to(int32_t first) {
        if (int64_t{first} - at == 1) {
#pragma GCC unroll 11
            for (int a = 0; a + 2 < R; ++a)
#pragma GCC unroll 4
                for (int n = 0; n < NV; ++n) rows[a][n] = rows[a + 1][n];
            if constexpr (R > 1) fetch(int64_t{first} + R - 2, rows[R - 2]);
        } else {
            for (int a = 0; a + 1 < R; ++a) fetch(int64_t{first} + a, rows[a]);
        }
        at = first;
    }
};

// The row of its block that a record of R numbers belongs to.
template <int R>
inline int64_t sample_of(const real* record) {
    integer sample;
    std::memcpy(&sample, record + R, sizeof(sample));
    return sample;
}

// y[sample_p] += record_p · rows, for the samples of one run after the other.
template <int R, int NV>
SPLINEWORK_ONE_COPY
void contract_runs(const SortedInput& in, const real* records, const Tile<NV>& tile, real* y) {
    const Ahead<NV> ahead(in, tile, R - 2);
    Window<R, NV, false> window(tile);
    for (int32_t r = 0; r < in.count(); ++r) {
        ahead(r);
        window.move_to(in.runs[r].first);
        const int32_t stop = in.runs[r + 1].start;
        for (int32_t p = in.runs[r].start; p < stop; ++p) {
            const real* w = records + int64_t{p} * (R + 1);
            real* sums = y + sample_of<R>(w) * (NV * lanes);
            vec sum[NV];
#pragma GCC unroll 4
            for (int n = 0; n < NV; ++n) sum[n] = load(sums + n * lanes);
#pragma GCC unroll 11
            for (int a = 0; a < R; ++a) {
                const vec weight = all(w[a]);
#pragma GCC unroll 4
                for (int n = 0; n < NV; ++n) sum[n] += weight * window.rows[a][n];
            }
#pragma GCC unroll 4
            for (int n = 0; n < NV; ++n) store(sums + n * lanes, sum[n]);
        }
    }
}

// p[sample_p] += Σ over the tile of g · (record_p · rows).
template <int R, int NV, bool differences>
SPLINEWORK_ONE_COPY
void probe_runs(const SortedInput& in, const real* records, const Tile<NV>& tile, const real* g, real* out) {
    const Ahead<NV> ahead(in, tile, differences ? R - 1 : R - 2);
    Window<R, NV, differences> window(tile);
    for (int32_t r = 0; r < in.count(); ++r) {
        ahead(r);
        window.move_to(in.runs[r].first);
        const int32_t stop = in.runs[r + 1].start;
        for (int32_t p = in.runs[r].start; p < stop; ++p) {
            const real* w = records + int64_t{p} * (R + 1);
            const int64_t b = sample_of<R>(w);
            const real* pull = g + b * (NV * lanes);
            vec value[NV];
#pragma GCC unroll 4
            for (int n = 0; n < NV; ++n) value[n] = all(w[0]) * window.rows[0][n];
#pragma GCC unroll 11
            for (int a = 1; a < R; ++a) {
                const vec weight = all(w[a]);
#pragma GCC unroll 4
                for (int n = 0; n < NV; ++n) value[n] += weight * window.rows[a][n];
            }
            vec drawn = value[0] * load(pull);
#pragma GCC unroll 4
            for (int n = 1; n < NV; ++n) drawn += value[n] * load(pull + n * lanes);
            out[b] += sum(drawn);
        }
    }
}

// sums[first + a] += Σ over the run of record_p[a] g[sample_p]. A row is added to its sum when the runs have gone past it.
template <int R, int NV>
SPLINEWORK_ONE_COPY
void scatter_runs(const SortedInput& in, const real* records, int64_t splines, const real* g, real* sums) {
    vec rows[R][NV] = {};
    const auto add = [&](int64_t m, const vec* row) {
        if (static_cast<uint64_t>(m) > static_cast<uint64_t>(splines)) return;  // at M is the base function's sum
        real* to = sums + m * (NV * lanes);
#pragma GCC unroll 4
        for (int n = 0; n < NV; ++n) store(to + n * lanes, load(to + n * lanes) + row[n]);
    };
    for (int32_t r = 0; r < in.count(); ++r) {
        const int32_t stop = in.runs[r + 1].start;
        for (int32_t p = in.runs[r].start; p < stop; ++p) {
            const real* w = records + int64_t{p} * (R + 1);
            const real* pull = g + sample_of<R>(w) * (NV * lanes);
            vec here[NV];
#pragma GCC unroll 4
            for (int n = 0; n < NV; ++n) here[n] = load(pull + n * lanes);
#pragma GCC unroll 11
            for (int a = 0; a < R; ++a) {
                const vec weight = all(w[a]);
#pragma GCC unroll 4
                for (int n = 0; n < NV; ++n) rows[a][n] += weight * here[n];
            }
        }
        const int64_t first = in.runs[r].first;
        const bool next = r + 1 < in.count() && in.runs[r + 1].first == first + 1;
        if (next) {
            if (first < splines) add(first, rows[0]);
#pragma GCC unroll 11
            for (int a = 0; a + 2 < R; ++a)
#pragma GCC unroll 4
                for (int n = 0; n < NV; ++n) rows[a][n] = rows[a + 1][n];
        } else {
            for (int a = 0; a + 1 < R; ++a)
                if (first + a < splines) add(first + a, rows[a]);
            for (int a = 0; a + 2 < R; ++a)
                for (int n = 0; n < NV; ++n) rows[a][n] = vec{};
        }
        for (int n = 0; n < NV; ++n) rows[R - 2][n] = vec{};
    }
    add(splines, rows[R - 1]);
}

}  // namespace
}  // namespace splinework
