"""Partial differential equations with reference solutions: heat, Poisson, Helmholtz exact, Burgers and Allen-Cahn computed.

The settings of Burgers, Allen-Cahn and Helmholtz are those of the literature on physics-informed networks (Raissi et al. 2019).
Every reference solution states its error.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final, final

import numpy as np
from numpy.typing import NDArray

from splinework.data.designs import SOBOL, Design
from splinework.data.formulas import FormulaSet
from splinework.data.inputs import Input
from splinework.data.noise import Noise
from splinework.data.random_streams import Floats
from splinework.data.recipe import BoxSet
from splinework.data.sample import Schema
from splinework.errors import ConfigError

Complexes = NDArray[np.complex128]

_SQUARE: Final = (Input("x", -1.0, 1.0), Input("y", -1.0, 1.0))
_BOUNDARY: Final = "boundary(face={'x': (-1, 1), 'y': (-1, 1)}, value=0)"

_TAIL_END: Final = 0.02
"""Time until which the kink of Allen-Cahn's initial condition has modes beyond those of the solver."""
_N_TAIL_MODES: Final = 16_384

HEAT: Final = FormulaSet(
    "sin(pi*x)*exp(-0.1*pi**2*t) + 0.5*sin(3*pi*x)*exp(-0.9*pi**2*t)",
    (Input("x", 0.0, 1.0), Input("t", 0.0, 1.0)),
    target="u",
    name="heat",
    about="the heat equation u_t = 0.1 u_xx with u = 0 at both ends, as its sine series",
    source="series solution, exact",
    known=(
        "residual('u_t - 0.1*u_xx')",
        "boundary(face={'x': (0, 1)}, value=0)",
        "initial(t, value='sin(pi*x) + 0.5*sin(3*pi*x)')",
    ),
)
"""Two terms of the sine series, so without truncation error."""
POISSON: Final = FormulaSet(
    "sin(pi*x)*sin(pi*y)",
    _SQUARE,
    target="u",
    name="poisson",
    about="Poisson's equation u_xx + u_yy = -2 π² sin πx sin πy on a square, u = 0 on its edge",
    source="manufactured solution, exact",
    known=("residual('u_xx + u_yy + 2*pi**2*sin(pi*x)*sin(pi*y)')", _BOUNDARY),
)
HELMHOLTZ: Final = FormulaSet(
    "sin(pi*x)*sin(4*pi*y)",
    _SQUARE,
    target="u",
    name="helmholtz",
    about="Helmholtz' equation u_xx + u_yy + u = q on a square, modes 1 and 4, u = 0 on its edge",
    source="manufactured solution, exact",
    known=("residual('u_xx + u_yy + u - (1 - 17*pi**2)*sin(pi*x)*sin(4*pi*y)')", _BOUNDARY),
)


class _Evolution(BoxSet):
    """A function u of x in [-1, 1] and of the time t up to `end`."""

    end: float
    title: ClassVar[str]
    REFERENCE_ERROR: ClassVar[float]

    def check(self) -> None:
        if not 0 < self.end <= 1:
            raise ConfigError(f"end of {self.title} must be above 0 and at most 1, got {self.end}.")
        super().check()

    def box(self) -> tuple[Input, ...]:
        return Input("x", -1.0, 1.0), Input("t", 0.0, self.end)

    def _schema_of(self, name: str, about: str, source: str, *notes: str) -> Schema:
        columns, error = ("x", "t"), self.REFERENCE_ERROR
        return Schema(name, about, columns, ("u",), active=columns, reference_error=error, source=source, notes=notes)


