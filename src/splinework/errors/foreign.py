"""Names and habits of other packages, and what they are here: for the errors of calls that would be right elsewhere.

`ROWS` is the one table of arguments, `METHODS` in `foreign_methods.py` the one of methods. `explained` makes a call with a wrong
argument say which argument is meant; `advice` is the same for what looks at its keywords itself.
"""

import contextlib
import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any, NamedTuple, TypeVar, cast

from splinework.errors import ArgumentError, ShapeError, SplineworkError, nearest
from splinework.errors.argument_types import mistyped, names_tensor

Call = TypeVar("Call", bound=Callable[..., Any])
Kind = TypeVar("Kind", bound=type)


class Row(NamedTuple):
    """One idea: its names here, the call that takes it, how to write it there, and its names elsewhere."""

    ours: tuple[str, ...]
    home: str
    example: str
    foreign: str


ROWS = (
    # ------------------------------------------------------------------------------------------------------ networks
    Row(("shape", "hidden", "nodes"), "KAN(shape)", "[2, 5, 1]",
        "width widths layers layers_hidden hidden_layers hidden_layer_sizes hidden_sizes hidden_dim layer_sizes dims"),
    Row(("grid",), "KAN(shape, grid=…)", "5",
        "num grid_size num_grids grid_num n_grid G intervals n_knots num_knots n_splines new_grid"),
    Row(("degree",), "KAN(shape, degree=…)", "3", "k order spline_order spline_degree polynomial_order"),
    Row(("domain",), "KAN(shape, domain=…)", "(-1, 1)", "grid_range grid_min grid_max"),
    Row(("base",), "KAN(shape, base=…)", "'silu'", "base_fun base_function base_activation activation"),
    Row(("init",), "KAN(shape, init=…)", "'power'",
        "noise_scale scale_noise scale_base scale_sp scale_spline scale_base_mu scale_base_sigma spline_weight_init_scale"),
    Row(("grid_kind",), "KAN(shape, grid_kind=…)", "'fixed'", "trainable_grid enable_standalone_scale_spline"),
    Row(("inputs",), "KANLayer(inputs, outputs)", "", "in_dim in_features in_channels input_dim input_size n_in"),
    Row(("outputs",), "KANLayer(inputs, outputs)", "", "out_dim out_features out_channels output_dim output_size n_out"),
    Row(("names",), "KAN(shape, names=…)", "['mass', 'speed']", "in_vars feature_names variable_names input_names columns"),
    Row(("output_names",), "KAN(shape, output_names=…)", "['force']", "out_vars target_names"),
    Row((), "model.to(device)", "", "device cuda gpu use_gpu accelerator"),
    Row((), "sw.symbolify(model, x, y) after the fit", "",
        "symbolic_enabled auto_save state_id first_init"),
    Row((), "sw.freeze(model, (layer, i, j))", "", "sp_trainable sb_trainable affine_trainable"),
    Row((), "sw.sparsify(model, x, y)", "", "sparse_init"),
    Row(("functions",), "sw.from_pykan(path, functions=…)", "{'bessel': 'j0(u)'}", "fun_name fun_names symbolic_library"),
    Row(("function",), "sw.fix(model, edge, function)", "'sin'", "fun_name fun"),
    Row(("numbers",), "sw.fix(model, edge, function, numbers=…)", "(1, 0, 1, 0)", "a_range b_range fit_params_bool affine"),
    Row(("count", "products"), "sw.edit.widen(model, layer, count)", "2", "n_added_nodes sum_bool mult_arity"),
    Row(("layer",), "sw.edit.widen(model, layer, count)", "1", "layer_id l"),
    Row(("keep_nodes", "keep_inputs"), "sw.prune(model, x, keep_nodes=…)", "3", "active_neurons_id active_inputs keep mode"),
    Row(("shape",), "KAN(shape)", "[2, (3, 2), 1]", "mult_arity mult_nodes"),
    # ------------------------------------------------------------------------------------------------------ training
    Row(("optimiser",), "sw.fit(model, x, y, optimiser=…)", "'lbfgs'", "opt optim optimizer solver method"),
    Row(("optimiser",), "sw.fit(model, x, y, optimiser=Adam(learning_rate=…))",
        "Adam(learning_rate=1e-3) of splinework.train.optim",
        "lr learning_rate learning_rate_init lr_init step_size"),
    Row(("optimiser",), "sw.fit(model, x, y, optimiser=Adam(batch=…))", "Adam(batch=64) of splinework.train.optim",
        "batch batch_size"),
    Row(("steps", "max_iter"), "sw.fit(model, x, y, steps=…)", "100",
        "steps epochs epoch n_epochs num_epochs max_epochs max_iter max_steps iterations n_iter num_steps niterations"),
    Row(("budget", "effort", "formula_budget"), "sw.fit(model, x, y, budget=…)", "60",
        "budget seconds timeout timeout_in_seconds time_limit time_budget max_time max_seconds formula_seconds niterations"),
    Row(("penalties",), "sw.fit(model, x, y, penalties=…)", "[sw.train.Sparsity(1e-3)]",
        "lamb lamb_l1 lamb_entropy lamb_coef lamb_coefdiff lambda_ lam alpha l1 l2 l1_ratio reg reg_metric regularization "
        "regularisation weight_decay C ridge"),
    Row(("penalty",), "sw.sparsify(model, x, y, penalty=…)", "1e-3", "lamb lamb_l1 lamb_entropy lam alpha l1 regularization C"),
    Row(("loss",), "sw.fit(model, x, y, loss=…)", "'huber'",
        "loss_fn loss_func loss_function criterion objective elementwise_loss"),
    Row(("callbacks",), "sw.fit(model, x, y, callbacks=…)", "[print]", "callback metrics monitor hooks logger"),
    Row(("callbacks",), "sw.fit(model, x, y, callbacks=…)", "[sw.train.EarlyStopping(10)]",
        "tol ftol gtol patience early_stopping early_stop_condition n_iter_no_change"),
    Row(("learning_rate",), "", "1e-3", "lr lr_init step_size learning_rate_init"),
    Row(("batch",), "", "64", "batch_size"),
    Row(("weight",), "sw.train.Sparsity(weight)", "1e-3", "lamb lambda_ lam alpha l1 strength coef"),
    Row(("weights",), "sw.fit(model, x, y, weights=…)", "w", "sample_weight sample_weights weight"),
    Row(("seed", "random_state", "generator"), "sw.fit(model, x, y, seed=…)", "0", "seed random_state random_seed rng generator"),
    Row(("progress",), "sw.fit(model, x, y, progress=…)", "False", "verbose verbosity log progress_bar progressbar disp silent"),
    Row(("validation",), "sw.fit(model, x, y, validation=…)", "0.2",
        "validation_split validation_fraction validation_data val_data test_size eval_set test_input test_label"),
    Row(("grids",), "sw.fit(model, x, y, grids=…)", "[5, 10, 20]",
        "update_grid grid_update_num grid_update_freq start_grid_update_step stop_grid_update_step"),
    Row(("starts", "members"), "sw.fit(model, x, y, starts=…)", "5", "n_restarts n_init restarts n_estimators num_starts"),
    Row(("checkpoint",), "sw.fit(model, x, y, checkpoint=…)", "'fit.ckpt'",
        "ckpt_path resume resume_from checkpoint_path save_fig"),
    Row(("categorical_features",), "sw.KANRegressor(categorical_features=…)", "['town']", "cat_features cat_cols categorical"),
    # ------------------------------------------------------------------------------------------- data, formulas, files
    Row(("target",), "sw.discover(frame, target=…)", "'y'", "column label y_col target_column response"),
    Row(("x",), "sw.fit(model, x, y)", "", "X data dataset train_input inputs features input samples"),
    Row(("y",), "sw.fit(model, x, y)", "", "Y target targets label labels train_label"),
    Row(("require", "forbid"), "splinework.discover.discover_constrained(x, y, require=…)", "['sin']",
        "unary_operators binary_operators function_set operators constraints"),
    Row(("library",), "sw.symbolify(model, x, y, library=…)", "", "lib unary_operators binary_operators function_set operators"),
    Row(("form",), "splinework.discover.complete_formula(form, x, y)", "'a*x + f(x)'", "expression_spec template ansatz"),
    Row(("budget",), "sw.discover(x, y, budget=…)", "60",
        "maxsize max_complexity maxdepth population_size populations ncycles_per_iteration parsimony generations"),
    Row((), "torch.set_num_threads(n)", "", "n_jobs num_workers workers procs parallelism nthread"),
    Row(("edges", "nodes"), "sw.prune(model, x, edges=…, nodes=…)", "0.03",
        "threshold th node_th edge_th amount pruning_threshold"),
    Row(("path",), "", "'model.safetensors'", "filename file fname filepath file_path folder save_path out output"),
    Row(("to",), "sw.export(model, to, path)", "'onnx'", "format fmt backend language target"),
    Row(("device",), "sw.load(path, device=…)", "'cpu'", "map_location"),
    Row(("axioms",), "sw.verify(model, axioms)", "'monotone(x1)'", "axiom properties property constraints"),
    Row(("box",), "sw.verify(model, axioms, box=…)", "{'x1': (0, 1)}", "bounds domain region ranges input_range"),
    Row(("points",), "sw.Residual(function, points)", "", "x inputs collocation_points samples"),
    Row(("bits",), "sw.hardware.quantise(model, x, bits=…)", "6", "n_bits num_bits bit_width precision dtype"),
    Row(("n",), "sw.teach.suggest(result, n)", "5", "count num n_points num_points batch_size k"),
    Row(("name",), "sw.data.data_set(name)", "", "dataset set title"),
    Row(("interval",), "KANRegressor().fit(X, y).predict(X, interval=…)", "0.9",
        "alpha level confidence confidence_level coverage quantiles intervals return_interval prediction_interval"),
    Row((), "the probability of each class: KANClassifier().fit(X, y).predict_proba(X)", "", "interval return_std"),
)  # fmt: skip
"""What other packages call the arguments of this one."""


