// All results of a case by the oracle, and how far a kernel's may be from them.
#pragma once

#include "problem.hpp"

namespace splinework::test {

enum class Demand : char { number, nan, not_finite, anything };

template <class T>
class Expected {
    using R = typename Problem<T>::R;

  public:
    explicit Expected(const Problem<T>& problem)
        : problem_(problem), layer_(problem.layer), B_(problem.shape.B), I_(problem.shape.I), J_(problem.shape.J),
          M_(problem.layer.splines), oracle_(layer_) {
        y_.resize(B_ * J_), probe_.resize(B_ * I_), c_.resize(I_ * M_ * J_), scale_.resize(I_ * J_), base_.resize(I_ * J_);
        if (problem.bias.data()) {
            for (int64_t n = 0; n < B_ * J_; ++n) y_[n].add(problem.bias.data()[n % J_], {1, 1});
        }
        for (int64_t b = 0; b < B_; ++b) {
            for (int64_t i = 0; i < I_; ++i) {
                forward(b, i);
                probe(b, i);
                scatter(b, i);
            }
        }
        for (int64_t i = 0; i < I_; ++i) {
            for (int64_t m = 0; m < M_; ++m) {
                for (int64_t j = 0; j < J_; ++j) weigh(i, m, j);
            }
        }
    }

    // Empty, or where the result is not as expected.
    std::string compare(const char* name, const Output<T>& got) const {
        const std::vector<Entry>& wanted = *name == 'y'   ? y_
                                           : *name == 'p' ? probe_
                                           : *name == 'c' ? c_
                                           : *name == 's' ? scale_
                                                          : base_;
        const int64_t terms = *name == 'y' ? I_ : *name == 'p' ? J_ : B_;
        size_t n = 0;
        for (int64_t p = 0; p < got.planes(); ++p) {
            for (int64_t r = 0; r < got.rows(); ++r) {
                for (int64_t c = 0; c < got.columns(); ++c) {
                    const Entry& want = wanted[n++];
                    const T value = got(p, r, c);
                    if (fits(value, want, terms)) continue;
                    char text[200];
                    std::snprintf(text, sizeof text, "at (%d, %d, %d) %.17g instead of %.17g, size %.3g, demand %d", int(p),
                                  int(r), int(c), double(value), double(want.value), double(want.size), int(want.demand));
                    return text;
                }
            }
        }
        return "";
    }

  private:
    struct Entry : Term<R> {
        Demand demand = Demand::number;
        bool nan_or_number = false;
        void ask(Demand more) { demand = demand == Demand::nan ? Demand::nan : more; }
    };

    // A sum of n terms may lose half a unit in the last place of its size with each of them.
    static bool fits(T value, const Entry& want, int64_t terms) {
        constexpr bool single = std::is_same_v<T, float>;
        // Where nothing is wider than double, the oracle itself rounds as the kernels do: its error counts twice over.
        const R own = sizeof(R) > sizeof(double) || single ? R(1) : R(3);
        const R tolerance = (single ? R(2e-6) : R(1e-12)) * own, floor = single ? R(1e-26) : R(1e-250);
        const R most = single ? R(1e36) : R(1e290);
        if (want.demand == Demand::nan) return std::isnan(value);
        if (want.demand == Demand::not_finite) return !std::isfinite(value);
        if (want.demand == Demand::anything || want.size > most) return true;
        if (want.nan_or_number && std::isnan(value)) return true;
        return std::abs(R(value) - want.value) <= tolerance * (1 + R(terms) / 64) * want.size + floor;
    }

    // What a point that is no number, or without end, demands of results that it alone decides.
    Demand demand(int64_t b, int64_t i, int order) const {
        const T x = problem_.forward_points.x(b, i);
        if (std::isnan(x)) return Demand::nan;
        if (!std::isinf(x)) return Demand::number;
        const bool silu = layer_.base_kind == Base::silu;
        if (layer_.extrapolation == Extrapolation::linear && order == 0) {
            return layer_.degree == 0 && !silu ? Demand::anything : Demand::not_finite;
        }
        return layer_.extrapolation == Extrapolation::zero && silu ? Demand::anything : Demand::number;
    }

    R factor(int64_t b, int64_t i) const {
        return problem_.forward_points.s ? R(problem_.forward_points.s(b, i)) : R(1);
    }
    R scale(int64_t i, int64_t j) const { return layer_.scale ? R(layer_.scale(i, j)) : R(1); }
    R coefficient(int64_t i, int64_t m, int64_t j) const {
        return R(layer_.c[i * layer_.c_input + m * layer_.c_spline + j]);
    }
    bool exists(int64_t m) const { return m >= 0 && m < M_; }

