"""`export`: a model in, a file for another world out."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from splinework.errors import ConfigError, DtypeError, nearest
from splinework.export.metadata import ModelMetadata, metadata_of
from splinework.export.targets import TARGETS, ExportJob
from splinework.foreign import explained
from splinework.nn.files import write_whole
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN


@runtime_checkable
class ExportableFormula(Protocol):
    """What writes itself in a language: a `FormulaRow`, and a `FormulaTable`, which takes its best row."""

    def export(self, language: str) -> str:
        """Text of one of `splinework.formula.languages.LANGUAGES`."""
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
    """A model for another world: a file that runs without splinework, equal to the model in and outside its domain.

    ========= ================================================= ==========================================================
    to        what                                              numbers
    ========= ================================================= ==========================================================
    `onnx`    graph with input `x` and output `y`, any batch    those of the model: float32 or float64
    `torch`   `torch.export.ExportedProgram`, any batch         those of the model
    `numpy`   Python file with `predict(x)`, and a program      double
    `c`       C99 file with `NAME_predict(x, y)`                those of the model, or `precision`
    `js`      ES module with `predict(x)`, `predictBatch(x)`    double
    `sympy`   Python file of exact piecewise expressions        double
    `latex`   the same for a paper                              rounded to six digits
    ========= ================================================= ==========================================================

    Inputs and outputs are in raw units. Pruned edges are not there, and cost nothing; nor are inputs that nothing depends on.

    Args:
        model: A network, in a frame or not: a frame's formulas are part of the artefact. Or a formula, or a table of formulas of
            which the best is taken, and then `to` is one of `splinework.formula.languages.LANGUAGES`.
        to: See above; None reads it off the ending of `path`: `.onnx`, `.pt2`, `.py` (NumPy), `.c`, `.h`, `.js`, `.mjs`, `.tex`.
        path: File to write, whole or not at all; None writes nothing.
        name: What functions of the artefact are called after, where a language needs that.
        notes: As `splinework.nn.checkpoint.read_header(path)["notes"]` gives them: names and ranges of the columns of the fit.
        precision: Of `c`: `float` or `double`.
        check: Of `onnx`: whether onnxruntime, where it is installed, must first give the same values as the model.
        recognise: Of `latex` and `sympy`: whether `symbolify` is asked first if all edges are known functions, and then the
            formula of these is written.

    Returns:
        Text; of `onnx` bytes, of `torch` the program. The same, whether it was written to a file or not.

    Raises:
        ConfigError: For an unknown target or an option that does not go with it, a package that is missing, a number that is
            not finite, or formulas that would be too long.
        DtypeError: If the model is none.
        FileError: If the file cannot be written.
        FormulaError: If a language cannot say a formula.

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
    """The bytes of a file: of a text, of bytes, or of an exported program.

    Args:
        made: What `export` returned.
        names: Of the columns, which a program carries along.
    """
    if isinstance(made, str):
        return made.encode()
    if isinstance(made, bytes):
        return made
    from splinework.export.torch_program import program_bytes

    return program_bytes(made, names)


def target_of(path: str | os.PathLike[str]) -> str | None:
    """The target that the ending of a file's name says; None for others.

    >>> target_of("model.onnx"), target_of("model.txt")
    ('onnx', None)
    """
    suffix = Path(path).suffix.lower()
    return next((name for name, target in TARGETS.items() if suffix in target.suffixes), None)


def _target(model: Any, to: str | None, path: str | os.PathLike[str] | None) -> str:
    """The target, checked."""
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
                f"the ending of {Path(path).name!r} does not say what to export to; add to=..., one of {', '.join(known)}."
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
    """Raises if the model has numbers that a language cannot write, or that are no result of a fit."""
    largest = 3.4e38 if precision == "float" else float("inf")
    for key, value in model.state_dict().items():
        if key.endswith(".steepest"):  # a rule for fits, infinite where there is none
            continue
        if not bool((value.abs() < largest).all()):
            raise ConfigError(
                f"the model's {key} has entries that are not finite{' in float' if precision == 'float' else ''}; there is "
                "nothing to export. Fit it anew, with fewer nodes or a penalty."
            )
