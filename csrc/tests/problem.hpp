// The arrays of one case: inputs on blocks of exactly their size, results between guards.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

#include "case.hpp"
#include "oracle.hpp"

namespace splinework::test {

// Strides of a (rows, columns) matrix; `along` says that columns must be neighbours.
struct Strides {
    int64_t row, column;
};

inline Strides strides(int64_t rows, int64_t columns, int layout, bool along, Random& random) {
    if (layout == tight) return {columns, 1};
    if (layout == zero_strides && random.below(2)) return {0, 1};
    const int64_t gap = random.below(5);
    if (along || random.below(2)) return {columns + gap, 1};
    return random.below(2) ? Strides{1, rows + gap} : Strides{2 * columns + gap, 2};
}

// An input matrix. What lies between its elements is NaN.
template <class T>
class Input {
  public:
    template <class F>
    void fill(int64_t rows, int64_t columns, Strides s, F&& value) {
        const int64_t count = rows && columns ? (rows - 1) * s.row + (columns - 1) * s.column + 1 : 0;
        store_.reset(new T[count]);
        std::fill_n(store_.get(), count, std::numeric_limits<T>::quiet_NaN());
        for (int64_t r = 0; r < rows; ++r) {
            for (int64_t c = 0; c < columns; ++c) store_[r * s.row + c * s.column] = static_cast<T>(value(r, c));
        }
        matrix_ = {store_.get(), s.row, s.column};
    }
    Matrix<const T> get() const { return {matrix_.data, matrix_.row, matrix_.column}; }
    const T* data() const { return store_.get(); }
    T& at(int64_t r, int64_t c) { return matrix_(r, c); }

  private:
    std::unique_ptr<T[]> store_;
    Matrix<T> matrix_;
};

// A result (planes, rows, columns), and guards before, behind and between its elements.
template <class T>
class Output {
  public:
    void shape(int64_t planes, int64_t rows, int64_t columns, int64_t plane, Strides s) {
        planes_ = planes, rows_ = rows, columns_ = columns, plane_ = plane, strides_ = s;
        const bool empty = planes == 0 || rows == 0 || columns == 0;
        count_ = empty ? 0 : (planes - 1) * plane + (rows - 1) * s.row + (columns - 1) * s.column + 1;
        store_.reset(new T[count_ + 2 * guard]);
        for (int64_t i = 0; i < count_ + 2 * guard; ++i) store_[i] = sentinel();
    }
    T* data() const { return store_.get() + guard; }
    Matrix<T> matrix() const { return {data(), strides_.row, strides_.column}; }
    T operator()(int64_t p, int64_t r, int64_t c) const { return data()[offset(p, r, c)]; }
    int64_t planes() const { return planes_; }
    int64_t rows() const { return rows_; }
    int64_t columns() const { return columns_; }
    int64_t plane() const { return plane_; }
    int64_t row() const { return strides_.row; }

    // Empty, or what is wrong.
    std::string untouched_around() const {
        std::unique_ptr<bool[]> element(new bool[count_ + 2 * guard]());
        for (int64_t p = 0; p < planes_; ++p) {
            for (int64_t r = 0; r < rows_; ++r) {
                for (int64_t c = 0; c < columns_; ++c) element[guard + offset(p, r, c)] = true;
            }
        }
        for (int64_t i = 0; i < count_ + 2 * guard; ++i) {
            const bool is_sentinel = store_[i] == sentinel();
            const std::string place = std::to_string(i - guard) + " of " + std::to_string(count_);
            if (!element[i] && !is_sentinel) return "writes outside, at offset " + place;
            if (element[i] && is_sentinel) return "leaves an element unwritten, at offset " + place;
        }
        return "";
    }

    bool same_bits(const Output& other) const {
        for (int64_t i = 0; i < count_ + 2 * guard; ++i) {
            const bool both_nan = std::isnan(store_[i]) && std::isnan(other.store_[i]);
            if (!both_nan && std::memcmp(&store_[i], &other.store_[i], sizeof(T)) != 0) return false;
        }
        return true;
    }

