"""Separability and symmetry of formulas, and their trees of modules.

pykan's Interp_5_test_symmetry: all separabilities and symmetries are recognised
"""

from collections.abc import Callable

import torch
from common import uniform

import splinework as sw  # noqa: F401
from splinework.interpret.structure import find_structure

x = uniform(1000, 4)
functions: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sum": lambda x: x[:, 0] ** 2 + torch.exp(x[:, 1] * x[:, 2]) + x[:, 3],
    "product": lambda x: (x[:, 0] ** 2 + x[:, 1] ** 2 + 1) * torch.exp(x[:, 2] + x[:, 3]),
    "composite": lambda x: ((x[:, 0] ** 2 + x[:, 1] ** 2) ** 2 + (x[:, 2] ** 2 + x[:, 3] ** 2) ** 2).sqrt(),
}
for kind, function in functions.items():
    found = find_structure(function, x)
    print(f"{kind}: {found.formula()}")
    assert found.tree is not None
    assert found.tree.kind == kind
