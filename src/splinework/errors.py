"""The errors that splinework raises, and its one warning.

Each error is a `SplineworkError` and, where one fits, also the builtin of its kind. Nothing else is here. A message says what
was expected, what came, and what to do.
"""


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
