"""The parameters of a model, exactly in float64, and a digest of them."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from splinework.errors import ConfigError
from splinework.formula.intervals import Floats
from splinework.nn.frame import FramedKAN
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines.bases import Basis

Model = KAN | FramedKAN


@dataclass(frozen=True)
class LayerNumbers:
    """One layer of edges: `φ_ij = w_ij Σ_m c_imj B_m + b_ij base`, with parameters as stored.

    Attributes:
        basis: The family.
        base: Name of the base function.
        extrapolation: How edges continue outside the grid.
        squashed: Whether inputs are first mapped into the domain, `middle + half tanh((x - middle)/half)`.
        knots: `(I, K)`.
        c: `(I, M, J)`.
        weight: w, 0 for a dead edge, `(I, J)`.
        base_weight: b, `(I, J)`, or None.
        bias: `(J,)`.
    """

    basis: Basis
    base: str
    extrapolation: str
    squashed: bool
    knots: Floats
    c: Floats
    weight: Floats
    base_weight: Floats | None
    bias: Floats

    @property
    def domain(self) -> tuple[Floats, Floats]:
        """Ends of every input's grid, `(I,)` each."""
        k = self.basis.degree or 0
        return self.knots[:, k], self.knots[:, self.knots.shape[1] - 1 - k]


def array(tensor: Any) -> Floats:
    """A tensor as float64; float32 and smaller types are represented exactly."""
    values: Floats = tensor.detach().cpu().double().numpy()
    return values.copy()


def layer_numbers(layer: KANLayer) -> LayerNumbers:
    """The parameters of a layer.

    Raises:
        ConfigError: If some of its edges are functions, for which there is no proof yet.
    """
    if layer.functions is not None:
        raise ConfigError(
            "proofs take networks of splines, and some edges are functions; make them splines by free(model, edge)."
        )
    parts = layer.parts()
    alive = array(layer.mask) != 0
    mask = array(layer.mask)
    weight = mask if parts.spline_weight is None else np.where(alive, array(parts.spline_weight) * mask, 0.0)
    base = None if parts.base_weight is None else np.where(alive, array(parts.base_weight) * mask, 0.0)
    return LayerNumbers(
        basis=layer.basis,
        base=layer.base if base is not None else "none",
        extrapolation=layer.extrapolation,
        squashed=layer.grid_kind == "normalised",
        knots=array(layer.knots()),
        c=np.where(alive[:, None, :], array(parts.coefficients), 0.0),
        weight=weight,
        base_weight=base,
        bias=np.zeros(layer.outputs) if parts.bias is None else array(parts.bias),
    )


def network_of(model: Model) -> KAN:
    """The network of a model, with or without a frame."""
    return model.network if isinstance(model, FramedKAN) else model


def names_of(model: Model) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the raw inputs and of the outputs."""
    config = model.frame if isinstance(model, FramedKAN) else model.config
    return tuple(config.input_names), tuple(config.output_names)


def digest(model: Model) -> str:
    """SHA-256 over the parameters, the config and the frame of a model: 64 hexadecimal digits."""
    network = network_of(model)
    frame = model.frame.to_dict() if isinstance(model, FramedKAN) else None
    config = json.dumps({"config": network.config.to_dict(), "frame": frame}, sort_keys=True)
    found = hashlib.sha256(config.encode())
    for key, tensor in sorted(network.state_dict().items()):
        values = np.ascontiguousarray(tensor.detach().cpu().numpy())
        found.update(f"{key} {values.dtype.str} {values.shape}".encode())
        found.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    return found.hexdigest()
