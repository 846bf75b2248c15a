"""What a user asks of a formula, which decides on the kind of search; and what of it goes together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from splinework.errors import ConfigError
from splinework.train.options import RunKeywords


class WeightedKeywords(RunKeywords, total=False):
    """The `TrainingOptions` of a search over rows."""

    weights: Any


class DiscoverKeywords(WeightedKeywords, total=False):
    """The same, the budget, and the fields of `FormulaConstraints`."""

    budget: float | None
    units: str | Mapping[str, str] | None
    noise: float | None
    form: str | None
    require: Sequence[str]
    forbid: Sequence[str]
    classes: bool | None
    ode: str | None
    implicit: bool
    shape: Sequence[Any] | None


@final
@dataclass(frozen=True)
class FormulaConstraints:
    """What is known of the formula, or asked of it.

    Attributes:
        units: Of the columns and the target, such as `"x=m,t=s,y=m/s"`, or a mapping; columns without one have none.
            Dimensionless groups are tried first (Buckingham 1914), and formulas whose units do not balance are marked.
        noise: Standard deviation of the errors of y where it is known; else it is estimated.
        form: A formula to complete, such as `"y = A*exp(?)*x2"`: capitals are constants, `?` is what is unknown.
        require: Terms that must occur, such as `"exp(x1)"`.
        forbid: Functions and columns that must not.
        classes: Whether y are labels, so that formulas give their odds; None decides by what y holds.
        ode: The column of x that is time: differential equations of the other columns, and of y where there is one.
        implicit: Relations `f(x) = 0` among all columns.
        shape: Try only a network of this shape.

    Raises:
        ConfigError: If two ask for formulas of different kinds.
    """

    units: str | Mapping[str, str] | None = None
    noise: float | None = None
    form: str | None = None
    require: Sequence[str] = ()
    forbid: Sequence[str] = ()
    classes: bool | None = None
    ode: str | None = None
    implicit: bool = False
    shape: Sequence[Any] | None = None

    def __post_init__(self) -> None:
        if len(self._kinds) > 1:
            raise ConfigError(f"{' and '.join(self._kinds)} ask for formulas of different kinds; give one of them.")

    @property
    def _kinds(self) -> list[str]:
        asked = {"form": self.form is not None, "ode": self.ode is not None, "implicit": self.implicit}
        return [kind for kind, wanted in {**asked, "classes": bool(self.classes)}.items() if wanted]

    def check(self, weights: Any, kind: str | None = None) -> None:
        """Raises for an option that would do nothing, rather than to let it.

        Args:
            weights: Of the rows, or None.
            kind: The kind of search; None where the options themselves decide on it.
        """
        if kind is None:
            wanted = "require or forbid" if self.require or self.forbid else None
            kind = next(iter(self._kinds), wanted)
        if kind is None:
            return
        given = {
            "units": self.units is not None,
            "shape": self.shape is not None,
            "require": bool(self.require),
            "forbid": bool(self.forbid),
            "noise": self.noise is not None,
            "weights": weights is not None,
        }
        idle = [name for name, there in given.items() if there and name not in _TAKES.get(kind, ())]
        if idle:
            raise ConfigError(f"{' and '.join(idle)} cannot be used together with {kind}; leave it out.")


_TAKES = {"form": ("forbid", "noise", "weights"), "require or forbid": ("require", "forbid", "noise", "weights")}
"""What can be said beside these kinds; beside others nothing of it, beside a plain search everything."""