@final
@dataclass(frozen=True)
class BurgersSet(_Evolution):
    """u_t + u u_x = ν u_xx on [-1, 1], u(0, x) = -sin πx, u = 0 at both ends, by the Cole-Hopf transform.

    u is a quotient of two Gaussian integrals (Basdevant et al. 1986, doi 10.1016/0045-7930(86)90036-8), computed by Gauss-Hermite
    quadrature with 100 nodes.

    Attributes:
        viscosity: Viscosity ν, at least 0.002, below which 100 nodes do not suffice.
        end: Final time, at most 1.
        design: Design of x and t.
        noise: Noise models, applied in order.

    Example:
        >>> abs(float(BurgersSet().evaluate(np.array([[0.5, 0.0]]))[0, 0]) + 1) < 1e-12
        True
    """

    viscosity: float = 0.01 / math.pi
    end: float = 1.0
    design: Design = SOBOL
    noise: tuple[Noise, ...] = ()

    title = "Burgers' equation"
    NODES = 100
    REFERENCE_ERROR = 1e-13

    def __post_init__(self) -> None:
        if not 0.002 <= self.viscosity < math.inf:
            raise ConfigError(f"viscosity of Burgers' equation must be at least 0.002, got {self.viscosity}.")
        self.check()

    def evaluate(self, x: Floats) -> Floats:
        return cole_hopf(x[:, 0], x[:, 1], self.viscosity, self.NODES)[:, None]

    def schema(self) -> Schema:
        about = "Burgers' equation u_t + u u_x = ν u_xx, u(0, x) = -sin πx, which grows a front"
        source = f"Cole-Hopf transform, Gauss-Hermite quadrature with {self.NODES} nodes"
        return self._schema_of("burgers", about, source)

    def axioms(self) -> tuple[str, ...]:
        start = ("boundary(face={'x': (-1, 1)}, value=0)", "initial(t, value='-sin(pi*x)')")
        return (f"residual('u_t + u*u_x - {self.viscosity!r}*u_xx')", "odd(x)", *start)


def cole_hopf(x: Floats, t: Floats, viscosity: float, nodes: int) -> Floats:
    """The solution of Burgers' equation with initial condition -sin πx.

    u(x, t) = -∫ sin π(x-η) f(x-η) e^{-η²/4νt} dη / ∫ f(x-η) e^{-η²/4νt} dη with f(y) = exp(-cos(πy)/(2πν)).

    Args:
        x: Positions, shape (n,).
        t: Non-negative times, shape (n,).
        viscosity: Viscosity ν.
        nodes: Number of nodes of the quadrature.

    Returns:
        Shape (n,).
    """
    places, weights = np.polynomial.hermite.hermgauss(nodes)
    shifted = x[:, None] - np.sqrt(4 * viscosity * t)[:, None] * places
    logs = -np.cos(np.pi * shifted) / (2 * np.pi * viscosity)
    kernel = weights * np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(-(np.sin(np.pi * shifted) * kernel).sum(axis=1) / kernel.sum(axis=1), dtype=np.float64)


@final
@dataclass(frozen=True)
class AllenCahnSet(_Evolution):
    """u_t = 1e-4 u_xx + 5 (u - u³) on [-1, 1], periodic, u(0, x) = x² cos πx, by Fourier modes and ETDRK4.

    Solved once on 2048 points with steps of 1/2000 (Kassam & Trefethen 2005, doi 10.1137/S1064827502410633); evaluated by the
    Fourier series in x and by cubic Hermite interpolation in t. The initial condition has a kink at x = ±1, where the error is up
    to 2e-5 before t = 0.001; elsewhere it is below 1e-7.

    Attributes:
        end: Final time, at most 1.
        design: Design of x and t.
        noise: Noise models, applied in order.
    """

    end: float = 1.0
    design: Design = SOBOL
    noise: tuple[Noise, ...] = ()

    title = "the Allen-Cahn equation"
    MODES = 2048
    STEPS = 2000
    KEPT = 2000
    REFERENCE_ERROR = 2e-5

    def __post_init__(self) -> None:
        self.check()

    def evaluate(self, x: Floats) -> Floats:
        return allen_cahn(x[:, 0], x[:, 1], self.MODES, self.STEPS, self.KEPT)[:, None]

    def schema(self) -> Schema:
        about = "the Allen-Cahn equation u_t = 1e-4 u_xx + 5 (u - u³), u(0, x) = x² cos πx, periodic"
        note = "The error of the reference is below 1e-7, except at x = ±1 before t = 0.001."
        return self._schema_of(
            "allen_cahn", about, f"Fourier modes ({self.MODES}) and ETDRK4 ({self.STEPS} steps)", note
        )

    def axioms(self) -> tuple[str, ...]:
        start = "initial(t, value='x**2*cos(pi*x)')"
        return "residual('u_t - 1e-4*u_xx - 5*(u - u**3)')", "even(x)", "periodic(x, period=2.0)", start


