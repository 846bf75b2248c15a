"""The errors that splinework raises, its one warning, and the end of a message about an unknown name.

Each error is a `SplineworkError` and, where one fits, also the builtin of its kind. A message says what was expected, what
came, and what to do.
"""

import difflib
import sys
import warnings
from collections.abc import Iterable


class SplineworkError(Exception):
    """Base of every error that splinework raises on purpose.

    Each is also the builtin of its kind, where there is one, so both ways of catching it work.

    Example:
        >>> import splinework as sw
        >>> try:
        ...     sw.KAN([2, 5, 1], grid=0)
        ... except sw.SplineworkError as error:
        ...     print(isinstance(error, ValueError))
        True
    """


class ShapeError(SplineworkError, ValueError):
    """An array has the wrong number of rows, columns or dimensions."""


class DtypeError(SplineworkError, TypeError):
    """An array has a dtype, or lies on a device, that the operation cannot use."""


class ConfigError(SplineworkError, ValueError):
    """A setting is unknown, out of range or contradicts another one."""


class ArgumentError(ConfigError, TypeError):
    """A call has an argument that is unknown, missing or one too many."""


class DataError(SplineworkError, ValueError):
    """A table or a column cannot be used as it is."""


class FileError(SplineworkError, OSError):
    """A file cannot be read or written, or is not what it should be."""


class FormulaError(SplineworkError, ValueError):
    """A formula cannot be parsed, evaluated or printed."""


class FitWarning(UserWarning):
    """Something about a fit that its user should know: too few data, an optimiser that stalled, a checkpoint not written.

    Example:
        >>> import warnings
        >>> import splinework as sw
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore", sw.FitWarning)  # or "error", where nobody would read them
        ...     result = sw.fit(sw.KAN([1, 1]), [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], steps=1, validation=None)
    """


def warn(text: str) -> None:
    """A `FitWarning` at the line outside of this package, and of torch, from which the work was called."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).split(".")[0] in ("splinework", "torch"):
        frame, level = frame.f_back, level + 1
    warnings.warn(FitWarning(text), stacklevel=level)


def nearest(name: object, known: Iterable[str]) -> str:
    """The end of a message about an unknown name, as a sentence: the names nearest to it, or all there are.

    >>> nearest("Perod", ["period", "mass"])
    "did you mean 'period'?"
    >>> nearest("q", ["period", "mass"])
    "there are: 'period', 'mass'."
    """
    names, word = list(known), str(name)[:100]  # the time that matching takes grows with the length squared
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if not near:
        folded = {other.casefold(): other for other in names}
        near = [folded[match] for match in difflib.get_close_matches(word.casefold(), folded, n=3, cutoff=0.5)]
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    shown = ", ".join(map(repr, names[:12])) or "none"
    return f"there are: {shown}{f' and {len(names) - 12} more' if len(names) > 12 else ''}."
