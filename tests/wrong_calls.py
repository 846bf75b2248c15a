"""The likeliest wrong calls of each public function: habits of pykan, torch, scikit-learn and PySR, and slips with data."""

import numpy as np
import pandas as pd
import scipy.sparse
import torch

import splinework as sw
from splinework.interpret.scores import attribution

ROWS = np.random.default_rng(0).uniform(-1, 1, (60, 2))
TARGET = ROWS[:, 0] + ROWS[:, 1] ** 2
X, Y = torch.tensor(ROWS), torch.tensor(TARGET)
MODEL = sw.KAN([2, 1], names=["a", "b"], dtype=torch.float64)
FEW = {"hidden": 0, "grid": 2, "max_iter": 1}
GAPS = ROWS.copy()
GAPS[3, 1] = np.nan
DATASET = {"train_input": X, "train_label": Y[:, None], "test_input": X, "test_label": Y[:, None]}


def regressor(**options):
    """A fitted regressor."""
    return sw.KANRegressor(**FEW, **options).fit(ROWS, TARGET)


def classifier():
    """A fitted classifier."""
    return sw.KANClassifier(**FEW).fit(ROWS, TARGET > 0)


FITS = {
    "fit": (sw.fit, {}),
    "train.fit": (sw.train.fit, {}),
    "sparsify": (sw.sparsify, {}),
    "ensemble": (sw.ensemble, {}),
}
QUIET = {"progress": False}
WRONG_OPTIONS = [
    ({"opt": "LBFGS"}, TypeError, ["'opt'", "'optimiser'"]),
    ({"optimizer": "adam"}, TypeError, ["'optimizer'", "'optimiser'"]),
    ({"lr": 0.01}, TypeError, ["'lr'", "'optimiser'", "Adam(learning_rate="]),
    ({"lamb": 1e-3}, TypeError, ["'lamb'", "penalt"]),
    ({"alpha": 0.1}, TypeError, ["'alpha'", "penalt"]),
    ({"batch_size": 32}, TypeError, ["'batch_size'", "Adam(batch="]),
    ({"loss_fn": torch.nn.MSELoss()}, TypeError, ["'loss_fn'", "'loss'"]),
    ({"sample_weight": np.ones(60)}, TypeError, ["'sample_weight'", "'weights'"]),
    ({"random_state": 0}, TypeError, ["'random_state'", "'seed'"]),
    ({"verbose": 1}, TypeError, ["'verbose'", "'progress'"]),
    ({"device": "cuda"}, TypeError, ["'device'", "model.to(device)"]),
    ({"n_jobs": -1}, TypeError, ["'n_jobs'", "torch.set_num_threads"]),
    ({"metrics": [print]}, TypeError, ["'metrics'", "'callbacks'"]),
    ({"validation_split": 0.1}, TypeError, ["'validation_split'", "'validation'"]),
    ({"timeout": 60}, TypeError, ["'timeout'", "'budget'"]),
    ({"seconds": 60}, TypeError, ["'seconds'", "'budget'"]),
    ({"width": [2, 5, 1]}, TypeError, ["'width'", "KAN(shape)"]),
    ({"k": 3}, TypeError, ["'k'", "degree"]),
    ({"tol": 1e-4}, TypeError, ["'tol'", "EarlyStopping"]),
    ({"optimiser": "LBFGSS"}, ValueError, ["'LBFGSS'", "lbfgs"]),
    ({"loss": "mse"}, ValueError, ["'mse'", "squared"]),
    ({"weights": np.ones(3)}, ValueError, ["weights", "60", "3"]),
    ({"validation": 20}, ValueError, ["validation", "20", "share"]),
]
WRONG_DATA = [
    (lambda verb: verb(X, Y, Y), ["model", "KAN", "Tensor"]),
    (lambda verb: verb(MODEL, DATASET, Y), ["dict", "train_input"]),
    (lambda verb: verb(MODEL, X.T, Y), ["(rows, 2)", "(2, 60)", "x.T"]),
    (lambda verb: verb(MODEL, X, Y[:50]), ["60", "50", "rows"]),
    (lambda verb: verb(MODEL, X[:, :1], Y), ["(rows, 2)", "(60, 1)"]),
    (lambda verb: verb(MODEL, GAPS, Y), ["b: 1", "not finite", "Drop or fill"]),
    (lambda verb: verb(MODEL, [["a", "b"]] * 60, Y), ["x must be numbers", "<U1"]),
    (lambda verb: verb(MODEL, ROWS * 1j, Y), ["x must be numbers", "complex"]),
    (lambda verb: verb(MODEL, scipy.sparse.csr_matrix(ROWS), Y), ["sparse", "toarray()"]),
    (lambda verb: verb(MODEL, X[:0], Y[:0]), ["no rows"]),
    (lambda verb: verb(MODEL, pd.DataFrame(ROWS, columns=["a", "c"]), Y), ["missing: b", "['a', 'c']"]),
    (lambda verb: verb(MODEL, X, ["a", "b"] * 30), ["y must be numbers", "<U1"]),
    (lambda verb: verb("model.safetensors", X, Y), ["str", "sw.load('model.safetensors')"]),
    (lambda verb: verb(sw.KAN, X, Y), ["KAN([", "class"]),
]