def allen_cahn(x: Floats, t: Floats, modes: int, steps: int, kept: int) -> Floats:
    """The solution of the Allen-Cahn equation at positions x and times t, shape (n,) each.

    Args:
        x: Positions in [-1, 1].
        t: Times in [0, 1].
        modes: Number of grid points in space.
        steps: Number of time steps from 0 to 1.
        kept: Number of stored times after 0, a divisor of `steps`.
    """
    values, slopes = _allen_cahn(modes, steps, kept)
    rate = np.pi * np.arange(modes // 2 + 1)
    place = np.minimum((t * kept).astype(np.intp), kept - 1)
    s = t * kept - place
    found = np.empty_like(x)
    for begin in range(0, len(x), 256):  # 256 rows of modes at a time
        part = slice(begin, begin + 256)
        at, u = place[part], s[part][:, None]
        # cubic Hermite interpolation of the coefficients over one stored step
        series = values[at] * (1 + 2 * u) * (1 - u) ** 2 + values[at + 1] * u**2 * (3 - 2 * u)
        series = series + (slopes[at] * u * (1 - u) ** 2 - slopes[at + 1] * u**2 * (1 - u)) / kept
        found[part] = (series * np.cos(rate * x[part][:, None])).sum(axis=1)
    early = np.flatnonzero(t < _TAIL_END)
    for begin in range(0, len(early), 256):
        rows = early[begin : begin + 256]
        found[rows] += _tail_modes(x[rows], t[rows], modes // 2 + 1)
    return np.where(t == 0, x**2 * np.cos(np.pi * x), found)


def _tail_modes(x: Floats, t: Floats, first: int) -> Floats:
    """Contribution of the decaying modes from `first` on, due to the kink, where u = -1 and 5 (u - u³) has the slope -10."""
    k = np.arange(first, _N_TAIL_MODES)
    rate = -10.0 - 1e-4 * (np.pi * k) ** 2
    waves = np.exp(rate * t[:, None]) * np.cos(np.pi * k * x[:, None])
    return np.asarray((_initial_coefficients(_N_TAIL_MODES)[first:] * waves).sum(axis=1), dtype=np.float64)


@lru_cache(maxsize=2)
def _allen_cahn(modes: int, steps: int, kept: int) -> tuple[Floats, Floats]:
    """Coefficients of cos(π k x) and their time derivatives at the stored times; the solution is even, without sines."""
    wave = np.pi * np.arange(modes // 2 + 1, dtype=np.float64)
    linear = 5.0 - 1e-4 * wave**2
    h = 1.0 / steps
    whole, half, a, b, c, q = _etdrk4(linear, h)
    # on the grid from -1 the cosine of mode k has the sign (-1)^k
    sign = np.where(np.arange(modes // 2 + 1) % 2, -1.0, 1.0)
    factor = np.where((np.arange(modes // 2 + 1) == 0) | (np.arange(modes // 2 + 1) == modes // 2), 1.0, 2.0)

    def rest(v: Complexes) -> Complexes:
        return np.fft.rfft(-5.0 * np.fft.irfft(v, modes) ** 3)

    v = (sign / factor * modes * _initial_coefficients(modes // 2 + 1)).astype(np.complex128)
    values, slopes = [], []
    for step in range(steps + 1):
        n0 = rest(v)
        if step % (steps // kept) == 0:
            values.append((v * sign * factor).real / modes)
            slopes.append(((linear * v + n0) * sign * factor).real / modes)
        first = half * v + q * n0
        n1 = rest(first)
        second = half * v + q * n1
        n2 = rest(second)
        third = half * first + q * (2 * n2 - n0)
        v = whole * v + a * n0 + 2 * b * (n1 + n2) + c * rest(third)
    return np.array(values), np.array(slopes)


def _initial_coefficients(count: int) -> Floats:
    """Cosine coefficients of x² cos πx on [-1, 1] by exact integrals, since samples would alias the kink at the ends."""
    k = np.arange(-1, count + 1)
    with np.errstate(divide="ignore"):
        moments = np.where(k == 0, 2 / 3, 4 * np.where(k % 2, -1.0, 1.0) / (np.pi * k) ** 2)  # ∫ x² cos πkx dx
    found = (moments[2:] + moments[:-2]) / 2
    found[0] = moments[2] / 2
    return found


def _etdrk4(linear: Floats, h: float) -> tuple[Floats, ...]:
    """The coefficients of ETDRK4 by contour integrals (Kassam & Trefethen 2005), which avoid cancellation near 0."""
    circle = np.exp(1j * np.pi * (np.arange(1, 33) - 0.5) / 32)
    z = h * linear[:, None] + circle
    grown = np.exp(z)
    q = h * ((np.exp(z / 2) - 1) / z).mean(axis=1).real
    a = h * ((-4 - z + grown * (4 - 3 * z + z**2)) / z**3).mean(axis=1).real
    b = h * ((2 + z + grown * (z - 2)) / z**3).mean(axis=1).real
    c = h * ((-4 - 3 * z - z**2 + grown * (4 - z)) / z**3).mean(axis=1).real
    return np.exp(h * linear), np.exp(h * linear / 2), a, b, c, q