def advice(who: str, name: str, known: Iterable[str]) -> str:
    """The message for an unknown argument: what came, which one is meant, and which there are.

    >>> advice("KAN", "k", ["grid", "degree"])
    "KAN has no option 'k'; what other packages call 'k' is 'degree' here: degree=3. It has grid, degree."
    """
    taken = list(known)
    rows = [row for row in ROWS if name in row.foreign.split()]
    fitting = [(row, [one for one in row.ours if one in taken and one != name]) for row in rows]
    row, ours = next(((row, ours) for row, ours in fitting if ours), (rows[0] if rows else None, []))
    texts = []
    if row is not None and ours:
        texts.append(
            f"what other packages call {name!r} is {' or '.join(map(repr, ours))} here: {ours[0]}={row.example or '…'}."
        )
    elif row is not None and row.home:
        texts.append(f"that is {row.home}.")
    if difflib.get_close_matches(name, [one for one in taken if one not in ours], n=1, cutoff=0.6) or row is None:
        texts.append(nearest(name, taken))
    texts.append(f"It has {', '.join(taken)}." if taken else "It has none.")
    return f"{who} has no option {name!r}; {' '.join(texts)}"


def method_advice(kind: str, name: str) -> str | None:
    """The message for an attribute that other packages have; None where none is known to."""
    if name.startswith("_"):  # as copy and pickle ask for, on every model
        return None
    from splinework.errors.foreign_methods import METHODS  # needed once something is wrong

    return f"{kind} has no attribute {name!r}; write {METHODS[name]}." if name in METHODS else None


