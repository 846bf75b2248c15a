// The records of a chunk of rows: in the order of the batch, or sorted by cell within each block and input.
//
// Sorted, the samples of one cell form a run that shares its k + 1 rows of coefficients; they then sit in registers.
#pragma once

#include "records.hpp"

namespace splinework {
namespace {

struct Run {
    int32_t first;  // number of the first active spline, cell - k: negative ones do not exist
    int32_t start;  // first sample of the run; the next run's start ends it
};

// What one block and one input hand to the kernels.
struct Block {
    const uint16_t* order;   // sample numbers by cell (sorted)
    const int32_t* first;    // first active spline of each sample (not sorted)
    const Run* runs;         // count of them, and a closing one (sorted)
    int32_t count;
    const real* records[2];  // for the orders asked for
};

class Chunk {
  public:
    Chunk(const Layer<real>& layer, const Points<real>& points, const Plan& plan, const int* orders, const bool* scaled)
        : layer_(layer), points_(points), plan_(plan), orders_(orders), scaled_(scaled),
          sorted_(plan.algorithm == Algorithm::sorted), most_runs_(smaller(plan.block, layer.cells()) + 1),
          slots_(smaller(plan.chunk, plan.blocks()) * plan.inputs),
          buckets_(plan.batch >= 2 * layer.cells() ? static_cast<int>(smaller(2 * layer.cells(), 32768)) : 0),
          scratch_(room()) {
        if (sorted_) {
            order_ = scratch_.take<uint16_t>(slots_ * plan.block);
            runs_ = scratch_.take<Run>(slots_ * most_runs_);
            count_ = scratch_.take<int32_t>(slots_);
        } else {
            first_ = scratch_.take<int32_t>(slots_ * plan.block);
        }
        for (int n = 0; n < plan.orders; ++n) records_[n] = scratch_.take<real>(slots_ * plan.block * plan.stride + 16);
        bucket_ = scratch_.take<uint16_t>(int64_t{buckets_} * plan.inputs);
        axes_ = scratch_.take<Axis>(plan.inputs);
        for_each_item(plan.groups, plan.threads, [&](int64_t group) {
            const int64_t stop = smaller(plan_.inputs, (group + 1) * input_group);
            for (int64_t i = group * input_group; i < stop; ++i)
                axes_[i] = make_axis(layer_, i, bucket_ + i * buckets_, buckets_);
        });
    }

    // Works out the records of blocks [first, last) for every input that `alive` (I) names, or all where it is null.
    template <int K>
    void prepare(int64_t first, int64_t last, const uint8_t* alive) {
        first_block_ = first;
        for_each_item((last - first) * plan_.groups, plan_.threads, [&](int64_t item) {
            prepare_group<K>(first + item / plan_.groups, item % plan_.groups, alive);
        });
    }

    Block block(int64_t q, int64_t i) const {
        const int64_t at = slot(q, i);
        Block b{};
        if (sorted_) {
            b.order = order_ + at * plan_.block;
            b.runs = runs_ + at * most_runs_;
            b.count = count_[at];
        } else {
            b.first = first_ + at * plan_.block;
        }
        for (int n = 0; n < plan_.orders; ++n) b.records[n] = records_[n] + at * plan_.block * plan_.stride;
        return b;
    }

  private:
    int64_t slot(int64_t q, int64_t i) const { return (q - first_block_) * plan_.inputs + i; }

    size_t room() const {
        const int64_t samples = slots_ * plan_.block;
        size_t bytes = sorted_ ? Scratch::room<uint16_t>(samples) + Scratch::room<Run>(slots_ * most_runs_) +
                                     Scratch::room<int32_t>(slots_)
                               : Scratch::room<int32_t>(samples);
        bytes += static_cast<size_t>(plan_.orders) * Scratch::room<real>(samples * plan_.stride + 16);
        return bytes + Scratch::room<uint16_t>(int64_t{buckets_} * plan_.inputs) + Scratch::room<Axis>(plan_.inputs);
    }

