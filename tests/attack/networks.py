"""Random networks of every kind with claims close to the truth, judged by sampling and ascent that know nothing of proofs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import splinework as sw
from splinework.nn.frame import Frame, FramedKAN

TAILS = ("linear", "constant", "zero", "natural")
BASES = ("none", "silu", "identity", "tanh", "sin", "gelu")
ANSWERS = (
    "abs(z1-0.2)", "max(z1,{a})", "z1/({a}-1.0)", "sqrt(z1**2+0.1)", "tanh(z1)+abs({a})", "min(z1,1)*{a}",
    "1/(1+exp(z1))",
)  # fmt: skip
FEATURES = ("abs({a})", "{a}-0.7*floor({a}/0.7)", "max({a},0)", "{a}**2", "1/({a}-0.9)", "sqrt({a}+1)", "{a}")


@dataclass(frozen=True)
class Target:
    """A model with its box."""

    model: Any
    names: tuple[str, ...]
    lo: np.ndarray
    hi: np.ndarray

    def values(self, x: np.ndarray) -> np.ndarray:
        """The first output at points, `(N,)`."""
        with torch.no_grad():
            return self.model(torch.from_numpy(x)).double().numpy()[:, 0]

    def value(self, point: dict[str, float]) -> float:
        """The first output at a point; NaN at a pole of a feature, beyond which a network may go on with finite numbers."""
        given = {name: np.float64(value) for name, value in point.items()}
        features = getattr(getattr(self.model, "frame", None), "features", ())
        with np.errstate(all="ignore"):
            entering = [eval(text, {"floor": np.floor, "sqrt": np.sqrt, **given}) for text in features]
        found = self.values(np.array([[point[name] for name in self.names]]))[0]
        return float(found) if np.isfinite(entering).all() else np.nan

    def slopes(self, x: np.ndarray, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Quotients of differences along an input, inside the box, and how much rounding may change them."""
        step = 1e-4 * (self.hi[i] - self.lo[i])
        one, two = x.copy(), x.copy()
        one[:, i] = np.clip(x[:, i], self.lo[i], self.hi[i] - step)
        two[:, i] = one[:, i] + step
        a, b = self.values(one), self.values(two)
        return (b - a) / step, 64 * 2.0**-52 * (np.abs(a) + np.abs(b) + 1) / step


def drawn(draw: np.random.Generator) -> Target:
    """A network of any basis, degree 0 to 9, products, scales, tails, masks, and often formulas around it."""
    generator = torch.Generator().manual_seed(int(draw.integers(2**31)))
    inputs = int(draw.integers(1, 4))
    hidden: list[Any] = []
    for _ in range(int(draw.integers(0, 3))):
        sums = int(draw.integers(1, 4))
        hidden.append((sums, int(draw.integers(1, 3))) if draw.random() < 0.3 else sums)
    basis = str(draw.choice(["bspline"] * 6 + ["fourier", "chebyshev", "gaussian_rbf"]))
    tails = str(draw.choice(TAILS))
    sizes = {"degree": int(draw.integers(0, 10)), "grid": int(draw.integers(1, 8))} if basis == "bspline" else {}
    framed = draw.random() < 0.4
    logs = ["linear" if framed else str(draw.choice(["linear", "linear", "log"])) for _ in range(inputs)]
    network = sw.KAN(
        [inputs, *hidden, 1],
        basis=basis,
        extrapolation="linear" if (basis, tails) == ("chebyshev", "natural") else tails,
        base=str(draw.choice(BASES)),
        grid_kind=str(draw.choice(["adaptive", "normalised"])),
        input_scales=logs,
        output_scales=["linear" if framed else str(draw.choice(["linear", "linear", "log"]))],
        generator=generator,
        dtype=torch.float64,
        **sizes,
    )
    size = float(10 ** draw.uniform(-2, 0.3))
    with torch.no_grad():
        for layer in network.kan_layers:
            layer.coefficients.normal_(0, size, generator=generator)
            if draw.random() < 0.3:  # rising edges
                layer.coefficients.copy_(torch.cumsum(layer.coefficients.abs(), dim=1))
            layer.mask.copy_((torch.rand(layer.mask.shape, generator=generator) < 0.9).to(layer.mask))
    names = tuple(f"x{i + 1}" for i in range(inputs))
    half = float(draw.choice([0.3, 1.0, 1.0, 1.7]))
    lo = np.array([0.3 if scale == "log" else -half for scale in logs])
    hi = np.array([0.3 + 2 * half if scale == "log" else half for scale in logs])
    model: Any = network
    if framed:
        features = [str(draw.choice(FEATURES)).format(a=name) for name in names]
        answer = str(draw.choice(ANSWERS)).format(a=names[int(draw.integers(inputs))])
        model = FramedKAN(network, Frame(names, tuple(features), ("y",), (answer,)))
    return Target(model, names, lo, hi)


