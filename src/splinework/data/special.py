"""The 15 special functions of two variables of the KAN paper (Liu et al. 2024, arXiv 2404.19756, section 3.2), from scipy.

The paper specifies neither the ranges nor the value of `ellipj`. Here it is sn, and the ranges avoid poles. Spherical harmonics
are real parts, Re Y_l^m = N P_l^m(cos polar) cos(m azimuth), including inactive arguments.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, final

import numpy as np

from splinework.data.designs import SOBOL, Design
from splinework.data.inputs import Input
from splinework.data.noise import Noise
from splinework.data.random_streams import Floats
from splinework.data.recipe import BoxSet
from splinework.data.sample import Schema
from splinework.errors import DataError, nearest
from splinework.errors.foreign import explained_record


@final
@dataclass(frozen=True)
class _Special:
    """A function with inputs and description; `idle` is the name of an inactive input."""

    call: Callable[[Floats, Floats], Any]
    inputs: tuple[Input, Input]
    about: str
    idle: str = ""
    axioms: tuple[str, ...] = ()


def _scipy(name: str, *arguments: Any) -> Any:
    from scipy import special

    return getattr(special, name)(*arguments)


def _sn(u: Floats, m: Floats) -> Any:
    return _scipy("ellipj", u, m)[0]


def _harmonic(order: int, degree: int, azimuth: Floats, polar: Floats) -> Any:
    """Computed by lpmv, since SciPy's spherical harmonic changed its name and the order of its arguments."""
    ratio = math.factorial(degree - order) / math.factorial(degree + order)
    norm = math.sqrt((2 * degree + 1) / (4 * math.pi) * ratio)
    return norm * np.cos(order * azimuth) * _scipy("lpmv", order, degree, np.cos(polar))


def _order(name: str, about: str, order: float, low: float, high: float, *axioms: str) -> _Special:
    return _Special(partial(_scipy, name), (Input("v", 0.0, order), Input("x", low, high)), about, "", axioms)


_ELLIPTIC: Final = (Input("phi", 0.0, 1.5), Input("m", 0.0, 0.95))
_LEGENDRE: Final = (Input("v", 0.0, 5.0), Input("x", -0.9, 0.95))
_SPHERE: Final = (Input("azimuth", 0.0, 2 * math.pi), Input("polar", 0.0, math.pi))
_RISING: Final = ("monotone(phi)", "monotone(m)")


def _sphere(order: int, degree: int) -> _Special:
    about = f"real part of the spherical harmonic of order {order} and degree {degree}"
    return _Special(partial(_harmonic, order, degree), _SPHERE, about, "" if order else "azimuth")


_TABLE: Final[dict[str, _Special]] = {
    "ellipj": _Special(_sn, (Input("u", 0.0, 5.0), Input("m", 0.0, 0.95)), "Jacobi's elliptic function sn(u | m)"),
    "ellipkinc": _Special(
        partial(_scipy, "ellipkinc"), _ELLIPTIC, "incomplete elliptic integral of the first kind", "", _RISING
    ),
    "ellipeinc": _Special(
        partial(_scipy, "ellipeinc"),
        _ELLIPTIC,
        "incomplete elliptic integral of the second kind",
        "",
        ("monotone(phi)", "monotone(m, increasing=False)"),
    ),
    "jv": _order("jv", "Bessel function of the first kind", 5.0, 0.1, 10.0),
    "yv": _order("yv", "Bessel function of the second kind", 2.0, 1.0, 10.0),
    "kv": _order(
        "kv",
        "modified Bessel function of the second kind",
        2.0,
        0.5,
        5.0,
        "monotone(v)",
        "monotone(x, increasing=False)",
    ),
    "iv": _order("iv", "modified Bessel function of the first kind", 3.0, 0.0, 4.0, "monotone(v, increasing=False)"),
    **{
        f"lpmv{m}": _Special(partial(_scipy, "lpmv", m), _LEGENDRE, f"associated Legendre function of order {m}")
        for m in (0, 1, 2)
    },
    **{f"sph_harm{m}{n}": _sphere(m, n) for m, n in ((0, 1), (1, 1), (0, 2), (1, 2), (2, 2))},
}


def special_names() -> tuple[str, ...]:
    """The functions, in the order of the paper's table.

    >>> len(special_names())
    15
    """
    return tuple(_TABLE)


@explained_record
@final
@dataclass(frozen=True)
class SpecialSet(BoxSet):
    """A special function on its range.

    Attributes:
        function: One of `special_names()`.
        design: Design of the inputs.
        noise: Noise models, applied in order.

    Raises:
        DataError: If the function is unknown; the message suggests similar ones.

    Example:
        >>> SpecialSet("jv").draw(4, seed=0).names
        ('v', 'x')
    """

    function: str
    design: Design = SOBOL
    noise: tuple[Noise, ...] = ()

    def __post_init__(self) -> None:
        if self.function not in _TABLE:
            raise DataError(f"there is no special function {self.function!r}; {nearest(self.function, _TABLE)}")
        self.check()

    def box(self) -> tuple[Input, ...]:
        return _TABLE[self.function].inputs

    def evaluate(self, x: Floats) -> Floats:
        return np.asarray(_TABLE[self.function].call(x[:, 0], x[:, 1]), dtype=np.float64)[:, None]

    def schema(self) -> Schema:
        one = _TABLE[self.function]
        names = tuple(column.name for column in one.inputs)
        return Schema(
            f"special:{self.function}",
            one.about,
            names,
            ("y",),
            active=tuple(name for name in names if name != one.idle),
            source="scipy.special; functions of arXiv 2404.19756, section 3.2, ranges chosen here",
        )

    def axioms(self) -> tuple[str, ...]:
        return _TABLE[self.function].axioms