  private:
    static constexpr int64_t guard = 128;
    static T sentinel() { return static_cast<T>(-123456.789e-20); }
    int64_t offset(int64_t p, int64_t r, int64_t c) const { return p * plane_ + r * strides_.row + c * strides_.column; }

    int64_t planes_ = 0, rows_ = 0, columns_ = 0, plane_ = 0, count_ = 0;
    Strides strides_{0, 1};
    std::unique_ptr<T[]> store_;
};

template <class T>
struct Results {
    Output<T> y, probe, c, scale, base;
};

template <class T>
struct Problem {
    using R = std::conditional_t<std::is_same_v<T, float>, double, Widest>;

    Case shape;
    Layer<T> layer;
    Points<T> forward_points, backward_points;
    Input<T> knots, pieces, c, scale, base, mask, x, s, values, slopes, g, bias;
    int64_t special_row = -1, special_input = -1;  // where the one NaN is
    T replaced = 0;                                // what stands there in its place if there is none

    explicit Problem(const Case& from) : shape(from) {
        Random random(static_cast<uint64_t>(from.seed) * 7919 + 17);
        const int64_t B = from.B, I = from.I, J = from.J, M = from.grid + from.degree, layout = from.layout;
        const auto normal = [&](auto...) { return random.uniform(-1, 1) + random.uniform(-1, 1); };
        layer.inputs = I, layer.splines = M, layer.outputs = J, layer.degree = from.degree;
        layer.extrapolation = static_cast<Extrapolation>(from.extrapolation);
        layer.base_kind = static_cast<Base>(from.base);
        make_knots(random);
        c.fill(I * M, J, strides(I * M, J, layout == zero_strides ? int{gaps} : int(layout), true, random), normal);
        layer.c = c.data(), layer.c_spline = c.get().row, layer.c_input = M * c.get().row;
        if (from.scale) scale.fill(I, J, strides(I, J, layout, true, random), normal);
        if (from.base) base.fill(I, J, strides(I, J, layout, true, random), normal);
        if (from.mask) {
            const int of_ten = from.mask == half ? 5 : from.mask == sparse ? 1 : 0;
            mask.fill(I, J, strides(I, J, layout, true, random), [&](auto...) { return random.below(10) < of_ten; });
        }
        layer.scale = scale.get(), layer.base = base.get(), layer.mask = mask.get();
        make_points(random);
        if (from.factors) s.fill(B, I, strides(B, I, layout, false, random), normal);
        g.fill(B, J, strides(B, J, layout, true, random), normal);
        if (from.bias) bias.fill(1, J, {J, 1}, normal);
        if (from.base == static_cast<int>(Base::given)) {
            values.fill(B, I, strides(B, I, layout, false, random), normal);
            slopes.fill(B, I, strides(B, I, layout, false, random), normal);
        }
        forward_points = backward_points = {B, x.get(), s.get(), values.get(), slopes.get()};
    }

    // The strides of the results are those of the case, whatever the number of threads.
    Results<T> room() const {
        Random random(static_cast<uint64_t>(shape.seed) + 1);
        const int64_t B = shape.B, I = shape.I, J = shape.J, M = layer.splines;
        const int layout = shape.layout == zero_strides ? int{gaps} : shape.layout;
        Results<T> found;
        found.y.shape(1, B, J, 0, strides(B, J, layout, true, random));
        if (shape.wanted & 1) found.probe.shape(1, B, I, 0, strides(B, I, layout, false, random));
        if (shape.wanted & 2) {
            const Strides rows = strides(M, J, layout, true, random);
            found.c.shape(I, M, J, M * rows.row + (layout == tight ? 0 : random.below(4)), rows);
        }
        if (shape.wanted & 4 && shape.scale) found.scale.shape(1, I, J, 0, strides(I, J, layout, true, random));
        if (shape.wanted & 8 && shape.base) found.base.shape(1, I, J, 0, strides(I, J, layout, true, random));
        return found;
    }

    bool live(int64_t i, int64_t j) const { return !layer.mask || layer.mask(i, j) != 0; }

