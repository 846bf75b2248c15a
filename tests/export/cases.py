"""The family of networks that every export must equal, and how equal."""

import copy
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import splinework as sw
from splinework.kernels import EXTRAPOLATIONS

BASES = ("bspline", "chebyshev", "fourier", "gaussian_rbf")
BASE_FUNCTIONS = ("silu", "gelu", "tanh", "none", "sin", "identity")
SHAPES = ([1, 1], [2, 3, 1], [3, (1, [2, 3]), 2], [2, 3, 3, 2], [2, (0, 2), 1])
DEGREES = (3, 0, 1, 2, 4, 9)


@dataclass(frozen=True)
class Case:
    """One network, by its settings."""

    shape: list[Any]
    basis: str = "bspline"
    degree: int = 3
    grid: int = 4
    extrapolation: str = "linear"
    base: str = "silu"
    grid_kind: str = "adaptive"
    logs: bool = False
    masked: bool = False
    scaled: bool = True
    bias: bool = True

    def __str__(self) -> str:
        flags = [name for name in ("logs", "masked", "scaled") if getattr(self, name)]
        basis = f"{self.basis}{self.degree}x{self.grid}"
        return "-".join(
            [str(self.shape).replace(" ", ""), basis, self.extrapolation, self.base, self.grid_kind, *flags]
        )

    def model(self, dtype: torch.dtype = torch.float64, seed: int = 0) -> sw.KAN:
        generator = torch.Generator().manual_seed(seed)
        inputs = self.shape[0]
        outputs = sum(n if isinstance(n, int) else len(n) for n in [self.shape[-1]])
        model = sw.KAN(
            self.shape, basis=self.basis, degree=self.degree, grid=self.grid, extrapolation=self.extrapolation, base=self.base,
            grid_kind=self.grid_kind, bias=self.bias, generator=generator, dtype=torch.float64,
            input_scales=["log" if self.logs and i == 0 else "linear" for i in range(inputs)],
            output_scales=["log" if self.logs and j == 0 else "linear" for j in range(outputs)],
        )  # fmt: skip
        with torch.no_grad():
            for layer in model.kan_layers:
                layer.spline_weight.uniform_(0.5, 1.5, generator=generator)
                if layer.bias is not None:
                    layer.bias.normal_(0, 0.1, generator=generator)
                if layer.base_weight is not None:
                    layer.base_weight.normal_(0, 0.3, generator=generator)
                if self.grid_kind == "learnable":
                    layer.spacing.normal_(0, 0.5, generator=generator)
                if self.masked:
                    layer.mask.copy_((torch.rand(layer.mask.shape, generator=generator) > 0.4).double())
                    layer.mask[-1] = 0  # an input that nothing depends on
                    layer.mask[0] = 1
            if self.grid_kind == "adaptive" and self.basis == "bspline" and self.grid > 2:
                model = sw.adapt(model, self.raw(64, seed + 1, model)) if self.degree else model
            if self.scaled:
                model.input_scaling.set(torch.full((inputs,), 0.25), torch.linspace(0.5, 2.0, inputs))
                model.output_scaling.set(torch.full((outputs,), -0.5), torch.linspace(2.0, 0.75, outputs))
        return model.to(dtype).requires_grad_(False)

    def raw(self, rows: int, seed: int, model: sw.KAN, *, share: float = 1.0) -> torch.Tensor:
        """Rows evenly from the domain of the first layer, in raw units."""
        generator = torch.Generator().manual_seed(seed)
        layer = model.kan_layers[0]
        low, high = (end.detach().double() for end in layer.basis.domain(layer.knots()))
        places = torch.rand(rows, model.inputs, generator=generator, dtype=torch.float64)
        unit = low + (0.5 + share * (places - 0.5)) * (high - low)
        return unscaled(model, unit)