    template <int K>
    void prepare_group(int64_t q, int64_t group, const uint8_t* alive) {
        const int64_t start = q * plan_.block, n = plan_.rows_in(q), padded = round_up(n, 16);
        const int64_t low = group * input_group, high = smaller(plan_.inputs, low + input_group);
        const int64_t cells = layer_.cells();
        Scratch scratch(Scratch::room<real>(input_group * padded) + Columns::room(padded) +
                        Scratch::room<int32_t>(2 * cells));
        real* x = scratch.take<real>(input_group * padded);
        Columns u(scratch, padded);
        int32_t* tally = scratch.take<int32_t>(2 * cells);
        read_points(start, n, low, high, x, padded);
        for (int64_t i = low; i < high; ++i) {
            if (alive && !alive[i]) continue;
            u.x = x + (i - low) * padded;
            const int64_t at = slot(q, i);
            find_cells(axes_[i], u, n);
            base_values(u, start, n, i);
            if (sorted_) count_runs<K>(u, n, at, tally);
            else
                for (int64_t b = 0; b < n; ++b) first_[at * plan_.block + b] = u.cell[b] - K;
            const Splines<K> splines(axes_[i], layer_, i == plan_.inputs - 1);
            if (sorted_ && plan_.orders == 2 && orders_[0] == 1 && orders_[1] == 0 && !u.outside && !points_.s) {
                write_slopes_and_values<K>(splines, u, n, at, tally);
                continue;
            }
            for (int r = 0; r < plan_.orders; ++r) {
                if (orders_[r] == 0) write_records<K, 0>(splines, u, start, n, i, at, r, tally);
                else if (orders_[r] == 1) write_records<K, 1>(splines, u, start, n, i, at, r, tally);
                else write_records<K, -1>(splines, u, start, n, i, at, r, tally);
            }
        }
    }

    // Whole cache lines in, one row per input out.
    void read_points(int64_t start, int64_t n, int64_t low, int64_t high, real* x, int64_t stride) const {
        int64_t done = 0;  // rows
        if (points_.x.column == 1 && high - low == input_group)
            for (; done + lanes <= n; done += lanes)
                for (int64_t i = 0; i < input_group; i += lanes)
                    transpose(&points_.x(start + done, low + i), points_.x.row, x + i * stride + done, stride);
        for (int64_t b = done; b < n; ++b)
            for (int64_t i = low; i < high; ++i) x[(i - low) * stride + b] = points_.x(start + b, i);
    }

    // Counting sort by cell, first half: how many samples each has, and so where its run begins.
    template <int K>
    void count_runs(const Columns& u, int64_t n, int64_t at, int32_t* tally) {
        const int64_t cells = layer_.cells();
        int32_t* other = tally + cells;  // two tallies: a cell that comes twice in a row need not wait for itself
        std::memset(tally, 0, static_cast<size_t>(2 * cells) * sizeof(int32_t));
        int64_t b = 0;
        for (; b + 1 < n; b += 2) ++tally[u.cell[b]], ++other[u.cell[b + 1]];
        if (b < n) ++tally[u.cell[b]];
        Run* runs = runs_ + at * most_runs_;
        int32_t count = 0, place = 0;
        for (int64_t c = axes_[0].first; c < cells; ++c) {
            const int32_t here = tally[c] + other[c];
            runs[count] = Run{static_cast<int32_t>(c) - K, place};
            count += here > 0;
            tally[c] = place;
            place += here;
        }
        runs[count] = Run{0, place};
        count_[at] = count;
    }

    void base_values(Columns& u, int64_t start, int64_t n, int64_t i) const {
        real* out[2] = {u.value, u.slope};
        for (int r = 0; r < plan_.orders; ++r) {
            if (layer_.base_kind == Base::silu) base_column(layer_, u, n, orders_[r], out[r]);
            else if (layer_.base_kind == Base::given) {
                const auto& given = r == 0 ? points_.base_values : points_.base_slopes;
                for (int64_t b = 0; b < n; ++b) out[r][b] = given(start + b, i);
            }
        }
    }

