"""Models that are a formula: a network in a frame whose answers do not use it, so that truth is exact."""

import torch

from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.network import KAN


def formula_model(names: str, **answers: str) -> FramedKAN:
    """The model with inputs such as `x y` and outputs `name=formula`, in float64."""
    inputs = tuple(names.split())
    network = KAN([len(inputs), len(answers)], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return FramedKAN(network, Frame(inputs, output_names=tuple(answers), answers=tuple(answers.values())))


def uniform(rows: int, *ranges: tuple[float, float], seed: int = 0) -> torch.Tensor:
    """Points in a box, in float64."""
    unit = torch.rand(rows, len(ranges), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    low, high = torch.tensor(ranges, dtype=torch.float64).unbind(-1)
    return low + (high - low) * unit
