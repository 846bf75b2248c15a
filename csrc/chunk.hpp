// The records of a chunk of rows, in the order of the batch: for the kernels that sort nothing.
#pragma once

#include "records.hpp"

namespace splinework {
namespace {

// What one block and one input hand to the kernels.
struct Block {
    const int32_t* first;    // number of the first active spline of each sample, cell - k: negative ones do not exist
    const real* records[2];  // for the orders asked for
};

class Chunk {
  public:
    Chunk(const Layer<real>& layer, const Points<real>& points, const Plan& plan, const int* orders, const bool* scaled)
        : layer_(layer), points_(points), plan_(plan), orders_(orders), scaled_(scaled),
          slots_(smaller(plan.chunk, plan.blocks()) * plan.inputs), axes_(layer, plan), scratch_(room()) {
        first_ = scratch_.take<int32_t>(slots_ * plan.block);
        for (int n = 0; n < plan.orders; ++n) records_[n] = scratch_.take<real>(slots_ * plan.block * plan.stride + 16);
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
        Block b{first_ + at * plan_.block, {}};
        for (int n = 0; n < plan_.orders; ++n) b.records[n] = records_[n] + at * plan_.block * plan_.stride;
        return b;
    }

  private:
    int64_t slot(int64_t q, int64_t i) const { return (q - first_block_) * plan_.inputs + i; }

    size_t room() const {
        const int64_t samples = slots_ * plan_.block;
        return Scratch::room<int32_t>(samples) + static_cast<size_t>(plan_.orders) * Scratch::room<real>(samples * plan_.stride + 16);
    }

    template <int K>
    void prepare_group(int64_t q, int64_t group, const uint8_t* alive) {
        const int64_t start = q * plan_.block, n = plan_.rows_in(q), padded = round_up(n, 16);
        const int64_t low = group * input_group, high = smaller(plan_.inputs, low + input_group);
        Scratch scratch(Scratch::room<real>(input_group * padded) + Columns::room(padded));
        real* x = scratch.take<real>(input_group * padded);
        Columns u(scratch, padded);
        read_points(points_, start, n, low, high, x, padded);
        for (int64_t i = low; i < high; ++i) {
            if (alive && !alive[i]) continue;
            u.x = x + (i - low) * padded;
            const int64_t at = slot(q, i);
            find_cells(axes_[i], u, n);
            base_values(layer_, points_, u, start, n, i, orders_, plan_.orders);
            for (int64_t b = 0; b < n; ++b) first_[at * plan_.block + b] = u.cell[b] - K;
            const Splines<K> splines(axes_[i], layer_, i == plan_.inputs - 1);
            for (int r = 0; r < plan_.orders; ++r) {
                if (orders_[r] == 0) write_records<K, 0>(splines, u, start, n, i, at, r);
                else if (orders_[r] == 1) write_records<K, 1>(splines, u, start, n, i, at, r);
                else write_records<K, -1>(splines, u, start, n, i, at, r);
            }
        }
    }

    template <int K, int order>
    void write_records(const Splines<K>& splines, const Columns& u, int64_t start, int64_t n, int64_t i, int64_t at, int which) {
        const bool has_base = layer_.base_kind != Base::none, scaled = scaled_[which] && points_.s;
        const bool simple = !u.outside && !scaled;
        const int stride = plan_.stride, r = order < 0 ? orders_[which] : order;
        const real* base = which == 0 ? u.value : u.slope;
        real* record = records_[which] + at * plan_.block * stride;
        if (stride > layer_.rows()) std::memset(record, 0, static_cast<size_t>(n * stride) * sizeof(real));
        for (int64_t b = 0; b < n; ++b, record += stride) {
            const real beyond = simple ? real(0) : u.beyond[b], s = simple || !scaled ? real(1) : points_.s(start + b, i);
            auto w = beyond == 0 ? splines(u.cell[b], u.v[b], u.rate[b], r)
                                 : beyond_end(splines, layer_.extrapolation, u.cell[b], u.v[b], u.rate[b], beyond, r);
            if (!simple) w = w * s;
            std::memcpy(record, &w, (K + 1) * sizeof(real));
            if (has_base) record[K + 1] = simple ? base[b] : base[b] * s;
        }
    }

    const Layer<real>& layer_;
    const Points<real>& points_;
    const Plan& plan_;
    const int* orders_;
    const bool* scaled_;
    int64_t slots_;
    Axes axes_;
    Scratch scratch_;
    int32_t* first_ = nullptr;
    real* records_[2] = {nullptr, nullptr};
    int64_t first_block_ = 0;
};

}  // namespace
}  // namespace splinework
