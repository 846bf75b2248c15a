"""Models with hard axioms built in, and rows to look at them."""

import torch

import splinework as sw
from splinework.knowledge.axioms import Axiom
from splinework.knowledge.axioms.realise import anchored, realise, set_slopes
from splinework.nn.frame import FramedKAN

RANGES = ((-1.0, 1.0), (-1.0, 1.0), (-1.0, 1.0))
NAMES = ["a", "b", "c"]


def model_of(
    *axioms: Axiom,
    degree: int = 3,
    outputs: int = 1,
    seed: int = 0,
    hidden: int = 6,
    dtype: torch.dtype = torch.float64,
) -> sw.KAN | FramedKAN:
    """A model with rough random numbers that the axioms were built into."""
    generator = torch.Generator().manual_seed(seed)
    shape = [3, hidden, outputs] if hidden else [3, outputs]
    plain = sw.KAN(shape, degree=degree, names=NAMES, dtype=torch.float64, generator=generator)
    made = realise(plain, axioms, RANGES)
    network = made.network if isinstance(made, FramedKAN) else made
    for layer in network.kan_layers:
        layer.set_edge_coefficients(
            torch.randn(layer.edge_coefficients().shape, generator=generator, dtype=torch.float64)
        )
        if layer.bias is not None:
            layer.bias.data.normal_(generator=generator)
    set_slopes(network, axioms, NAMES)
    return anchored(made, axioms, RANGES).to(dtype)


def points(count: int = 3000, seed: int = 5, reach: float = 3.0) -> torch.Tensor:
    """Inside the grids, far outside, and where cells meet."""
    generator = torch.Generator().manual_seed(seed)
    x = reach * (2 * torch.rand(count, 3, generator=generator, dtype=torch.float64) - 1)
    corners = torch.linspace(-1, 1, 11, dtype=torch.float64)
    x[: count // 3] = corners[torch.randint(0, 11, (count // 3, 3), generator=generator)]
    return x


def same(
    model: torch.nn.Module, x: torch.Tensor, other: torch.Tensor, sign: float = 1.0, tolerance: float = 1e-12
) -> None:
    first, second = model(x).detach(), model(other).detach()
    size = float(first.abs().max())
    torch.testing.assert_close(second, sign * first, atol=tolerance * size, rtol=0)


def changed(x: torch.Tensor, i: int, to: torch.Tensor) -> torch.Tensor:
    other = x.clone()
    other[:, i] = to
    return other
