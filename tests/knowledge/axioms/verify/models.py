"""Models that the tests of certificates share: random ones of every kind, gentle ones, and one that is exactly `x³`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

import splinework as sw
from splinework.splines.knots import adapted_knots

BASES = ("none", "silu", "identity", "tanh", "sin", "gelu")
TAILS = ("linear", "constant", "zero", "natural")


def smooth(shape: Sequence[int], seed: int = 0, degree: int = 3) -> sw.KAN:
    """Gentle edges, as fits to smooth functions have, without a base function: sines of half a period and straight lines."""
    generator = torch.Generator().manual_seed(seed)
    model = sw.KAN(list(shape), degree=degree, base="none", dtype=torch.float64, generator=generator)
    with torch.no_grad():
        for layer in model.kan_layers:
            x = torch.linspace(-1.6, 1.6, layer.basis.size, dtype=torch.float64)[None, :, None]
            like = (layer.inputs, 1, layer.outputs)
            a, b, c = (torch.randn(like, generator=generator, dtype=torch.float64) for _ in range(3))
            layer.coefficients.copy_((a * torch.sin(1.2 * x + b) + 0.3 * c * x) / layer.inputs**0.5)
    return model


def cube() -> sw.KAN:
    """`x³` on [-1, 1]: the coefficients of a cubic spline are its polar form, t₁ t₂ t₃."""
    model = sw.KAN([1, 1], base="none", bias=False, grid=4, dtype=torch.float64)
    layer = model.kan_layers[0]
    t = layer.grid[0]
    with torch.no_grad():
        layer.coefficients.copy_((t[1:-3] * t[2:-2] * t[3:-1])[None, :, None])
    return model


def layer_of(degree: int, base: str, tails: str, seed: int, *, even_knots: bool = False) -> Any:
    """One layer of two inputs and three outputs, with knots that are not evenly spaced."""
    generator = torch.Generator().manual_seed(seed)
    model = sw.KAN(
        [2, 3], degree=degree, grid=4, base=base, extrapolation=tails, generator=generator, dtype=torch.float64
    )
    layer = model.kan_layers[0]
    with torch.no_grad():
        layer.coefficients.normal_(0, 1, generator=generator)
        if not even_knots:
            x = torch.randn(60, 2, generator=generator, dtype=torch.float64)
            low, high = torch.tensor([[-1.0, -1.2], [1.0, 0.9]], dtype=torch.float64)
            layer.grid.copy_(adapted_knots(x, 4, degree, grid_eps=0.3, low=low, high=high))
            layer.refresh()
    return layer


def any_model(seed: int) -> sw.KAN:
    """A network of any degree, base, tails, scales, grid, with products, dead edges and other bases now and then."""
    draw = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    inputs, outputs = int(draw.integers(1, 4)), int(draw.integers(1, 3))
    hidden: list[Any] = []
    for _ in range(int(draw.integers(0, 3))):
        sums = int(draw.integers(1, 4))
        hidden.append((sums, int(draw.integers(1, 3))) if draw.random() < 0.3 else sums)
    basis = str(draw.choice(["bspline"] * 6 + ["fourier", "chebyshev", "gaussian_rbf"]))
    tails = str(draw.choice(TAILS))
    kinds = ["adaptive", "adaptive", "normalised"] + (["learnable"] if basis == "bspline" else [])
    sizes = {"degree": int(draw.integers(1, 6)), "grid": int(draw.integers(1, 8))} if basis == "bspline" else {}
    model = sw.KAN(
        [inputs, *hidden, outputs],
        basis=basis,
        domain=(-1.0, 1.0) if seed % 2 else (-0.75, 1.5),
        extrapolation="linear" if (basis, tails) == ("chebyshev", "natural") else tails,
        base=str(draw.choice(BASES)),
        grid_kind=str(draw.choice(kinds)),
        input_scales=[str(draw.choice(["linear", "linear", "log"])) for _ in range(inputs)],
        output_scales=[str(draw.choice(["linear", "linear", "log"])) for _ in range(outputs)],
        generator=generator,
        dtype=torch.float64,
        **sizes,
    )
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.coefficients.normal_(0, float(draw.uniform(0.1, 0.7)), generator=generator)
            layer.mask.copy_((torch.rand(layer.mask.shape, generator=generator) < 0.85).to(layer.mask))
            if layer.bias is not None:
                layer.bias.normal_(0, 0.3, generator=generator)
        shift, scale = torch.randn(inputs, generator=generator) * 0.2, torch.rand(inputs, generator=generator) + 0.5
        model.input_scaling.set(shift, scale)
    return model


def box_for(model: sw.KAN) -> tuple[np.ndarray, np.ndarray]:
    """A box beyond the grids, positive where a scale is logarithmic."""
    logs = [scale == "log" for scale in model.config.input_scales]
    return np.where(logs, 0.2, -2.5), np.where(logs, 3.0, 2.5)


def boxes_in(lo: np.ndarray, hi: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of all sizes."""
    draw = np.random.default_rng(seed)
    centre = draw.uniform(lo, hi, (count, len(lo)))
    half = 10 ** draw.uniform(-4, 0.3, (count, 1))
    return np.maximum(centre - half, lo), np.minimum(centre + half, hi)


def points_in(lo: np.ndarray, hi: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Points of every box, `(count, B, n)`, both ends among them."""
    share = np.random.default_rng(seed).uniform(size=(count, *lo.shape))
    share[0], share[1] = 0.0, 1.0
    return np.clip(lo + share * (hi - lo), lo, hi)


def derivatives(model: Any, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values `(N, J)`, gradients `(N, J, n)` and second derivatives `(N, J, n, n)` by automatic differentiation."""
    x = torch.from_numpy(points.reshape(-1, points.shape[-1])).requires_grad_()
    y = model(x)
    n = x.shape[1]
    slopes, bends = [], []
    for j in range(y.shape[1]):
        slope = torch.autograd.grad(y[:, j].sum(), x, create_graph=True)[0]
        rows = [
            torch.autograd.grad(slope[:, a].sum(), x, retain_graph=True)[0]
            if slope.requires_grad
            else torch.zeros_like(x)
            for a in range(n)
        ]
        slopes.append(slope.detach())
        bends.append(torch.stack(rows, 1).detach())
    return y.detach().numpy(), torch.stack(slopes, 1).numpy(), torch.stack(bends, 1).numpy()