    // Sorted: second half of the counting sort, stable. Each record goes to its place, and the first order notes the place.
    template <int K, int order>
    void write_records(const Splines<K>& splines, const Columns& u, int64_t start, int64_t n, int64_t i, int64_t at, int which,
                       int32_t* tally) {
        const bool has_base = layer_.base_kind != Base::none, scaled = scaled_[which] && points_.s;
        const bool simple = !u.outside && !scaled;
        const int stride = plan_.stride, r = orders_[which];
        const real* base = which == 0 ? u.value : u.slope;
        real* records = records_[which] + at * plan_.block * stride;
        uint16_t* sorted = sorted_ ? order_ + at * plan_.block : nullptr;
        if (stride > layer_.rows()) std::memset(records, 0, static_cast<size_t>(n * stride) * sizeof(real));
        const auto write = [&](int64_t b, real* record) {
            if (simple) {
                const auto w = splines(u.cell[b], u.v[b], u.rate[b], order < 0 ? r : order);
                std::memcpy(record, &w, (K + 1) * sizeof(real));
                if (has_base) record[K + 1] = base[b];
            } else {
                const real s = scaled ? points_.s(start + b, i) : real(1);
                const auto w = with_tail<K, order>(splines, layer_.extrapolation, u, b, r) * s;
                std::memcpy(record, &w, (K + 1) * sizeof(real));
                if (has_base) record[K + 1] = base[b] * s;
            }
        };
        if (!sorted) {
            for (int64_t b = 0; b < n; ++b) write(b, records + b * stride);
        } else if (which == 0) {
            for (int64_t b = 0; b < n; ++b) {
                const int32_t p = tally[u.cell[b]]++;
                sorted[p] = static_cast<uint16_t>(b);
                write(b, records + int64_t{p} * stride);
            }
        } else {
            for (int64_t p = 0; p < n; ++p) write(sorted[p], records + p * stride);
        }
    }

    // The common case of a backward pass in one go: slopes for the probe, values for the scatter, nothing beyond the ends.
    template <int K>
    void write_slopes_and_values(const Splines<K>& splines, const Columns& u, int64_t n, int64_t at, int32_t* tally) {
        const bool has_base = layer_.base_kind != Base::none;
        const int stride = plan_.stride;
        real* slopes = records_[0] + at * plan_.block * stride;
        real* values = records_[1] + at * plan_.block * stride;
        uint16_t* sorted = order_ + at * plan_.block;
        for (int64_t b = 0; b < n; ++b) {
            const int64_t p = tally[u.cell[b]]++;
            sorted[p] = static_cast<uint16_t>(b);
            pack<Splines<K>::P> value, slope;
            splines.both(u.cell[b], u.v[b], u.rate[b], value, slope);
            std::memcpy(slopes + p * stride, &slope, (K + 1) * sizeof(real));
            std::memcpy(values + p * stride, &value, (K + 1) * sizeof(real));
            slopes[p * stride + K + 1] = has_base ? u.value[b] : real(0);
            values[p * stride + K + 1] = has_base ? u.slope[b] : real(0);
        }
    }

    const Layer<real>& layer_;
    const Points<real>& points_;
    const Plan& plan_;
    const int* orders_;
    const bool* scaled_;
    bool sorted_;
    int64_t most_runs_, slots_;
    int buckets_;
    Scratch scratch_;
    uint16_t* order_ = nullptr;
    Run* runs_ = nullptr;
    int32_t* count_ = nullptr;
    int32_t* first_ = nullptr;
    real* records_[2] = {nullptr, nullptr};
    uint16_t* bucket_ = nullptr;
    Axis* axes_ = nullptr;
    int64_t first_block_ = 0;
};

}  // namespace
}  // namespace splinework