def explained(call: Call) -> Call:
    """A function or class whose calls with wrong arguments are refused by an `ArgumentError` that names the right ones."""
    if isinstance(call, type):
        cast("Any", call).__init__ = explained(cast("Any", call).__init__)
        return call

    @functools.wraps(call)
    def checked(*args: Any, **keywords: Any) -> Any:
        try:
            return call(*args, **keywords)
        except SplineworkError:
            if (misfit := _no_model(call, args, keywords)) is None:
                raise
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            misfit = _no_model(call, args, keywords, str(error)) or _misfit(call, args, keywords)
            if misfit is None:
                if text := _of_another_type(call, args, keywords):
                    raise ArgumentError(text) from error  # what failed inside may have had another reason
                if text := _of_other_shapes(call, args, keywords, error):
                    raise ShapeError(text) from error
                raise
        raise ArgumentError(misfit)

    return cast("Call", checked)


def explained_record(kind: Kind) -> Kind:
    """A dataclass that is `explained` and refuses fields of other types than annotated, after it has made its own of them."""

    def checked(self: Any, *args: Any, **keywords: Any) -> None:
        begun(self, *args, **keywords)
        if type(self) is kind:
            stored = {each.name: getattr(self, each.name) for each in fields(cast("Any", self)) if each.init}
            if text := mistyped(begun, stored, _usual(begun, kind.__name__)):
                raise ArgumentError(f"{kind.__name__}: {text}")

    begun = cast("Any", kind).__init__ = explained(cast("Any", kind).__init__)
    cast("Any", kind).__init__ = functools.wraps(begun)(checked)
    return kind


def not_a_model(who: str, model: Any, rest: str = "…") -> str:
    """The message for something else in the place of a model: what came, and where the model is; `rest` comes after it.

    >>> not_a_model("prune", "model.safetensors")
    "prune takes the model first, a KAN, got str; load it first: sw.load('model.safetensors')."
    """
    way = f"write {who}(model, {rest})"
    if isinstance(model, type):
        way = "that is the class; make one, such as KAN([2, 5, 1])"
    elif hasattr(model, "__fspath__") or (isinstance(model, str) and model.endswith((".safetensors", ".pt", ".pth"))):
        way = f"load it first: sw.load({_short(str(model))})"
    for attribute in ("model", "model_"):
        if hasattr(model, attribute):
            way = f"pass its .{attribute}"
    if type(model).__name__ in ("KANRegressor", "KANClassifier", "KANTransformer"):
        way = "pass its .model_, which it has after fit"
    kind = f"class {model.__name__}" if isinstance(model, type) else type(model).__name__
    return f"{who} takes the model first, a KAN, got {kind}; {way}."


