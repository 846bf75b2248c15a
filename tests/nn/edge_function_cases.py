"""Networks in which splines, formulas, callables and held splines stand side by side."""

import torch

from splinework.nn.config import EdgeFamily
from splinework.nn.edge_functions import EdgeFunction, held_spline
from splinework.nn.network import KAN
from tests.contracts.cases import seeded

NUMBERS = torch.tensor([1.5, 0.1, 2.0, -0.2], dtype=torch.float64)


def mixed(*, call: bool = False, **options) -> KAN:
    """A network of two layers with functions of every kind in both."""
    model = KAN([2, (2, 1), 2], generator=seeded(), dtype=torch.float64, **options)
    first, second = model.kan_layers
    first.set_functions(
        [
            EdgeFunction.of("sin(u)", 0, 0, name="sin", numbers=(3.0, 0.2, 1.0, 0.1)),
            EdgeFunction.of("exp(-0.5*u**2)", 1, 1, numbers=(2.0, 0.1, 0.7, 0.0)),
            EdgeFunction.of("sin(u)", 1, 3, name="sin").held((False, True, True, False)),
            held_spline(first, 1, 0),
        ]
    )
    own = [EdgeFunction(EdgeFamily("erf", call=torch.erf), 2, 1, NUMBERS, (True,) * 4)] if call else []
    second.set_functions(
        [EdgeFunction.of("tanh(u)", 0, 0, name="tanh"), held_spline(second, 1, 1).held((True,) * 4), *own]
    )
    return model
