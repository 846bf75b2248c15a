"""The numbers and grids of a model at one moment, to put back into it or into another of the same structure."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.splines.bases import basis_from_dict


@dataclass(frozen=True)
class Snapshot:
    """Bases as plain values, and every tensor of the model."""

    bases: list[dict[str, Any]]
    tensors: dict[str, Tensor]

    @classmethod
    def of(cls, model: KAN) -> "Snapshot":
        """A copy of what the model is now."""
        tensors = {name: value.detach().clone() for name, value in model.state_dict().items()}
        return cls([layer.basis.to_dict() for layer in model.kan_layers], tensors)

    @torch.no_grad()
    def put_into(self, model: KAN) -> None:
        """Makes the model, of the same shape, what it was; grids too."""
        for index, (layer, values) in enumerate(zip(model.kan_layers, self.bases, strict=True)):
            basis, grid = basis_from_dict(values), self.tensors[f"layers.{index}.grid"]
            if basis != layer.basis:
                size = basis.size + (layer.base_weight is not None)
                layer.replace_grid(basis, grid, grid.new_zeros(layer.inputs, size, layer.outputs))
        model.load_state_dict(self.tensors)