    Row<R> row(int64_t b, int64_t i, int order, const Matrix<const T>& given) const {
        return oracle_.row(i, problem_.forward_points.x(b, i), order, given ? R(given(b, i)) : R(0));
    }

    // Σ_m β_m C_imj
    Term<R> edge(const Row<R>& row, int64_t i, int64_t j) const {
        Term<R> sum;
        for (int a = 0; a <= layer_.degree; ++a) {
            const int64_t m = row.first + a;
            if (exists(m)) sum.add(scale(i, j) * coefficient(i, m, j), row.splines[a]);
        }
        if (layer_.base_kind != Base::none) sum.add(layer_.base(i, j), row.base);
        return sum;
    }

    void forward(int64_t b, int64_t i) {
        const Demand special = demand(b, i, problem_.shape.order);
        Row<R> functions;
        if (special == Demand::number) functions = row(b, i, problem_.shape.order, problem_.forward_points.base_values);
        for (int64_t j = 0; j < J_; ++j) {
            Entry& y = y_[b * J_ + j];
            if (special != Demand::number) {
                y.ask(problem_.live(i, j) ? special : Demand::anything);
            } else if (problem_.live(i, j)) {
                y.add(factor(b, i), edge(functions, i, j));
            }
        }
    }

    void probe(int64_t b, int64_t i) {
        Entry& p = probe_[b * I_ + i];
        const Demand special = demand(b, i, problem_.shape.probe_order);
        Row<R> functions;
        if (special == Demand::number) functions = row(b, i, problem_.shape.probe_order, problem_.backward_points.base_values);
        bool any = false;
        for (int64_t j = 0; j < J_; ++j) {
            if (!problem_.live(i, j)) continue;
            any = true;
            if (special == Demand::number) p.add(problem_.g.get()(b, j), edge(functions, i, j));
        }
        if (special != Demand::number) p.ask(any ? special : Demand::anything);
    }

    void scatter(int64_t b, int64_t i) {
        const Demand special = demand(b, i, problem_.shape.scatter_order);
        Row<R> functions;
        if (special == Demand::number) functions = row(b, i, problem_.shape.scatter_order, scattered_base());
        const bool no_number = special == Demand::nan;
        for (int64_t j = 0; j < J_; ++j) {
            if (!problem_.live(i, j)) continue;
            const R weight = factor(b, i) * R(problem_.g.get()(b, j));
            if (special != Demand::number) {
                // Which splines a NaN reaches is open; with other rows in the same cells they stay to be checked.
                for (int64_t m = 0; m < M_; ++m) {
                    Entry& c = c_[(i * M_ + m) * J_ + j];
                    if (no_number) c.nan_or_number = true;
                    else c.ask(Demand::anything);
                }
                const bool given = layer_.base_kind == Base::given;
                scale_[i * J_ + j].ask(no_number ? Demand::nan : Demand::anything);
                if (!given) base_[i * J_ + j].ask(no_number ? Demand::nan : Demand::anything);
                if (!given) continue;
                base_[i * J_ + j].add(weight, given_base(b, i));
                continue;
            }
            for (int a = 0; a <= layer_.degree; ++a) {
                const int64_t m = functions.first + a;
                if (exists(m)) c_[(i * M_ + m) * J_ + j].add(weight, functions.splines[a]);
            }
            if (layer_.base_kind != Base::none) base_[i * J_ + j].add(weight, functions.base);
        }
    }

    // The orders asked for are the probe's, if there is one, then the scatter's.
    const Matrix<const T>& scattered_base() const {
        return problem_.shape.wanted & 1 ? problem_.backward_points.base_slopes : problem_.backward_points.base_values;
    }

    Term<R> given_base(int64_t b, int64_t i) const {
        const R value = scattered_base()(b, i);
        return {value, std::abs(value)};
    }

    // From the scatter of the splines to the gradients of c and scale.
    void weigh(int64_t i, int64_t m, int64_t j) {
        Entry& c = c_[(i * M_ + m) * J_ + j];
        if (problem_.live(i, j)) scale_[i * J_ + j].add(coefficient(i, m, j), c);
        c.value *= scale(i, j);
        c.size *= std::abs(scale(i, j));
    }

    const Problem<T>& problem_;
    const Layer<T>& layer_;
    const int64_t B_, I_, J_, M_;
    const Oracle<R, T> oracle_;
    std::vector<Entry> y_, probe_, c_, scale_, base_;
};

}  // namespace splinework::test