def pairwise() -> list[Case]:
    """Every basis with every extrapolation, the other settings in turn, and every degree of B-splines."""
    cases = []
    kinds = ("adaptive", "fixed", "normalised", "learnable")
    for n, (basis, extrapolation) in enumerate(itertools.product(BASES, EXTRAPOLATIONS)):
        kind = kinds[(n + n // 4) % (4 if basis == "bspline" else 3)]
        cases.append(
            Case(
                SHAPES[n % 5],
                basis,
                3,
                (4, 6)[n % 2],
                extrapolation,
                BASE_FUNCTIONS[(n + n // 6) % 6],
                kind,
                logs=n % 3 == 1,
                masked=n % 4 == 2,
                scaled=n % 2 == 0,
                bias=n % 7 != 3,
            )
        )
    for n, (degree, extrapolation) in enumerate(itertools.product(DEGREES, ("linear", "zero"))):
        shape, base = SHAPES[(n + 2) % 5], BASE_FUNCTIONS[n % 6]
        cases.append(
            Case(shape, "bspline", degree, (3, 12)[n % 2], extrapolation, base, kinds[n % 4], masked=n % 5 == 4)
        )
    cases.append(Case([1, 1], grid=1, base="none", bias=False, scaled=False))
    cases.append(Case([3, 8, 1], grid=5))  # many edges on each grid
    return cases


def whole_family() -> list[Case]:
    """Many more, drawn at random."""
    generator = np.random.default_rng(0)
    cases = []
    for _ in range(150):
        basis = str(generator.choice(BASES))
        kinds = ["adaptive", "fixed", "normalised", *(["learnable"] if basis == "bspline" else [])]
        logs, masked, scaled, bias = (bool(v) for v in generator.integers(0, 2, 4))
        cases.append(
            Case(
                SHAPES[generator.integers(5)],
                basis,
                int(generator.choice(DEGREES)),
                int(generator.integers(2, 15)),
                str(generator.choice(EXTRAPOLATIONS)),
                str(generator.choice(BASE_FUNCTIONS)),
                str(generator.choice(kinds)),
                logs,
                masked,
                scaled,
                bias,
            )
        )
    return cases


def points(case: Case, model: sw.KAN, rows: int = 200) -> torch.Tensor:
    """Rows inside, at knots, at the ends of the domain, a little and far outside; no NaN."""
    inside = case.raw(rows, 7, model)
    around = case.raw(rows, 8, model, share=2.5)
    layer = model.kan_layers[0]
    knots = layer.knots().detach().T.double()
    low, high = (end.detach().double() for end in layer.basis.domain(layer.knots()))
    at_knots = unscaled(model, torch.cat([knots, low[None], high[None]]))
    far = inside[:4].clone()
    for row, value in enumerate((1e6, -1e6, 1e3, -30.0)):
        far[row, row % model.inputs] = abs(value) if case.logs else value
    return torch.cat([inside, around, at_knots, far])


def unscaled(model: sw.KAN, unit: torch.Tensor) -> torch.Tensor:
    """Rows in the units of the network to raw ones, in the dtype of the model."""
    return copy.deepcopy(model.input_scaling).double().inverse(unit.double()).to(model.input_scaling.scale)


def peculiar(case: Case, model: sw.KAN) -> torch.Tensor:
    """Rows with NaN and infinity, and below zero where logarithms are taken."""
    rows = case.raw(4, 9, model)
    rows = rows.repeat(model.inputs, 1)
    for i in range(model.inputs):
        rows[4 * i : 4 * i + 4, i] = torch.tensor([torch.nan, torch.inf, -torch.inf, -1.0], dtype=rows.dtype)
    return rows


def distance(model: sw.KAN, x: torch.Tensor, got: Any) -> float:
    """The largest difference, in units of what rounding by one may do to y.

    A model in single precision is itself off its values in double. What it is off at worst, four times, counts as equal.
    """
    y, units = model(x).double().numpy(), rounding(model, x)
    got = np.asarray(got, dtype=np.float64)
    assert got.shape == y.shape, (got.shape, y.shape)
    exact = copy.deepcopy(model).double()(x.double()).numpy()
    # Rows with values beyond are left out, and those in which the model overflows on the way though its value is small.
    ordinary = (np.isfinite(exact) & np.isfinite(y) & (units < 1e18)).all(axis=1)
    assert np.isfinite(got[ordinary]).all()
    if exact.dtype == model.output_scaling.scale.numpy().dtype:
        assert (np.isfinite(y) == np.isfinite(got)).all()
    with np.errstate(invalid="ignore"):
        own = np.max((np.abs(y - exact) / units)[ordinary], initial=0.0)
        largest = np.max((np.abs(got - y) / units)[ordinary], initial=0.0)
    # Not more than that: a function with jumps may be off by any amount at one of them.
    return max(0.0, float(largest - 4 * min(own, 1e-4)))


def rounding(model: sw.KAN, x: torch.Tensor) -> Any:
    """By how many units y moves when x, or the terms of the last sums, move by a unit of their own size; at least 1.

    Far outside the domain sums of large terms may be small: nothing that rounds keeps more than the terms allow.
    """
    model, x = copy.deepcopy(model).double(), x.double()
    step = 1e-9
    y = model(x)
    moved = (model(x * (1 + step)) - y).abs() / step
    u, nodes = model.input_scaling(x), model.config.nodes
    for layer, after in zip(model.kan_layers[:-1], nodes[1:-1], strict=True):
        u = after.combine(layer(u))
    terms = nodes[-1].combine(model.kan_layers[-1].edges(u).abs().sum(1)) * model.output_scaling.scale
    logs = torch.tensor([scale == "log" for scale in model.config.output_scales])
    terms = torch.where(logs, terms * y.abs(), terms)
    return torch.stack([torch.ones_like(y), y.abs(), moved, terms]).nan_to_num(0.0).amax(0).numpy()
