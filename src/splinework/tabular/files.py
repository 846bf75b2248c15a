"""Estimators on disk: the network's safetensors file, with the encoding of the columns in its header. No pickle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from splinework.errors import FileError
from splinework.knowledge.axioms.language import axioms_of
from splinework.knowledge.axioms.verify.certificate import from_dict
from splinework.nn.checkpoint import load as load_model
from splinework.nn.checkpoint import read_header
from splinework.nn.checkpoint import save as save_model
from splinework.tabular.axiom_status import AxiomStatus
from splinework.tabular.classes import Classes
from splinework.tabular.columns import NumericColumn, columns_from_dict
from splinework.tabular.intervals import residuals_from_dict
from splinework.tabular.losses import name_of, named_task
from splinework.tabular.rows import WeightedRows, sampled

MAX_STORED_ROWS = 500
"""Rows of the fit that a file keeps, for formulas and plots."""
_FORMAT_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Writes a fitted estimator; see `KANRegressor.save`."""
    rows = estimator._rows(even=False)
    names, outputs = estimator.columns_.formula_names()
    labels = estimator.columns_.labels
    pairs = zip((*names, *outputs), (*labels, *estimator.columns_.targets), strict=True)
    notes = {
        "target": estimator.columns_.targets[0],
        "features": list(labels),
        "columns": dict(pairs),
        "means": {c.name: c.fill for c in estimator.columns_.columns if isinstance(c, NumericColumn) and c.varies},
        "ranges": {label: [float(x.min()), float(x.max())] for label, x in zip(labels, rows.x.T, strict=True)},
        "axioms": [asdict(each) for each in getattr(estimator, "axiom_status_", ())],
        "estimator": _about(estimator, sampled(rows, MAX_STORED_ROWS, 0)),
    }
    save_model(estimator.model_, path, notes=notes)


def read(path: str | os.PathLike[str], kinds: Mapping[str, type[Any]]) -> Any:
    """The estimator in a file, of one of these classes; see `load`."""
    model, notes = load_model(path), read_header(path).get("notes")
    about = notes.get("estimator") if isinstance(notes, dict) else None
    if not isinstance(about, dict) or about.get("class") not in kinds:
        raise FileError(f"{path} holds a network, not an estimator; read it with splinework.load.")
    try:
        return _restored(kinds[about["class"]], model, about)
    except _FORMAT_ERRORS as error:
        raise FileError(f"{path} is the file of an estimator with inconsistent parts ({error}).") from error


def _about(estimator: Any, rows: WeightedRows) -> dict[str, Any]:
    about = {
        "class": type(estimator).__name__,
        "parameters": _plain(estimator.get_params(deep=False)),
        "columns": estimator.columns_.to_dict(),
        "width": estimator.n_features_in_,
        "named": hasattr(estimator, "feature_names_in_"),
        "loss": estimator.loss_,
        "steps": estimator.n_iter_,
        "made_for": estimator._made_for,
        "ranges_of_columns": getattr(estimator, "_ranges", None),
        "flat": getattr(estimator, "_flat", True),
        "rows": {"x": rows.x.tolist(), "y": rows.y.tolist(), "weights": rows.weights.tolist()},
    }
    task = getattr(estimator, "_task", None)
    if task is not None:
        about["task"] = list(name_of(task))
    residuals = getattr(estimator, "_residuals", None)
    if residuals is not None:
        about["residuals"] = residuals.to_dict()
    certificate = getattr(estimator, "certificate_", None)
    if certificate is not None:
        about["certificate"] = certificate.to_dict()
    if hasattr(estimator, "axiom_status_"):
        about["axiom_status"] = [asdict(each) for each in estimator.axiom_status_]
    classes = getattr(estimator, "_classes", None)
    if classes is not None:
        about["classes"] = {
            "dtype": classes.values.dtype.str,
            "values": classes.values.tolist(),
            "lapses": classes.lapses,
        }
    return about


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters that JSON can represent; a dict of class weights as pairs, since its keys are no strings."""
    plain: dict[str, Any] = {}
    for name, value in parameters.items():
        if name == "axioms" and value is not None:
            plain[name] = [axiom.text() for axiom in axioms_of(value)]
        elif isinstance(value, Mapping):
            plain[name] = {"pairs": [[_scalar(key), _scalar(weight)] for key, weight in value.items()]}
        elif isinstance(value, (list, tuple, np.ndarray)) and name != "callbacks":
            plain[name] = np.asarray(value).tolist()
        elif value is None or isinstance(value, (bool, int, float, str, np.generic)):
            plain[name] = _scalar(value)
    return plain


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _restored(kind: type[Any], model: Any, about: dict[str, Any]) -> Any:
    parameters = {
        name: dict(map(tuple, value["pairs"])) if isinstance(value, dict) else value
        for name, value in about["parameters"].items()
    }
    estimator = kind(**parameters)
    estimator.columns_ = columns_from_dict(about["columns"])
    estimator.model_ = model.requires_grad_(False).eval()
    estimator.n_features_in_ = int(about["width"])
    if about["named"]:
        estimator.feature_names_in_ = np.array([c.name for c in estimator.columns_.columns], dtype=object)
    estimator.loss_, estimator.n_iter_, estimator.history_ = about["loss"], about["steps"], []
    if "axiom_status" in about:
        estimator.axiom_status_ = tuple(AxiomStatus(**each) for each in about["axiom_status"])
        estimator.certificate_ = from_dict(about["certificate"]) if "certificate" in about else None
    rows, estimator._made_for = about["rows"], int(about["made_for"])
    ranges = about.get("ranges_of_columns")
    estimator._ranges = None if ranges is None else tuple(None if each is None else tuple(each) for each in ranges)
    estimator._task = named_task(*about.get("task", ("squared_error",)))
    estimator._residuals = residuals_from_dict(about["residuals"]) if "residuals" in about else None
    estimator._flat = about["flat"]
    classes = about.get("classes")
    if classes is not None:
        kinds = object if classes["dtype"].startswith("|O") else classes["dtype"]
        estimator._classes = Classes(np.array(classes["values"], dtype=kinds), tuple(classes.get("lapses", ())))
        estimator.classes_ = estimator._classes.values
    y = np.asarray(rows["y"], dtype=np.intp if classes is not None else np.float64)
    estimator._sample = WeightedRows(
        np.asarray(rows["x"], dtype=np.float64), y, np.asarray(rows["weights"], dtype=np.float64)
    )
    estimator._fitted_in = np.empty(0)
    return estimator