# What is called, the builtin that the error is too, and parts of its message.
CALLS = {
    "KAN": [
        (lambda f: sw.KAN(width=[2, 5, 1]), TypeError, ["'width'", "'shape'"]),
        (lambda f: sw.KAN([2, 5, 1], k=3), TypeError, ["'k'", "'degree'"]),
        (lambda f: sw.KAN([2, 5, 1], 5, 3), TypeError, ["KAN(shape)", "3", "grid=5, degree=3"]),
        (lambda f: sw.KAN(2, 5, 1), TypeError, ["KAN([2, 5, 1])"]),
        (lambda f: sw.KAN(), TypeError, ["'shape'", "KAN(shape)"]),
        (lambda f: sw.KAN(layers_hidden=[2, 5, 1]), TypeError, ["'layers_hidden'", "'shape'"]),
        (lambda f: sw.KAN([2, 5, 1], grid_size=5), TypeError, ["'grid_size'", "'grid'"]),
        (lambda f: sw.KAN([2, 5, 1], spline_order=3), TypeError, ["'spline_order'", "'degree'"]),
        (lambda f: sw.KAN([2, 5, 1], seed=0), TypeError, ["'seed'", "'generator'"]),
        (lambda f: sw.KAN([2, 5, 1], noise_scale=0.1), TypeError, ["'noise_scale'", "'init'"]),
        (lambda f: sw.KAN([2, 5, 1], base_fun="silu"), TypeError, ["'base_fun'", "'base'"]),
        (lambda f: sw.KAN([2, 5, 1], symbolic_enabled=True), TypeError, ["'symbolic_enabled'", "sw.symbolify"]),
        (lambda f: sw.KAN([2, 5, 1], grid_range=[-1, 1]), TypeError, ["'grid_range'", "'domain'"]),
        (lambda f: sw.KAN([2, 5, 1], lr=1e-3), TypeError, ["'lr'", "sw.fit"]),
        (lambda f: sw.KAN([2, 5, 1], gird=5), TypeError, ["'gird'", "did you mean 'grid'"]),
        (lambda f: sw.KAN([2]), ValueError, ["[2]", "[2, 5, 1]"]),
        (lambda f: sw.KAN(5), ValueError, ["5", "[2, 5, 1]"]),
        (lambda f: sw.KAN([2, 5, 1], grid=0), ValueError, ["grid", "0"]),
        (lambda f: sw.KAN([2, 5, 1], names=["a"]), ValueError, ["names", "2", "'a'"]),
        (lambda f: sw.KAN([2, 5, 1], base="silou"), ValueError, ["'silou'", "silu"]),
    ],
    "model": [
        (lambda f: MODEL(X[:, :1]), ValueError, ["(…, 2)", "(60, 1)"]),
        (lambda f: MODEL([["a", "b"]]), ValueError, ["x must be numbers", "<U1"]),
        (lambda f: MODEL(X.to(torch.complex128)), TypeError, ["complex128", "floating-point"]),
        (lambda f: sw.KAN([2, 1], dtype=torch.float32)(X), TypeError, ["float64", "float32", ".to("]),
        (lambda f: MODEL.train(DATASET), TypeError, ["dict", "sw.fit(model, x, y)"]),
        (lambda f: MODEL.train(DATASET, opt="LBFGS"), TypeError, ["'opt'", "sw.fit"]),
        (lambda f: MODEL(pd.DataFrame(ROWS, columns=["a", "c"])), ValueError, ["missing: b"]),
        (lambda f: MODEL(None), ValueError, ["None", "(rows, 2)"]),
    ],
    "KANConfig": [
        (lambda f: sw.KANConfig(width=[2, 1]), TypeError, ["'width'", "'nodes'"]),
        (lambda f: sw.KANConfig(), TypeError, ["'nodes'", "'bases'"]),
        (lambda f: sw.KANConfig(MODEL.config.nodes, ()), ValueError, ["1 layers", "0"]),
    ],
    "KANLayer": [
        (lambda f: sw.KANLayer(2, 3, 5, 3), TypeError, ["KANLayer(inputs, outputs)", "grid=5, degree=3"]),
        (lambda f: sw.KANLayer(in_dim=2, out_dim=3), TypeError, ["'in_dim'", "'inputs'"]),
        (lambda f: sw.KANLayer(in_features=2, out_features=3), TypeError, ["'in_features'", "'inputs'"]),
        (lambda f: sw.KANLayer(2, 3, num=5), TypeError, ["'num'", "'grid'"]),
        (lambda f: sw.KANLayer(2, 3, k=3), TypeError, ["'k'", "'degree'"]),
        (lambda f: sw.KANLayer(2, 3, base_activation=torch.nn.SiLU), TypeError, ["'base_activation'", "'base'"]),
        (lambda f: sw.KANLayer(2, 3, grid_range=[-1, 1]), TypeError, ["'grid_range'", "'domain'"]),
        (lambda f: sw.KANLayer(2), TypeError, ["'outputs'", "KANLayer(inputs, outputs)"]),
        (lambda f: sw.KANLayer(0, 3), ValueError, ["at least one", "0"]),
        (lambda f: sw.KANLayer(2, 3, dtype=torch.int64), TypeError, ["int64", "float32"]),
        (lambda f: sw.KANLayer(2, 3)(X), TypeError, ["float64", ".to("]),
        (lambda f: sw.KANLayer(2, 3)(ROWS), TypeError, ["ndarray", "torch.as_tensor"]),
    ],
    "KANRegressor": [
        (lambda f: sw.KANRegressor(hidden_layer_sizes=(5,)), TypeError, ["'hidden_layer_sizes'", "'hidden'"]),
        (lambda f: sw.KANRegressor([2, 5, 1]), TypeError, ["KANRegressor", "hidden=[2, 5, 1]"]),
        (lambda f: sw.KANRegressor(epochs=100), TypeError, ["'epochs'", "'max_iter'"]),
        (lambda f: sw.KANRegressor(k=3), TypeError, ["'k'", "'degree'"]),
        (lambda f: sw.KANRegressor(alpha=1e-3), TypeError, ["'alpha'", "penalties"]),
        (lambda f: sw.KANRegressor(verbose=1), TypeError, ["'verbose'", "progress"]),
        (lambda f: sw.KANRegressor(seed=0), TypeError, ["'seed'", "'random_state'"]),
        (lambda f: sw.KANRegressor(n_estimators=5), TypeError, ["'n_estimators'", "'members'"]),
        (lambda f: sw.KANRegressor(timeout_in_seconds=5), TypeError, ["'timeout_in_seconds'", "'formula_budget'"]),
        (lambda f: sw.KANRegressor(n_jobs=2), TypeError, ["'n_jobs'", "torch.set_num_threads"]),
        (lambda f: regressor().predict(ROWS, interval=90), ValueError, ["90", "interval=0.9"]),
        (lambda f: regressor().predict(ROWS, alpha=0.1), TypeError, ["'alpha'", "'interval'"]),
        (lambda f: regressor().predict(ROWS, interval=0.999), ValueError, ["1999 rows", "60", "0.96"]),
        (lambda f: regressor().predict(ROWS, interval=0.9, return_std=True), ValueError, ["interval", "return_std"]),
        (lambda f: regressor(loss="quantile"), ValueError, ["quantile=0.9"]),
        (lambda f: regressor(loss="gamma"), ValueError, ["strictly positive", "poisson"]),
        (lambda f: regressor(loss="poisson", monotone=[1, 0]), ValueError, ["squared_error", "'poisson'"]),
    ],
    "KANClassifier": [
        (lambda f: classifier().predict(ROWS, interval=0.9), TypeError, ["'interval'", "predict_proba"]),
        (lambda f: sw.KANClassifier(hidden_layers=[5]), TypeError, ["'hidden_layers'", "'hidden'"]),
        (lambda f: sw.KANClassifier(learning_rate_init=0.1), TypeError, ["'learning_rate_init'", "Adam"]),
        (lambda f: sw.KANClassifier(C=1.0), TypeError, ["'C'", "penalties"]),
        (
            lambda f: sw.KANClassifier(hidden=0).fit(ROWS, ROWS[:, 0] > 0).permutation_importances(ROWS, X, repeats=1),
            ValueError,
            ["at least 2", "got 1", "try 5"],
        ),
        (lambda f: sw.KANClassifier(gird=5), TypeError, ["'gird'", "did you mean 'grid'"]),
    ],
    "KANTransformer": [
        (lambda f: sw.KANTransformer(n_knots=5), TypeError, ["'n_knots'", "'grid'"]),
        (lambda f: sw.KANTransformer(activation="relu"), TypeError, ["'activation'", "base"]),
    ],
    "adapt": [
        (lambda f: sw.adapt(MODEL), TypeError, ["'x'", "adapt(model, x)"]),
        (lambda f: sw.adapt(X, MODEL), ValueError, ["model first", "Tensor"]),
        (lambda f: sw.adapt(MODEL, X, grid=9), TypeError, ["'grid'", "grid_eps"]),
        (lambda f: sw.adapt(MODEL, X.T), ValueError, ["(rows, 2)", "(2, 60)", "x.T"]),
        (lambda f: sw.adapt(MODEL, GAPS), ValueError, ["b: 1", "not finite"]),
        (lambda f: sw.adapt(MODEL, X, 0.5), TypeError, ["adapt(model, x)", "grid_eps=0.5"]),
        (lambda f: sw.adapt(MODEL, X, grid_eps=2), ValueError, ["grid_eps", "2"]),
    ],
    "refine": [
        (lambda f: sw.refine(MODEL), TypeError, ["'grid'", "refine(model, grid)"]),
        (lambda f: sw.refine(MODEL, new_grid=10), TypeError, ["'new_grid'", "'grid'"]),
        (lambda f: sw.refine(MODEL, 10, X), TypeError, ["refine(model, grid)", "x="]),
        (lambda f: sw.refine(10, MODEL), ValueError, ["model first", "int"]),
        (lambda f: sw.refine(MODEL, 2), ValueError, ["2", "5"]),
        (lambda f: sw.refine(MODEL, "10"), ValueError, ["grid", "'10'"]),
        (lambda f: sw.refine(MODEL, [5, 10]), ValueError, ["1", "2"]),
        (lambda f: sw.refine(MODEL, k=5), TypeError, ["'k'", "degree"]),
    ],
    "prune": [
        (lambda f: sw.prune(MODEL), TypeError, ["'x'", "prune(model, x)"]),
        (lambda f: sw.prune(MODEL, X, threshold=0.1), TypeError, ["'threshold'", "'edges'"]),
        (lambda f: sw.prune(MODEL, X, node_th=0.1), TypeError, ["'node_th'", "'edges' or 'nodes'"]),
        (lambda f: sw.prune(MODEL, X, 0.1), TypeError, ["prune(model, x)", "edges=0.1"]),
        (lambda f: sw.prune(X, MODEL), ValueError, ["model first", "Tensor"]),
        (lambda f: sw.prune(MODEL, X, edges=-1), ValueError, ["edges", "-1"]),
        (lambda f: sw.prune(MODEL, "data.csv"), ValueError, ["x must be numbers"]),
        (lambda f: sw.prune(MODEL, [[np.inf, 0.0]]), ValueError, ["a: 1", "not finite"]),
    ],
    "trace": [
        (lambda f: sw.trace(MODEL), TypeError, ["'x'", "trace(model, x)"]),
        (lambda f: sw.trace(X, MODEL), ValueError, ["model first", "Tensor"]),
        (lambda f: sw.trace(MODEL, X[:, :1]), ValueError, ["(rows, 2)", "(60, 1)"]),
        (lambda f: sw.trace(MODEL, X, strict=True), TypeError, ["'strict'", "model, x"]),
    ],
    "attribution": [
        (lambda f: attribution(MODEL), TypeError, ["'x'", "attribution(model, x)"]),
        (lambda f: attribution(X, MODEL), ValueError, ["model first", "Tensor"]),
        (lambda f: attribution(MODEL, X, n_repeats=5), TypeError, ["'n_repeats'", "record"]),
    ],
    "plot": [
        (lambda f: sw.plot(MODEL), TypeError, ["'x'", "plot(model, x)"]),
        (lambda f: sw.plot(X, MODEL), ValueError, ["model first", "Tensor"]),
        (lambda f: sw.plot(MODEL, X, folder="figures"), TypeError, ["'folder'", "ax"]),
        (lambda f: sw.plot(MODEL, X, in_vars=["a", "b"]), TypeError, ["'in_vars'", "'names'"]),
        (lambda f: sw.plot(MODEL, X, out_vars=["y"]), TypeError, ["'out_vars'", "'output_names'"]),
        (lambda f: sw.plot(MODEL, X, bteta=3), TypeError, ["'bteta'", "did you mean 'beta'"]),
        (lambda f: sw.plot(MODEL, X, names=["a"]), ValueError, ["names", "2"]),
        (lambda f: sw.plot(f, X), ValueError, ["FitResult", ".model"]),
    ],
    "report": [
        (lambda f: sw.report(MODEL), TypeError, ["'path'", "report(model, path)"]),
        (lambda f: sw.report(MODEL, X, Y), TypeError, ["report(model, path)", "x="]),
        (lambda f: sw.report(MODEL, filename="r.html"), TypeError, ["'filename'", "'path'"]),
        (lambda f: sw.report(MODEL, X), TypeError, ["path", "Tensor"]),
        (lambda f: sw.report(MODEL, "/nowhere/report.html"), OSError, ["/nowhere", "choose another place"]),
        (lambda f: sw.report(MODEL, "r.html", X=X), TypeError, ["'X'", "'x'"]),
    ],
    "export": [
        (lambda f: sw.export(MODEL, "onx"), ValueError, ["'onx'", "did you mean 'onnx'"]),
        (lambda f: sw.export(MODEL, format="onnx"), TypeError, ["'format'", "'to'"]),
        (lambda f: sw.export(MODEL, "model.onnx"), ValueError, ["model.onnx", "onnx"]),
        (lambda f: sw.export(MODEL, "c", filename="m.c"), TypeError, ["'filename'", "'path'"]),
        (lambda f: sw.export("model.safetensors", "onnx"), ValueError, ["str", "sw.load"]),
        (lambda f: sw.export(), TypeError, ["'model'", "export(model)"]),
        (lambda f: sw.export(f, "c"), ValueError, ["FitResult", ".model"]),
        (lambda f: sw.export(MODEL, "c", precision="half"), ValueError, ["precision", "'half'"]),
    ],
    "save": [
        (lambda f: sw.save(MODEL), TypeError, ["'path'", "save(model, path)"]),
        (lambda f: sw.save("m.safetensors", MODEL), ValueError, ["model first", "str"]),
        (lambda f: sw.save(MODEL.state_dict(), "m.safetensors"), ValueError, ["model first", "OrderedDict"]),
        (lambda f: sw.save(f, "m.safetensors"), ValueError, ["FitResult", ".model"]),
        (lambda f: sw.save(MODEL, "/nowhere/m.safetensors"), OSError, ["/nowhere"]),
        (lambda f: sw.save(MODEL, filename="m.safetensors"), TypeError, ["'filename'", "'path'"]),
        (lambda f: sw.save(MODEL, "m.safetensors", notes={"a": X}), ValueError, ["notes", "JSON"]),
        (lambda f: sw.save(sw.KANRegressor(), "m.safetensors"), ValueError, ["KANRegressor", ".model_"]),
    ],
    "load": [
        (lambda f: sw.load(), TypeError, ["'path'", "load(path)"]),
        (lambda f: sw.load("nowhere.safetensors"), OSError, ["nowhere.safetensors", "sw.save"]),
        (lambda f: sw.load("/tmp"), OSError, ["folder", "model.safetensors"]),
        (lambda f: sw.load(MODEL, "m.safetensors"), TypeError, ["load(path)", "2"]),
        (lambda f: sw.load("m.safetensors", map_location="cpu"), TypeError, ["'map_location'", "'device'"]),
        (lambda f: sw.load(MODEL), TypeError, ["path", "KAN"]),
    ],
    "verify": [
        (lambda f: sw.verify(MODEL), TypeError, ["'axioms'", "verify(model, axioms)"]),
        (lambda f: sw.verify(MODEL, "monoton(a)"), ValueError, ["monoton", "monotone"]),
        (lambda f: sw.verify(MODEL, "monotone(c)"), ValueError, ["'c'", "a"]),
        (lambda f: sw.verify("monotone(a)", MODEL), ValueError, ["model first", "str"]),
        (lambda f: sw.verify(MODEL, "monotone(a)", bounds={}), TypeError, ["'bounds'", "'box'"]),
        (lambda f: sw.verify(MODEL, "monotone(a)", timeout=9), TypeError, ["'timeout'", "'budget'"]),
        (lambda f: sw.verify(MODEL, axiom="monotone(a)"), TypeError, ["'axiom'", "'axioms'"]),
        (lambda f: sw.verify(f, "monotone(a)"), ValueError, ["FitResult", ".model"]),
        (lambda f: sw.verify(MODEL, 3), ValueError, ["axiom", "3"]),
    ],
    "symbolify": [
        (lambda f: sw.symbolify(MODEL, X), TypeError, ["'y'", "symbolify(model, x, y)"]),
        (lambda f: sw.symbolify(X, Y), TypeError, ["model first", "Tensor"]),
        (lambda f: sw.symbolify(MODEL, X, Y, lib=["sin"]), TypeError, ["'lib'", "'library'"]),
        (lambda f: sw.symbolify(MODEL, X, Y[:9]), ValueError, ["60", "9"]),
        (lambda f: sw.symbolify(f, X, Y), ValueError, ["FitResult", ".model"]),
        (lambda f: sw.symbolify(MODEL, X, Y, ["sin"]), TypeError, ["symbolify(model, x, y)", "library="]),
        (lambda f: sw.symbolify(MODEL, X, Y, verbose=1), TypeError, ["'verbose'", "progress"]),
    ],
    "discover": [
        (lambda f: sw.discover(X, Y, niterations=40), TypeError, ["'niterations'", "'budget'"]),
        (lambda f: sw.discover(X, Y, binary_operators=["+"]), TypeError, ["'binary_operators'", "discover_constrained"]),
        (lambda f: sw.discover(X, Y, unary_operators=["sin"]), TypeError, ["'unary_operators'", "discover_constrained"]),
        (lambda f: sw.discover(X, Y, maxsize=20), TypeError, ["'maxsize'", "budget"]),
        (lambda f: sw.discover(X, Y, populations=20), TypeError, ["'populations'", "budget"]),
        (lambda f: sw.discover(X, Y, timeout_in_seconds=9), TypeError, ["'timeout_in_seconds'", "'budget'"]),
        (lambda f: sw.discover(X, Y, seconds=9), TypeError, ["'seconds'", "'budget'"]),
        (lambda f: sw.discover(X, Y, column="y"), TypeError, ["'column'", "'target'"]),
        (lambda f: sw.discover(X, Y, variable_names=["a", "b"]), TypeError, ["'variable_names'", "'names'"]),
        (lambda f: sw.discover(X, Y, random_state=0), TypeError, ["'random_state'", "'seed'"]),
        (lambda f: sw.discover(X, Y[:9]), ValueError, ["60", "9"]),
        (lambda f: sw.discover(MODEL, X, Y), TypeError, ["discover(x", "names="]),
        (lambda f: sw.discover(X, Y, ["a", "b"]), TypeError, ["names=['a', 'b']"]),
        (lambda f: sw.discover([["u", "v"]] * 60, Y), ValueError, ["numbers"]),
        (lambda f: sw.discover(GAPS, Y), ValueError, ["not finite"]),
    ],
    "solve": [
        (lambda f: sw.solve(MODEL), TypeError, ["'residuals'", "solve(model, residuals)"]),
        (lambda f: sw.solve(MODEL, lambda model, x: model(x)), ValueError, ["sw.Residual(function, points)"]),
        (lambda f: sw.solve(MODEL, X, Y), TypeError, ["solve(model, residuals)"]),
        (lambda f: sw.solve(MODEL, sw.Residual(lambda m, x: m(x), X), epochs=9), TypeError, ["'epochs'", "'steps'"]),
        (lambda f: sw.solve(MODEL, sw.Residual(lambda m, x: x, X)), ValueError, ["does not depend on the model"]),
        (lambda f: sw.solve(sw.Residual(lambda m, x: m(x), X), MODEL), ValueError, ["model first", "Residual"]),
    ],
    "Residual": [
        (lambda f: sw.Residual(lambda m, x: m(x)), TypeError, ["'points'", "Residual(function, points)"]),
        (lambda f: sw.Residual(lambda m, x: m(x), X, lamb=2), TypeError, ["'lamb'", "'weight'"]),
        (lambda f: sw.solve(MODEL, sw.Residual(X, X)), ValueError, ["function of the model"]),
    ],
    "quantise": [
        (lambda f: sw.hardware.quantise(MODEL), TypeError, ["'x'", "quantise(model, x)"]),
        (lambda f: sw.hardware.quantise(MODEL, X, n_bits=6), TypeError, ["'n_bits'", "'bits'"]),
        (lambda f: sw.hardware.quantise(MODEL, X, 6), TypeError, ["quantise(model, x)", "bits=6"]),
        (lambda f: sw.hardware.quantise(MODEL, X, bits=0), ValueError, ["bits", "0"]),
        (lambda f: sw.hardware.quantise(X, MODEL), ValueError, ["model first", "Tensor"]),
    ],
    "data_set": [
        (lambda f: sw.data.data_set(), TypeError, ["'name'", "data_set(name)"]),
        (lambda f: sw.data.data_set("orbit"), ValueError, ["'orbit'", "orbits"]),
        (lambda f: sw.data.data_set(dataset="orbits"), TypeError, ["'dataset'", "'name'"]),
    ],
    "suggest": [
        (lambda f: sw.teach.suggest(f), TypeError, ["'n'", "suggest(result, n)"]),
        (lambda f: sw.teach.suggest(MODEL, 3), ValueError, ["FitResult", "KAN"]),
        (lambda f: sw.teach.suggest(f, batch_size=3), TypeError, ["'batch_size'", "'n'"]),
        (lambda f: sw.teach.suggest(f, 0), ValueError, ["0"]),
    ],
    "partials": [
        (lambda f: sw.derivatives.partials(MODEL), TypeError, ["'x'", "partials(model, x)"]),
        (lambda f: sw.derivatives.partials(MODEL, X, "c"), ValueError, ["'c'", "a"]),
        (lambda f: sw.derivatives.partials(X, MODEL, 0), ValueError, ["model first", "Tensor"]),
        (lambda f: sw.derivatives.partials(MODEL, X, order=2), TypeError, ["'order'", "model, x"]),
    ],
    "recipes": [
        (lambda f: sw.train.optim.Adam(lr=1e-3), TypeError, ["'lr'", "'learning_rate'"]),
        (lambda f: sw.train.optim.Adam(batch_size=9), TypeError, ["'batch_size'", "'batch'"]),
        (lambda f: sw.train.Sparsity(lamb=1e-3), TypeError, ["'lamb'", "'weight'"]),
        (lambda f: sw.train.TrainingOptions(epochs=9), TypeError, ["'epochs'", "'steps'"]),
    ],
}  # fmt: skip
