"""Axioms of physics: units, conservation, differential and other equations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom, Name, is_name


def _texts(given: Any, expected: str) -> tuple[tuple[Name, str], ...]:
    pairs = tuple(given.items()) if isinstance(given, Mapping) else given
    try:
        found = tuple((name, text) for name, text in pairs)
    except (TypeError, ValueError):
        found = ()
    if not found or not all(is_name(name) and isinstance(text, str) for name, text in found):
        raise ConfigError(f"{expected}; got {given!r}.")
    return found


@final
@dataclass(frozen=True)
class Units(Axiom):
    """Dimensional homogeneity: the output changes with the base units as its own unit says (Buckingham 1914).

    Attributes:
        of_inputs: The unit of every input, such as `{"m": "kg", "v": "m/s"}`; `1` for a pure number.
        of_output: The unit of the output.
    """

    of_inputs: tuple[tuple[Name, str], ...]
    of_output: str = "1"

    word: ClassVar[str] = "units"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "of_inputs", _texts(self.of_inputs, "units takes {'m': 'kg', 'v': 'm/s'}, 'J'"))
        if not isinstance(self.of_output, str):
            raise ConfigError(f"the unit of the output is a text such as 'J', got {self.of_output!r}.")

    @property
    def inputs(self) -> tuple[Name, ...]:
        return tuple(name for name, _ in self.of_inputs)


@final
@dataclass(frozen=True)
class Conserved(Axiom):
    """The output stays along trajectories: `Σ_i ∂f/∂x_i dx_i/dt = 0`.

    Attributes:
        flow: The rate of every input as a formula in the inputs, such as `{"q": "p", "p": "-sin(q)"}`; inputs not named
            do not change.
    """

    flow: tuple[tuple[Name, str], ...]

    word: ClassVar[str] = "conserved"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "flow", _texts(self.flow, "conserved takes a flow such as {'q': 'p', 'p': '-q'}"))

    @property
    def inputs(self) -> tuple[Name, ...]:
        return tuple(name for name, _ in self.flow)


@final
@dataclass(frozen=True)
class Residual(Axiom):
    """A differential equation: a formula in inputs, outputs and derivatives that vanishes, such as `u_t + u*u_x - nu*u_xx`.

    Attributes:
        equation: Derivatives are written `u_x`, `u_xx`, `u_tx`: the output, `_`, the inputs. Several equations of a system
            are several axioms. `left = right` may be written, too.
        unknowns: Coefficients to be found with the function, and where to start, such as `{"nu": 0.1}`.
    """

    equation: str
    unknowns: tuple[tuple[str, float], ...] = ()

    word: ClassVar[str] = "residual"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.equation, str) or not self.equation.strip():
            raise ConfigError(f"residual takes an equation such as 'u_t - u_xx', got {self.equation!r}.")
        given = tuple(self.unknowns.items()) if isinstance(self.unknowns, Mapping) else tuple(self.unknowns)
        try:
            object.__setattr__(self, "unknowns", tuple((str(name), float(value)) for name, value in given))
        except (TypeError, ValueError):
            raise ConfigError(f"unknowns are numbers to start from, such as {{'nu': 0.1}}, got {given!r}.") from None


@final
@dataclass(frozen=True)
class Law(Axiom):
    """An equation or inequality of one's own, in the text language: `f(x,y) == f(y,x)`, `d f/d x >= 0 when y > 0`.

    Attributes:
        statement: Calls `f(…)` give the output at other inputs, in the order of the model's inputs; a name that is no
            input stands for any number in the range of the input in whose place it comes.
    """

    statement: str

    word: ClassVar[str] = "law"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.statement, str) or not self.statement.strip():
            raise ConfigError(f"law takes a statement such as 'f(x,y) == f(y,x)', got {self.statement!r}.")
