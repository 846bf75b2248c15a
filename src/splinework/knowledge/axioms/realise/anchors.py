"""Points to pass through, and integrals: what is added to a network so that it meets them, whatever it is.

`u(x) = f(x) + Σ_i a_i φ_i(x)` with bumps φ about the points, and a such that u meets the values: the misfit of f, interpolated
and taken off. An integral is met by a constant. The factors depend on the network's numbers, so they are worked out anew whenever
these change (`anchored`).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom, place
from splinework.knowledge.axioms.strength import Hard
from splinework.knowledge.axioms.values import Integral, Through
from splinework.nn.frame import Expression, Frame, FramedKAN
from splinework.nn.network import KAN

NEAR = 0.25
"""Width of a bump as a share of an input's range, where points are not closer to each other."""
NODES = {1: 64, 2: 24, 3: 12}
"""Points per input of the Gauss–Legendre rule, by the number of inputs."""
SAMPLES = 4096
"""Points of Sobol's rule, where inputs are more than that."""

Ranges = Sequence[tuple[float, float]]


def is_anchored(axiom: Axiom) -> bool:
    """Whether an axiom is met by a correction."""
    return isinstance(axiom, (Through, Integral)) and axiom.strength == Hard()


@torch.no_grad()
def anchored(model: KAN | FramedKAN, axioms: Sequence[Axiom], ranges: Ranges | None = None) -> KAN | FramedKAN:
    """The model with corrections for the hard points and integrals among the axioms; others are passed over.

    Args:
        model: A network or framed one, with corrections or without; unchanged.
        axioms: Any.
        ranges: Of the raw inputs; those of the frame, where it has them.

    Raises:
        ConfigError: If points do not fit the model, coincide, or an integral's box is not finite.
    """
    wanted = [axiom for axiom in axioms if is_anchored(axiom)]
    if not wanted:
        return model
    if isinstance(model, FramedKAN):
        network, frame = model.network, model.frame
    else:
        config = model.config
        network, frame = model, Frame(config.input_names, (), config.output_names, (), tuple(ranges or ()))
    box = ranges or frame.ranges
    if not box:
        raise ConfigError(f"{wanted[0].text()} needs the ranges of the inputs; fit the model with it.")
    bare = FramedKAN(network, replace(frame, corrections=()))
    corrections: list[tuple[int, str, float]] = []
    for axiom in wanted:
        make = _points if isinstance(axiom, Through) else _integral
        corrections += make(axiom, bare, box)  # type: ignore[arg-type]
    return FramedKAN(network, replace(frame, ranges=tuple(box), corrections=tuple(corrections)))


def _points(axiom: Through, model: FramedKAN, box: Ranges) -> list[tuple[int, str, float]]:
    names, outputs = model.frame.symbols, model.outputs
    if len(axiom.points[0]) != len(names) or len(axiom.values[0]) not in (1, outputs):
        raise ConfigError(
            f"points of through have {len(names)} inputs and values 1 or {outputs} outputs, got {len(axiom.points[0])} and "
            f"{len(axiom.values[0])}."
        )
    points = np.array(axiom.points)
    scaled = points / np.array([high - low for low, high in box])
    apart = [float(np.linalg.norm(a - b)) for a, b in itertools.combinations(scaled, 2)]
    if apart and min(apart) == 0:
        raise ConfigError(f"two points of {axiom.word} are the same; give each once.")
    width = min([NEAR, *(0.5 * gap for gap in apart)])
    texts = [
        "exp(-("
        + "+".join(
            f"(({name}-({p!r}))/{width * (high - low)!r})**2"
            for name, p, (low, high) in zip(names, row, box, strict=True)
        )
        + "))"
        for row in points.tolist()
    ]
    at = _rows(points, model)
    bumps = torch.stack([Expression(text, names).of(at) for text in texts], dim=1)
    values = torch.tensor([list(row) * (outputs if len(row) == 1 else 1) for row in axiom.values]).to(at)
    factors = torch.linalg.solve(bumps, values - model(at))
    wanted = range(outputs) if axiom.output is None else [place(axiom.output, model.output_names, axiom.word, "output")]
    return [(j, text, float(factors[n, j])) for j in wanted for n, text in enumerate(texts)]


def _integral(axiom: Integral, model: FramedKAN, box: Ranges) -> list[tuple[int, str, float]]:
    x, weights = rule(integral_box(axiom, model.input_names, box))
    at = _rows(x, model)
    density = Expression(axiom.weight, model.frame.symbols).of(at) * torch.from_numpy(weights).to(at)
    total = float(density.sum())
    if total == 0:
        raise ConfigError(f"the weight of {axiom.text()} has the integral 0, so no constant can meet it; make it soft.")
    wanted = (
        range(model.outputs)
        if axiom.output is None
        else [place(axiom.output, model.output_names, axiom.word, "output")]
    )
    value = density @ model(at)
    return [(j, "1", (axiom.equals - float(value[j])) / total) for j in wanted]


def integral_box(axiom: Integral, names: Sequence[str], box: Ranges) -> list[tuple[float, float]]:
    """The box of an integral, every input's range.

    Raises:
        ConfigError: If one is not finite.
    """
    found = list(box)
    for name, ends in axiom.over or ():
        found[place(name, names, axiom.word)] = ends
    if not all(math.isfinite(low) and math.isfinite(high) for low, high in found):
        raise ConfigError(f"{axiom.text()} needs a finite range of every input.")
    return found


def rule(box: Ranges) -> tuple[np.ndarray, np.ndarray]:
    """Points `(N, I)` and weights `(N,)` of a quadrature over a box: Gauss–Legendre for three inputs at most, else Sobol."""
    count = NODES.get(len(box))
    widths = np.array([high - low for low, high in box])
    lows = np.array([low for low, _ in box])
    if count is None:
        engine = torch.quasirandom.SobolEngine(len(box), scramble=True, seed=0)
        unit = engine.draw(SAMPLES, dtype=torch.float64).numpy()
        return lows + widths * unit, np.full(SAMPLES, float(np.prod(widths)) / SAMPLES)
    nodes, share = np.polynomial.legendre.leggauss(count)
    axes = np.meshgrid(*[low + width * (nodes + 1) / 2 for low, width in zip(lows, widths, strict=True)], indexing="ij")
    shares = np.meshgrid(*[share * width / 2 for width in widths], indexing="ij")
    return np.stack([axis.ravel() for axis in axes], 1), np.prod([each.ravel() for each in shares], axis=0)


def _rows(x: np.ndarray, model: FramedKAN) -> Tensor:
    like = model.network.kan_layers[0].coefficients
    return torch.from_numpy(x).to(like.dtype).to(like.device)