  private:
    void make_knots(Random& random) {
        const int64_t I = shape.I, M = layer.splines, K = layer.cells() + 1, k = shape.degree, side = k + 1;
        constexpr double lows[] = {-1, 0, -1e-3, 3, 100}, highs[] = {1, 1, 1e-3, 7, 101};
        knots.fill(I, K, {K, 1}, [](auto...) { return 0; });
        pieces.fill(I, layer.cells() * side * side, {layer.cells() * side * side, 1}, [](auto...) { return 0; });
        for (int64_t i = 0; i < I; ++i) {
            const double low = lows[shape.domain] * random.uniform(0.9, 1), high = highs[shape.domain];
            const double step = (high - low) / shape.grid;
            for (int64_t n = 0; n < K; ++n) knots.at(i, n) = T(low + step * (n - k));
            if (shape.knots != uniform) {
                std::vector<double> inner(shape.grid + 1, 0.0);
                for (int n = 1; n <= shape.grid; ++n) inner[n] = inner[n - 1] + random.uniform(0.1, 3);
                for (int n = 0; n <= shape.grid; ++n) knots.at(i, k + n) = T(low + (high - low) * inner[n] / inner[shape.grid]);
                knots.at(i, M) = T(high);
            }
            if (shape.knots == repeated) {  // the ends k + 1 times, and some inside up to k + 1 times
                for (int64_t n = 0; n < k; ++n) knots.at(i, n) = knots.at(i, k), knots.at(i, M + 1 + n) = knots.at(i, M);
                for (int64_t n = k + 1; n + 1 < M; ++n) {
                    const bool repeat = n - k < k + 1 || knots.at(i, n - k) < knots.at(i, n);
                    if (repeat && random.below(3) == 0) knots.at(i, n + 1) = knots.at(i, n);
                }
            }
            const std::vector<T> found = cell_polynomials<Widest>(&knots.at(i, 0), M, shape.degree);
            for (size_t n = 0; n < found.size(); ++n) pieces.at(i, static_cast<int64_t>(n)) = found[n];
        }
        layer.knots = knots.data(), layer.pieces = pieces.data();
    }

    double point(int64_t i, Random& random) const {
        const int64_t k = shape.degree, M = layer.splines, K = layer.cells() + 1;
        const T* t = layer.knots + i * K;
        const double low = t[k], high = t[M], width = high - low;
        const T far = std::numeric_limits<T>::infinity();
        switch (shape.points) {
            case one_cell: return low + width * (shape.seed % 7 + random.uniform(0.1, 0.2)) / 8;
            case tails: return random.below(2) ? high + width * random.uniform(0, 3) : low - width * random.uniform(0, 3);
            case knots_only: return t[random.below(K)];
            default: break;
        }
        if (shape.points == infinities && random.below(4) == 0) return random.below(2) ? far : -far;
        switch (random.below(24)) {
            case 0: return t[random.below(K)];
            case 1: return t[k + random.below(M - k + 1)];
            case 2: return low;
            case 3: return high;
            case 4: return std::nextafter(static_cast<T>(low), -far);
            case 5: return std::nextafter(static_cast<T>(high), far);
            case 6: return std::nextafter(static_cast<T>(high), -far);
            case 7: return random.below(2) ? 1e30 : -1e30;
            case 8: return std::numeric_limits<T>::denorm_min() * static_cast<T>(random.below(100));
            case 9: return -0.0;
            case 10: return low - width * random.uniform(0, 0.5);
            case 11: return high + width * random.uniform(0, 0.5);
            case 12: return std::nextafter(t[random.below(K)], random.below(2) ? far : -far);
            default: return random.uniform(low, high);
        }
    }

    void make_points(Random& random) {
        const bool spread = shape.points == nan_entry && shape.layout == zero_strides;
        x.fill(shape.B, shape.I, strides(shape.B, shape.I, spread ? static_cast<int>(gaps) : shape.layout, false, random),
               [&](int64_t, int64_t i) { return point(i, random); });
        if (shape.points != nan_entry || shape.B == 0 || shape.I == 0) return;
        special_row = random.below(shape.B), special_input = random.below(shape.I);
        replaced = x.at(special_row, special_input);
        x.at(special_row, special_input) = std::numeric_limits<T>::quiet_NaN();
    }
};

}  // namespace splinework::test