def points_of(target: Target, draw: np.random.Generator) -> np.ndarray:
    """Points of the box: uniform, corners and faces, knots and their neighbours."""
    n = len(target.lo)
    share = draw.uniform(size=(3000, n))
    share[:800] = np.where(draw.random((800, n)) < 0.5, np.round(share[:800]), share[:800])
    x = target.lo + share * (target.hi - target.lo)
    network = getattr(target.model, "network", target.model)
    knots = (
        network.kan_layers[0].knots().detach().numpy().ravel()
        if network is target.model
        else np.array([0.0, 0.7, -0.7])
    )
    rows = x[800:1600]
    rows[:] = np.where(draw.random(rows.shape) < 0.3, draw.choice(knots, rows.shape), rows)
    rows += draw.choice([0.0, 1e-15, -1e-15, 1e-9, -1e-9], rows.shape)
    return np.clip(x, target.lo, target.hi)


def least(target: Target, x: np.ndarray, sign: float, draw: np.random.Generator) -> tuple[float, np.ndarray]:
    """The least value of `sign f` that a random descent from the best points finds, and where."""
    y = sign * target.values(x)
    best = np.argsort(y)[:24]
    x, y = x[best].copy(), y[best].copy()
    width = 0.1 * (target.hi - target.lo)
    for round_ in range(40):
        near = np.clip(x + draw.normal(size=x.shape) * width * 0.8**round_, target.lo, target.hi)
        value = sign * target.values(near)
        better = value < y
        x[better], y[better] = near[better], value[better]
    at = int(np.nanargmin(y))
    return float(y[at]), x[at]


@dataclass(frozen=True)
class Trial:
    """A claim and what is known of its truth.

    Attributes:
        text: The axiom.
        worst: The least value of the function that the claim says is nowhere negative, as far as sampling tells.
        rounding: How far that may be off.
    """

    text: str
    worst: float
    rounding: float


def trials(target: Target, draw: np.random.Generator) -> list[Trial]:
    """Claims of all kinds within 1e-12 to 0.1 of an extreme, both true and false ones."""
    x = points_of(target, draw)
    with np.errstate(all="ignore"):
        y = target.values(x)
    if not np.isfinite(y).all():
        return [Trial("bounded(upper=1e9)", -np.inf, 0.0), Trial(f"monotone({target.names[0]})", -np.inf, 0.0)]
    low, high = least(target, x, 1.0, draw)[0], -least(target, x, -1.0, draw)[0]
    spread, noise = max(high - low, 1e-12), 1e-13 * max(abs(low), abs(high), 1e-3)
    found = []
    for end, sign in ((low, 1), (high, -1)):
        off = float(draw.choice([-1, 1]) * 10 ** draw.uniform(-12, -1)) * spread
        word = "lower" if sign > 0 else "upper"
        found.append(Trial(f"bounded({word}={end - sign * off!r})", off, noise))
    i = int(draw.integers(len(target.names)))
    slope, error = target.slopes(x, i)
    for rising in (True, False):
        signed = slope if rising else -slope
        at = int((signed - error).argmin())
        found.append(Trial(f"monotone({target.names[i]}, increasing={rising})", float(signed[at]), float(error[at])))
    steepest = int((np.abs(slope) - error).argmax())
    most = float(np.abs(slope[steepest])) * float(1 + draw.choice([-1, 1]) * 10 ** draw.uniform(-6, -1)) + 1e-9
    found.append(
        Trial(
            f"lipschitz({most!r}, along=({target.names[i]!r},))",
            most - float(np.abs(slope[steepest])),
            float(error[steepest]),
        )
    )
    return found
