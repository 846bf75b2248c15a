"""`export`: a model as a file that runs without splinework."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from splinework.errors import ConfigError, DtypeError, nearest
from splinework.errors.foreign import explained
from splinework.export.metadata import ModelMetadata, metadata_of
from splinework.export.targets import TARGETS, ExportJob
from splinework.nn.files import write_whole
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN


@runtime_checkable
class ExportableFormula(Protocol):
    """Protocol of formulas that export themselves: a `FormulaRow`, or a `FormulaTable` by its best row."""

    def export(self, language: str) -> str:
        """Text in one of `splinework.formula.languages.LANGUAGES`."""
        ...


@explained
def export(
    model: KAN | FramedKAN | ExportableFormula,
    to: str | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    name: str = "model",
    notes: Mapping[str, Any] | None = None,
    precision: str | None = None,
    check: bool = True,
    recognise: bool = False,
) -> Any:
    """Exports a model to a file that runs without splinework and equals the model inside and outside its domain.

    ========= ================================================= ==========================================================
    to        what                                              numbers
    ========= ================================================= ==========================================================
    `onnx`    graph with input `x` and output `y`, any batch    those of the model: float32 or float64
    `torch`   `torch.export.ExportedProgram`, any batch         those of the model
    `numpy`   Python file with `predict(x)`, also a program     double
    `c`       C99 file with `NAME_predict(x, y)`                those of the model, or `precision`
    `js`      ES module with `predict(x)`, `predictBatch(x)`    double
    `sympy`   Python file of exact piecewise expressions        double
    `latex`   the same expressions for a paper                  rounded to six digits
    ========= ================================================= ==========================================================

    Inputs and outputs are in raw units. Pruned edges and unused inputs are omitted.

    Args:
        model: A network, with or without a frame, whose formulas are exported too; or a formula, or a table of formulas, of which
            the best is exported, and then `to` is one of `splinework.formula.languages.LANGUAGES`.
        to: Target; None infers it from the suffix of `path`: `.onnx`, `.pt2`, `.py` (NumPy), `.c`, `.h`, `.js`, `.mjs`, `.tex`.
        path: File to write, atomically; None writes nothing.
        name: Prefix of functions in languages that need one.
        notes: Names and ranges of the columns of the fit, as in `splinework.nn.checkpoint.read_header(path)["notes"]`.
        precision: Number type for `c`: `float` or `double`.
        check: For `onnx`, whether to compare the file with the model in onnxruntime, if installed.
        recognise: For `latex` and `sympy`, whether to try `symbolify` first and to write its formula if all edges are known
            functions.

    Returns:
        Text; for `onnx` bytes, for `torch` the program. It does not depend on `path`.

    Raises:
        ConfigError: For an unknown target or an option that does not apply to it, a missing package, a number that is not
            finite, or formulas that would be too long.
        DtypeError: If `model` is not a model.
        FileError: If the file cannot be written.
        FormulaError: If a language cannot express a formula.

    Example:
        >>> import splinework as sw
        >>> from splinework.export import export
        >>> text = export(sw.KAN([2, 3, 1], names=["mass", "speed"]), "c", name="energy")
        >>> "void energy_predict(const float *x, float *y)" in text
        True
    """
    target = _target(model, to, path)
    if isinstance(model, ExportableFormula):
        made: Any = model.export(target)
        content = str(made).encode("utf-8", "replace")
    else:
        _check_options(target, precision, recognise)
        _check_numbers(model, precision)
        names = metadata_of(model, name, notes)
        made = TARGETS[target].make(ExportJob(model, names, precision, check, recognise))
        content = b"" if path is None else content_of(made, names)
    if path is not None:
        write_whole(Path(path), content)
    return made


def content_of(made: Any, names: ModelMetadata) -> bytes:
    """The bytes of the file for an artefact: a text, bytes, or an exported program."""
    if isinstance(made, str):
        return made.encode()
    if isinstance(made, bytes):
        return made
    from splinework.export.torch_program import program_bytes

    return program_bytes(made, names)


def target_of(path: str | os.PathLike[str]) -> str | None:
    """The target for the suffix of a file name; None for other suffixes.

    >>> target_of("model.onnx"), target_of("model.txt")
    ('onnx', None)
    """
    suffix = Path(path).suffix.lower()
    return next((name for name, target in TARGETS.items() if suffix in target.suffixes), None)


def _target(model: Any, to: str | None, path: str | os.PathLike[str] | None) -> str:
    """The validated target."""
    formula = isinstance(model, ExportableFormula)
    if not formula and not isinstance(model, KAN | FramedKAN):
        raise DtypeError(
            f"export takes a KAN, a FramedKAN, a FormulaRow or a FormulaTable, got {type(model).__name__}."
        )
    known = list(TARGETS)
    if formula:
        from splinework.formula.languages import LANGUAGES

        known = list(LANGUAGES)
    found = to
    if found is None and path is not None:
        found = target_of(path)
        if found is None or found not in known:
            raise ConfigError(
                f"cannot infer the target from the suffix of {Path(path).name!r}; add to=..., one of {', '.join(known)}."
            )
    if found not in known:
        kind = "formula" if formula else "model"
        raise ConfigError(f"a {kind} is exported to {', '.join(known)}; got to={found!r}; {nearest(found, known)}")
    return str(found)


def _check_options(target: str, precision: str | None, recognise: bool) -> None:
    if precision is not None and target != "c":
        raise ConfigError(
            f"precision is an option of c, not of {target}: leave it out, or convert the model (model.double())."
        )
    if recognise and target not in ("latex", "sympy"):
        raise ConfigError(f"recognise is an option of latex and sympy, not of {target}; leave it out.")


def _check_numbers(model: KAN | FramedKAN, precision: str | None) -> None:
    """Checks that all numbers of the model are finite and representable."""
    largest = 3.4e38 if precision == "float" else float("inf")
    for key, value in model.state_dict().items():
        if key.endswith(".steepest"):  # a constraint of fits, infinite by default
            continue
        if not bool((value.abs() < largest).all()):
            raise ConfigError(
                f"the model's {key} has entries that are not finite{' in float' if precision == 'float' else ''}, so "
                "it cannot be exported. Fit it again, with fewer nodes or a penalty."
            )
