"""Estimators on disk: the network's safetensors file, with the encoding of the columns in its header. No pickle."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from splinework.errors import ConfigError, FileError
from splinework.errors.stored_values import shown, typed
from splinework.knowledge.axioms.language import axioms_of
from splinework.knowledge.axioms.verify.certificate import Certificate, from_dict
from splinework.nn.checkpoint import load as load_model
from splinework.nn.checkpoint import read_header
from splinework.nn.checkpoint import save as save_model
from splinework.tabular.axiom_status import AxiomStatus
from splinework.tabular.classes import Classes
from splinework.tabular.columns import Columns, NumericColumn, columns_from_dict
from splinework.tabular.extrapolation import Range
from splinework.tabular.intervals import ResidualModel, residuals_from_dict
from splinework.tabular.losses import name_of, named_task
from splinework.tabular.rows import Floats, WeightedRows, sampled

MAX_STORED_ROWS = 500
"""Rows of the fit that a file keeps, for formulas and plots."""
MAX_LABEL_LENGTH = 1000
"""Letters that an array of labels in a file may reserve for each, if none is longer."""
_FORMAT_ERRORS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class _StoredRows:
    """Rows of the fit as a file keeps them."""

    x: Floats
    y: Floats
    weights: Floats


@dataclass(frozen=True)
class _StoredClasses:
    """Classes as a file keeps them."""

    dtype: str
    values: tuple[str | bool | float, ...]
    lapses: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Stored:
    """The schema of an estimator in the header of its file, `notes.estimator`; `kind` is `class` there."""

    kind: str
    parameters: dict[str, Any]
    columns: Columns
    width: int
    named: bool
    loss: float
    steps: int
    made_for: int
    rows: _StoredRows
    ranges_of_columns: tuple[Range, ...] | None = None
    flat: bool = True
    task: tuple[str, float | None] = ("squared_error", None)
    residuals: ResidualModel | None = None
    certificate: Certificate | None = None
    axiom_status: tuple[AxiomStatus, ...] | None = None
    classes: _StoredClasses | None = None


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
    if not isinstance(about, dict) or not isinstance(about.get("class"), str) or about["class"] not in kinds:
        raise FileError(f"{path} holds a network, not an estimator; read it with splinework.load.")
    try:
        return _restored(kinds[about["class"]], model, _stored(about))
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


def _stored(about: Any) -> _Stored:
    """The part of a header that describes the estimator, by its one schema.

    Raises:
        ConfigError: If a field is missing, unknown or of another type.
        FileError: If its certificate is damaged.
    """
    readers = {
        Columns: lambda hint, value, where: columns_from_dict(value),
        ResidualModel: lambda hint, value, where: residuals_from_dict(value),
        Certificate: lambda hint, value, where: from_dict(value, where),
    }
    values = {"kind" if key == "class" else key: value for key, value in about.items()}
    stored: _Stored = typed(_Stored, values, "an estimator", readers)
    return stored


def _restored(kind: type[Any], model: Any, about: _Stored) -> Any:
    columns, rows, outputs = about.columns, about.rows, len(about.columns.targets)
    if (
        about.width != len(columns.columns)
        or (model.inputs, model.outputs) != (len(columns.labels), outputs)
        or rows.x.shape != (len(rows.y), len(columns.labels))
        or rows.weights.shape != (len(rows.y),)
        or not len(rows.y)
    ):
        raise ConfigError(
            f"{about.width} columns with {len(columns.labels)} inputs and {outputs} targets do not fit a network of "
            f"{model.inputs} inputs and {model.outputs} outputs, or rows of shape {rows.x.shape}"
        )
    parameters = {
        name: dict(value["pairs"]) if isinstance(value, dict) else value for name, value in about.parameters.items()
    }
    estimator = kind(**parameters)
    estimator._validate_params()
    estimator.columns_ = columns
    estimator.model_ = model.requires_grad_(False).eval()
    estimator.n_features_in_ = about.width
    if about.named:
        estimator.feature_names_in_ = np.array([c.name for c in columns.columns], dtype=object)
    estimator.loss_, estimator.n_iter_, estimator.history_ = about.loss, about.steps, []
    if about.axiom_status is not None:
        estimator.axiom_status_, estimator.certificate_ = about.axiom_status, about.certificate
    estimator._made_for, estimator._ranges = about.made_for, about.ranges_of_columns
    estimator._task, estimator._residuals, estimator._flat = named_task(*about.task), about.residuals, about.flat
    if about.classes is not None:
        estimator._classes = _classes(about.classes, model.outputs)
        estimator.classes_ = estimator._classes.values
    y = rows.y if about.classes is None else rows.y.astype(np.intp)
    estimator._sample = WeightedRows(rows.x, y, rows.weights)
    estimator._fitted_in = np.empty(0)
    return estimator


def _classes(stored: _StoredClasses, outputs: int) -> Classes:
    """The classes; a dtype may be no wider than labels are."""
    if outputs != (len(stored.values) if len(stored.values) > 2 else 1):
        raise ConfigError(f"{len(stored.values)} classes do not fit a network of {outputs} outputs")
    values = list(stored.values)
    dtype = np.dtype(stored.dtype if len(stored.dtype) <= 16 else "V")
    longest = max(MAX_LABEL_LENGTH, *(len(value) for value in values if isinstance(value, str)), 0)
    if dtype.kind not in "OUiufb" or dtype.itemsize > 4 * longest:
        raise ConfigError(f"classes of the dtype {shown(stored.dtype)}; they are texts, numbers or truths")
    found = np.array(values, dtype=dtype)
    if found.shape != (len(values),) or found.tolist() != values or values != sorted(set(values)):
        raise ConfigError(f"classes {shown(values)}, which are not distinct and sorted, or not of dtype {dtype}")
    return Classes(found, stored.lapses)
