"""The errors that splinework raises, its one warning, and the end of a message about an unknown name.

Each error is a `SplineworkError` and, if there is one, also the corresponding builtin. A message states what was expected, what
was given, and what to do.
"""

import difflib
import sys
import warnings
from collections.abc import Iterable
from typing import Final

MAX_MESSAGE_LENGTH: Final = 500
"""Maximum length of the message of an error, whatever came."""


class SplineworkError(Exception):
    """Base class of all errors that splinework raises deliberately.

    Each is also the corresponding builtin, such as `ValueError`, so it can be caught as either.

    Example:
        >>> import splinework as sw
        >>> try:
        ...     sw.KAN([2, 5, 1], grid=0)
        ... except sw.SplineworkError as error:
        ...     print(isinstance(error, ValueError))
        True
    """

    def __str__(self) -> str:
        return bounded(super().__str__())


class ShapeError(SplineworkError, ValueError):
    """An array has the wrong number of rows, columns or dimensions."""


class DtypeError(SplineworkError, TypeError):
    """An array has a dtype or a device that the operation does not support."""


class ConfigError(SplineworkError, ValueError):
    """An option is unknown, out of range or in conflict with another one."""


class ArgumentError(ConfigError, TypeError):
    """A call has an unknown, missing or superfluous argument."""


class DataError(SplineworkError, ValueError):
    """A table or a column holds unusable data."""


class FileError(SplineworkError, OSError):
    """A file cannot be read or written, or has the wrong content."""


class FormulaError(SplineworkError, ValueError):
    """A formula cannot be parsed, evaluated or printed."""


class FitWarning(UserWarning):
    """Warning about a fit: too few data, an optimiser that stalled, a checkpoint not written.

    Example:
        >>> import warnings
        >>> import splinework as sw
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore", sw.FitWarning)  # or "error", if nobody reads warnings
        ...     result = sw.fit(sw.KAN([1, 1]), [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], steps=1, validation=None)
    """


def warn(text: str) -> None:
    """Issues a `FitWarning` that points to the caller's line outside this package and torch."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).split(".")[0] in ("splinework", "torch"):
        frame, level = frame.f_back, level + 1
    warnings.warn(FitWarning(text), stacklevel=level)


def bounded(text: str) -> str:
    """A message of at most `MAX_MESSAGE_LENGTH` characters: of a longer one the beginning and, with the way out, the end.

    >>> len(bounded("a" * 120_000)), bounded("short")
    (500, 'short')
    """
    if len(text) <= MAX_MESSAGE_LENGTH:
        return text
    return f"{text[: MAX_MESSAGE_LENGTH - 203]} … {text[-200:]}"


def nearest(name: object, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the most similar names, or else all names.

    >>> nearest("Perod", ["period", "mass"])
    "did you mean 'period'?"
    >>> nearest("q", ["period", "mass"])
    "there are: 'period', 'mass'."
    """
    names, word = list(known), str(name)[:100]  # matching takes time quadratic in the length
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if not near:
        folded = {other.casefold(): other for other in names}
        near = [folded[match] for match in difflib.get_close_matches(word.casefold(), folded, n=3, cutoff=0.5)]
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    shown = ", ".join(map(repr, names[:12])) or "none"
    return f"there are: {shown}{f' and {len(names) - 12} more' if len(names) > 12 else ''}."
