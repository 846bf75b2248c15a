// The Python module `splinework._native`: addresses, sizes and strides in, nothing of Python or torch touched inside.
//
// A matrix is the tuple (address, row stride, column stride), absent where the address is 0. A layer is the tuple that
// `splinework/kernels/native.py` builds; `read_layer` below is its one reader. Shapes are checked there, ranges here.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "adam.hpp"
#include "binding.hpp"
#include "network.hpp"
#include "two_loops.hpp"
#include "workers.hpp"

namespace nb = nanobind;

namespace splinework {
namespace {

// Whole numbers out of a tuple, in order.
class Reader {
  public:
    explicit Reader(nb::handle tuple) : tuple_(tuple), size_(static_cast<int64_t>(nb::len(tuple))) {}
    int64_t next() {
        if (at_ >= size_) throw std::invalid_argument("too few numbers in a tuple for the native kernels");
        return nb::cast<int64_t>(tuple_[at_++]);
    }
    template <class T>
    T* address() { return reinterpret_cast<T*>(static_cast<uintptr_t>(next())); }
    template <class T>
    Matrix<T> matrix() {
        Matrix<T> m;
        m.data = address<T>();
        m.row = next();
        m.column = next();
        return m;
    }
    template <class T>
    Matrix<T> rows() {  // column stride 1
        Matrix<T> m;
        m.data = address<T>();
        m.row = next();
        m.column = 1;
        return m;
    }

