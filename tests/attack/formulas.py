"""Formulas with kinks, jumps, poles and ends of domains at, near and between the points at which boxes are divided."""

from dataclasses import dataclass

import numpy as np
import torch

from splinework import KAN
from splinework.formula.expression import Expression
from splinework.nn.frame import Frame, FramedKAN

TERMS = (
    "abs(x-{c})", "min(x,{c})", "max(x,{c})", "max(min(x,{c}),{c}-0.5)", "1/(x-{c})", "atan(1/(x-{c}))",
    "tan(2*(x-{c})+pi/2)", "sqrt(x-{c})", "log(x-{c})", "(x-{c})**0.5", "0*(1/(x-{c}))", "min(1,sqrt(x-{c}))",
    "where(x<{c},x,x-1)", "where(x>{c},sqrt(x-{c}),0)", "floor(x-{c})", "(x-{c})-floor(x-{c})", "(x-{c})/abs(x-{c})",
    "sqrt((x-{c})**2)", "cbrt(x-{c})", "sign(x-{c})", "asin(2*(x-{c}))", "abs(x-{c})**1.5", "1/(x-{c})**2",
    "(x-{c})**3", "abs((x-{c})**3)", "tanh(1/(x-{c}))", "exp(-abs(x-{c}))", "where(x=={c},1,0)", "log(abs(x-{c}))",
    "sqrt(abs(x-{c}))", "max(x-{c},0)**2", "x*abs(x-{c})", "atanh(x-{c})", "acosh(1+x-{c})", "heaviside(x-{c},0.5)",
    "sqrt(1-x**2)",
)  # fmt: skip
"""In x, on about (-1, 1); `{c}` is the singular point."""
PLACES = (0.0, 0.5, -0.25, 0.3, 1e-9, 0.5 - 1e-7, -1.0, 1.0, 1.5)
"""Of c: on bisections of (-1, 1), next to them, between, at the ends, outside."""


@dataclass(frozen=True)
class Formula:
    """A formula in x on (-1, 1) with its singular points."""

    text: str
    singular: tuple[float, ...]

    def model(self) -> FramedKAN:
        """A model that is this formula, whatever its network."""
        network = KAN([1, 1], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        return FramedKAN(network, Frame(("x",), answers=(f"{self.text}+0*z1",), ranges=((-1.0, 1.0),)))

    def points(self) -> np.ndarray:
        """Dense points of (-1, 1), with the singular ones and their neighbours."""
        near = [c + d for c in self.singular for d in (0, 1e-12, -1e-12, 1e-7, -1e-7, 1e-3, -1e-3, 0.1, -0.1)]
        points = np.concatenate([np.linspace(-1, 1, 2001), near])
        return np.unique(points[(points >= -1) & (points <= 1)])

    def values(self, x: np.ndarray) -> np.ndarray:
        """The formula in float64."""
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.asarray(Expression(self.text, ("x",)).of(torch.from_numpy(x)[:, None])), x.shape)


def drawn(draw: np.random.Generator) -> Formula:
    """A random sum of one or two terms and a straight line."""
    parts, singular = [], []
    for _ in range(int(draw.integers(1, 3))):
        c = float(draw.choice(PLACES))
        sign = float(draw.choice([1.0, -1.0, 0.5]))
        parts.append(f"{sign}*({str(draw.choice(TERMS)).format(c=f'({c!r})')})")
        singular.append(c)
    if draw.random() < 0.5:
        parts.append(f"{float(draw.choice([2.0, -2.0, 0.1]))}*x")
    return Formula("+".join(parts), tuple(singular))


def claims_of(formula: Formula, draw: np.random.Generator) -> list[str]:
    """Claims about its slope, its curvature, and bounds close to its extremes."""
    y = formula.values(formula.points())
    y = y[np.isfinite(y)]
    found = ["monotone(x)", "monotone(x, increasing=False)", "convex(x)", "concave(x)", "lipschitz(2.5)"]
    if len(y):
        spread = float(np.ptp(y)) or 1.0
        by = [float(draw.choice([-1, 1]) * 10 ** draw.uniform(-9, -1)) * spread for _ in range(2)]
        found += [f"bounded(lower={float(y.min()) + by[0]!r})", f"bounded(upper={float(y.max()) + by[1]!r})"]
    return found


def violation(formula: Formula, claim: str, tolerance: float) -> str:
    """Where a claim that is proved does not hold, by dense sampling; empty if nothing was found."""
    x = formula.points()
    y = formula.values(x)
    if not np.isfinite(y).all():
        return f"no number at {x[~np.isfinite(y)][0]!r}"
    size = float(np.abs(y).max())
    rounding = 64 * 2.0**-53 * max(size, 1.0)
    if claim.startswith("bounded"):
        upper = "upper=" in claim
        end = float(claim[len("bounded(upper=" if upper else "bounded(") : -1])
        off = y - end if upper else end - y
        return f"beyond by {off.max()}" if off.max() > tolerance + rounding else ""
    step, change = np.diff(x), np.diff(y)
    if claim.startswith("monotone"):
        off = change if "False" in claim else -change
        return f"the wrong way at {x[off.argmax()]}" if (off > tolerance * step + rounding).any() else ""
    if claim.startswith("lipschitz"):
        return "too steep" if (np.abs(change) > (2.5 + tolerance) * step + rounding).any() else ""
    sign = 1 if claim.startswith("convex") else -1
    for apart in (1, 2, 50, 400):  # a chord and the curve between
        left, middle, right = x[: -2 * apart], x[apart:-apart], x[2 * apart :]
        share = (middle - left) / (right - left)
        chord = y[: -2 * apart] * (1 - share) + y[2 * apart :] * share
        off = sign * (y[apart:-apart] - chord) - tolerance * (middle - left) * (right - middle) / 2
        if (off > 4 * rounding).any():
            return f"bent the wrong way at {middle[off.argmax()]}"
    return ""