def _no_model(call: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any], error: str = "") -> str | None:
    """The message where something else is in the place of the model: its annotation, or what failed, says so."""
    if next(iter(inspect.signature(call).parameters), "") != "model" or not (args or "model" in keywords):
        return None
    model = args[0] if args else keywords["model"]
    if not error and hasattr(model, "state_dict") and not isinstance(model, type):
        return None  # the function has refused a model of another kind, and knows why
    lacks = bool(error) and (not hasattr(model, "state_dict") or f"'{type(model).__name__}' object has no" in error)
    other = lacks or isinstance(model, type) or mistyped(call, {"model": model}, "") is not None
    rest = [p.name for p in inspect.signature(call).parameters.values() if p.kind in _PLACES][1:]
    return not_a_model(call.__name__, model, ", ".join(rest) or "…") if other else None


def _of_another_type(call: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any]) -> str | None:
    """The message where an argument is of another type than annotated."""
    given = {**dict(zip(inspect.signature(call).parameters, args, strict=False)), **keywords}
    self = given.pop("self", None)
    name = call.__name__ if self is None else type(self).__name__
    text = mistyped(call, given, _usual(call, name))
    return None if text is None else f"{name}: {text}"


def _of_other_shapes(
    call: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any], error: Exception
) -> str | None:
    """The message where tensors of the right kind do not fit each other."""
    if not isinstance(error, (IndexError, RuntimeError)) or not re.search(
        r"siz|shape|dim|index", str(error), re.IGNORECASE
    ):
        return None
    given = {**dict(zip(inspect.signature(call).parameters, args, strict=False)), **keywords}
    shapes = [f"{name} {tuple(value.shape)}" for name, value in given.items() if type(value).__name__ == "Tensor"]
    tensors = [each for each in inspect.signature(call).parameters if names_tensor(call, each)]
    if not tensors or not shapes:
        return None
    return (
        f"{call.__name__} got shapes that do not fit each other: {', '.join(shapes)}; its Args say which "
        f"{', '.join(tensors)} have."
    )


@functools.cache
def _usual(call: Callable[..., Any], name: str = "") -> str:
    """The shortest call."""
    parameters = [p for p in inspect.signature(call).parameters.values() if p.name != "self"]
    needed = [p.name for p in parameters if p.default is p.empty and p.kind in _PLACES]
    return f"{name or call.__name__}({', '.join(needed) or '…'})"


_PLACES = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _misfit(call: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any]) -> str | None:
    """The error in the arguments of a call; None where they fit its signature."""
    with contextlib.suppress(TypeError):
        inspect.signature(call).bind(*args, **keywords)
        return None
    parameters = list(inspect.signature(call).parameters.values())
    name = call.__name__
    if parameters and parameters[0].name == "self":
        name = type(args[0]).__name__ if name == "__init__" else f"{type(args[0]).__name__}.{name}"
        parameters, args = parameters[1:], args[1:]
    kinds = inspect.Parameter
    places = [p for p in parameters if p.kind in _PLACES]
    named = [p.name for p in parameters if p.kind in (kinds.KEYWORD_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    usual = f"{name}({', '.join(p.name for p in places if p.default is p.empty) or '…'})"
    wild = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for key in keywords:
        meant = {one for row in ROWS if key in row.foreign.split() for one in row.ours}
        if key not in named and (not wild or meant & set(named)):
            return advice(name, key, named)
    if len(args) > len(places) and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        if places and places[0].name == "shape" and all(isinstance(one, int) for one in args):
            return f"{name} takes one list of nodes per layer, got {len(args)} numbers; write {name}({list(args)})."
        rest = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in keywords]
        examples = ", ".join(f"{key}={_short(value)}" for key, value in zip(rest, args[len(places) :], strict=False))
        way = f"name the others, such as {examples}" if examples else "leave the others out"
        return f"{usual} takes {len(places)} arguments by place, got {len(args)}; {way}."
    for key in [p.name for p in places[: len(args)]]:
        if key in keywords:
            return f"{name} got {key!r} twice, by place and by name; write it once, as in {usual}."
    given = {*keywords, *(p.name for p in places[: len(args)])}
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    missing = [repr(key) for key in needed if key not in given]
    return f"{name} needs {', '.join(missing)}, which is missing: write {usual}." if missing else None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 24 and "\n" not in text else "…"