  private:
    nb::handle tuple_;
    int64_t size_, at_ = 0;
};

template <class T>
Edges<T> read_layer(nb::handle tuple) {
    Reader r(tuple);
    Edges<T> e{};
    Layer<T>& layer = e.layer;
    layer.inputs = r.next(), layer.splines = r.next(), layer.outputs = r.next();
    layer.degree = static_cast<int>(r.next());
    layer.extrapolation = static_cast<Extrapolation>(r.next());
    layer.base_kind = static_cast<Base>(r.next());
    layer.knots = r.address<const T>(), layer.pieces = r.address<const T>();
    layer.c = r.address<const T>(), layer.c_input = r.next(), layer.c_spline = r.next();
    layer.scale = r.rows<const T>(), layer.base = r.rows<const T>(), layer.mask = r.rows<const T>();
    e.bias = r.address<const T>();
    require(layer.inputs > 0 && layer.outputs >= 0, "the native kernels need at least one input");
    require(layer.degree >= 0 && layer.degree <= 9, "the native kernels take degrees 0 to 9");
    require(layer.splines > layer.degree, "there are more splines than their degree");
    require(layer.splines <= 60000, "the native kernels take at most 60000 splines on an edge");
    require(layer.knots && layer.pieces, "knots and pieces are needed");
    return e;
}

template <class T>
std::vector<Edges<T>> read_layers(nb::list layers) {
    std::vector<Edges<T>> found;
    for (nb::handle layer : layers) found.push_back(read_layer<T>(layer));
    require(!found.empty(), "a network has at least one layer");
    for (size_t l = 1; l < found.size(); ++l)
        require(found[l].layer.inputs == found[l - 1].layer.outputs, "a layer takes what the one before gives");
    return found;
}

template <class T>
Points<T> read_points(int64_t batch, nb::tuple tuple) {  // x, s, base values, base slopes
    require(batch >= 0, "a batch has no negative size");
    Reader r(tuple);
    Points<T> p{};
    p.batch = batch;
    p.x = r.matrix<const T>(), p.s = r.matrix<const T>();
    p.base_values = r.matrix<const T>(), p.base_slopes = r.matrix<const T>();
    return p;
}

template <class T>
std::vector<Wanted<T>> read_wanted(nb::list tuples) {
    std::vector<Wanted<T>> wanted;
    for (nb::handle tuple : tuples) {
        Reader r(tuple);
        Wanted<T> w{};
        w.gradients.c = r.address<T>(), w.gradients.c_input = r.next(), w.gradients.c_spline = r.next();
        w.gradients.scale = r.rows<T>(), w.gradients.base = r.rows<T>();
        w.bias = r.address<T>();
        wanted.push_back(w);
    }
    return wanted;
}

template <class T>
Network<T> read_network(nb::list layers, nb::tuple units_tuple, int threads, int algorithm) {
    Reader r(units_tuple);
    Units<T> units{};
    units.shift_in = r.address<const T>(), units.scale_in = r.address<const T>();
    units.shift_out = r.address<const T>(), units.scale_out = r.address<const T>();
    return Network<T>(read_layers<T>(layers), units, threads, static_cast<Algorithm>(algorithm));
}

template <class T>
std::vector<Sums<T>> read_sums(const Network<T>& network, nb::list tuples) {
    std::vector<Sums<T>> sums;
    for (nb::handle tuple : tuples) sums.push_back({Reader(tuple).rows<T>(), nullptr});
    require(sums.size() == network.layers.size(), "every layer needs a place for its sums");
    for (size_t l = 0; l < sums.size(); ++l) {
        require(network.layers[l].layer.c || network.layers[l].layer.outputs == 0, "coefficients are needed");
        sums[l].bias = network.layers[l].bias;
    }
    return sums;
}

// What a forward pass leaves for its backward pass, one for each layer.
using KeptPoints = std::deque<Kept>;
constexpr const char* kept_name = "splinework.kept_points";

// Returns what is kept, or null where `keep` is false.
template <class T>
std::unique_ptr<KeptPoints> run_forward(int64_t batch, nb::tuple points_tuple, nb::list layers, nb::list sums_tuples,
                                        nb::tuple units, int order, int threads, int algorithm, bool keep) {
    const Points<T> points = read_points<T>(batch, points_tuple);
    const Network<T> network = read_network<T>(layers, units, threads, algorithm);
    const auto sums = read_sums(network, sums_tuples);
    std::unique_ptr<KeptPoints> kept;
    nb::gil_scoped_release free;
    if (keep) kept = std::make_unique<KeptPoints>(network.layers.size());
    network.forward(points, order, sums, kept.get());
    return kept;
}

template <class T>
void run_backward(int64_t batch, nb::tuple points_tuple, nb::list layers, nb::list hidden_tuples, nb::tuple g_tuple,
                  nb::tuple probe_tuple, nb::list wanted_tuples, nb::tuple units, int probe_order, int scatter_order,
                  int threads, int algorithm, const KeptPoints* kept) {
    const Points<T> points = read_points<T>(batch, points_tuple);
    const Network<T> network = read_network<T>(layers, units, threads, algorithm);
    require(!kept || kept->size() == network.layers.size(), "points were kept for another network");
    std::vector<Matrix<const T>> hidden;
    for (nb::handle tuple : hidden_tuples) hidden.push_back(Reader(tuple).rows<const T>());
    const auto wanted = read_wanted<T>(wanted_tuples);
    require(wanted.size() == network.layers.size() && hidden.size() + 1 == network.layers.size(), "one entry per layer is needed");
    const Matrix<const T> g = Reader(g_tuple).rows<const T>();
    const Matrix<T> probe = Reader(probe_tuple).matrix<T>();
    nb::gil_scoped_release free;
    network.backward(points, hidden, g, probe, wanted, probe_order, scatter_order, kept);
}

// The mean squared error against `target` (B, J), and, where `wanted` is not empty, its gradients.
template <class T>
double run_squared_error(int64_t batch, nb::tuple points_tuple, nb::list layers, nb::list sums_tuples, nb::tuple target_tuple,
                         nb::list wanted_tuples, nb::tuple units, int threads, int algorithm) {
    const Points<T> points = read_points<T>(batch, points_tuple);
    const Network<T> network = read_network<T>(layers, units, threads, algorithm);
    const auto sums = read_sums(network, sums_tuples);
    const auto wanted = read_wanted<T>(wanted_tuples);
    const auto target = Reader(target_tuple).rows<const T>();
    require(wanted.empty() || wanted.size() == network.layers.size(), "one entry per layer is needed");
    nb::gil_scoped_release free;
    std::deque<Kept> kept(wanted.size());
    network.forward(points, 0, sums, wanted.empty() ? nullptr : &kept);
    const int64_t outputs = network.outputs();
    Scratch scratch(Scratch::room<T>(batch * outputs));
    T* pull = scratch.take<T>(batch * outputs);
    const T twice_share = T(2) / static_cast<T>(batch * outputs);
    double total = 0;
    for (int64_t b = 0; b < batch; ++b)
        for (int64_t j = 0; j < outputs; ++j) {
            const T gap = sums.back().y(b, j) - target(b, j);
            total += double(gap) * double(gap);
            pull[b * outputs + j] = gap * twice_share;
        }
    if (!wanted.empty()) {
        std::vector<Matrix<const T>> hidden;
        for (size_t l = 0; l + 1 < sums.size(); ++l) hidden.push_back({sums[l].y.data, sums[l].y.row, 1});
        network.backward(points, hidden, {pull, outputs, 1}, Matrix<T>{}, wanted, 1, 0, &kept);
    }
    return total / static_cast<double>(batch * outputs);
}

// Each layer, its inputs, the places of its edges' coefficients and of its biases; root, pull; matrix and vector, added to.
// False, and nothing done, where that would take more than `budget` vectors of multiplications for a row.
bool run_squares(int64_t rows, nb::list layers, nb::list inputs, nb::list places, nb::tuple root, nb::tuple pull,
                 nb::tuple into, double budget, int threads) {
    Expansion e;
    e.rows = rows;
    const auto read = read_layers<double>(layers);
    require(nb::len(inputs) == read.size() && nb::len(places) == read.size(), "one entry per layer is needed");
    for (size_t l = 0; l < read.size(); ++l) {
        Reader place(places[l]);
        ExpandedLayer own{read[l].layer, Reader(inputs[l]).matrix<const double>(), place.address<const int64_t>(),
                          place.address<const int64_t>()};
        require(own.x && own.edges && own.layer.c && own.layer.base_kind != Base::given, "an expansion needs all of a layer");
        e.layers.push_back(own);
    }
    e.root = Reader(root).matrix<const double>(), e.pull = Reader(pull).matrix<const double>();
    Reader out(into);
    auto *matrix = out.address<double>(), *vector = out.address<double>();
    const int64_t size = out.next();
    require(e.root && e.pull && matrix && vector, "an expansion needs factors, and where its squares go");
    if (work_of_squares(e) > budget) return false;
    nb::gil_scoped_release free;
    return add_squares(e, matrix, size, vector, threads), true;
}

// A step for tensors (value, gradient, mean, square, steps, size).
template <class T>
void run_adam(nb::list tensors, const AdamSettings& settings) {
    for (nb::handle tuple : tensors) {
        Reader r(tuple);
        AdamTensor<T> t{};
        t.value = r.address<T>(), t.gradient = r.address<const T>();
        t.mean = r.address<T>(), t.square = r.address<T>(), t.steps = r.address<float>(), t.size = r.next();
        adam_step(t, settings);
    }
}

// H q in place of q, from pairs (s, y) and their 1 / s'y, oldest first.
template <class T>
void run_two_loops(nb::list tuples, nb::list inverses, uintptr_t q, int64_t size) {
    std::vector<CurvaturePair<T>> pairs;
    for (size_t k = 0; k < tuples.size(); ++k) {
        Reader r(tuples[k]);
        const T *step = r.address<const T>(), *change = r.address<const T>();
        pairs.push_back({step, change, nb::cast<double>(inverses[k])});
    }
    require(!pairs.empty(), "a pair is needed");
    nb::gil_scoped_release free;
    two_loops(pairs, reinterpret_cast<T*>(q), size);
}

nb::list variant_names() {
    nb::list names;
    for (const Variant* v = available_variants(); v->name; ++v) names.append(v->name);
    return names;
}

}  // namespace

NB_MODULE(_native, m) {
    m.doc() = "The native kernels; use them through splinework.kernels.";
    m.def("forward", [](bool wide, int64_t batch, nb::tuple points, nb::list layers, nb::list sums, nb::tuple units, int order,
                        int threads, int algorithm, bool keep) {
        return to_capsule((wide ? run_forward<double> : run_forward<float>)(batch, points, layers, sums, units, order, threads,
                                                                            algorithm, keep), kept_name);
    });
    m.def("backward", [](bool wide, int64_t batch, nb::tuple points, nb::list layers, nb::list hidden, nb::tuple g,
                         nb::tuple probe, nb::list wanted, nb::tuple units, int probe_order, int scatter_order, int threads,
                         int algorithm, nb::handle kept) {
        (wide ? run_backward<double> : run_backward<float>)(batch, points, layers, hidden, g, probe, wanted, units,
                                                            probe_order, scatter_order, threads, algorithm,
                                                            kept.is_none() ? nullptr : from_capsule<KeptPoints>(kept, kept_name));
    }, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
       nb::arg(), nb::arg(), nb::arg(), nb::arg().none());
    m.def("squared_error", [](bool wide, int64_t batch, nb::tuple points, nb::list layers, nb::list sums, nb::tuple target,
                              nb::list wanted, nb::tuple units, int threads, int algorithm) {
        return (wide ? run_squared_error<double> : run_squared_error<float>)(batch, points, layers, sums, target, wanted, units,
                                                                             threads, algorithm);
    });
    m.def("add_squares", &run_squares);
    m.def("adam", [](bool wide, nb::list tensors, double rate, double beta1, double beta2, double epsilon, double decay,
                     bool decoupled) {
        (wide ? run_adam<double> : run_adam<float>)(tensors, {rate, beta1, beta2, epsilon, decay, decoupled});
    });
    m.def("two_loops", [](bool wide, nb::list pairs, nb::list inverses, uintptr_t q, int64_t size) {
        (wide ? run_two_loops<double> : run_two_loops<float>)(pairs, inverses, q, size);
    });
    bind_formulas(m);
    m.def("variants", &variant_names);
    m.def("variant", [] { return variant().name; });
    m.def("use_variant", [](const std::string& name) { return use_variant(name.c_str()); });
    m.def("borrow_runtime", [](const std::string& hint) { borrow_runtime(hint.c_str()); });
    m.def("worker_runtime", [] { return worker_runtime(); });
    m.def("fma_peak", [](bool wide, int threads) {
        nb::gil_scoped_release free;
        return wide ? kernels<double>().fma_peak(threads) : kernels<float>().fma_peak(threads);
    });
}

}  // namespace splinework
