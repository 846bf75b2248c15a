"""Initialisation of the parameters of a layer: one scheme, one function, one row in `SCHEMES`; and the device they lie on.

A scheme takes sizes and a generator and returns the coefficients c `(I, M, J)`, the base weights w_b `(I, J)` and the
spline weights w_s `(I, J)`. All randomness comes from the generator.
"""

import math
from collections.abc import Callable
from typing import Any, TypedDict

import torch
from torch import Tensor

from splinework.errors import ConfigError

InitialValues = tuple[Tensor, Tensor, Tensor]


class FactoryKeywords(TypedDict, total=False):
    """Dtype and device of a module's numbers, as modules of torch take them."""

    dtype: torch.dtype | None
    device: torch.device | str | None


def present(device: torch.device | str | None) -> torch.device | str | None:
    """The device itself, once it is clear that this machine has it.

    Raises:
        ConfigError: If it is a GPU that is not there.
    """
    if device is None:
        return None
    found = torch.device(device)
    count = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}.get(found.type)
    if count is not None and (found.index or 0) >= count:
        there = ", ".join(["cpu", *(f"{found.type}:{n}" for n in range(count))])
        raise ConfigError(
            f"device={str(device)!r} is not there; this machine and torch {torch.__version__} have {there}. Builds of torch for "
            "GPUs: https://pytorch.org/get-started"
        )
    return device


def paper_scheme(inputs: int, size: int, outputs: int, generator: torch.Generator | None, **like: Any) -> InitialValues:
    """The scheme of the paper (Liu et al. 2024, §2.2): `c ~ N(0, 0.1²)`, `w_s = 1`, Xavier-uniform `w_b`."""
    bound = math.sqrt(6 / (inputs + outputs))
    coefficients = 0.1 * torch.randn(inputs, size, outputs, generator=generator, **like)
    base = bound * (2 * torch.rand(inputs, outputs, generator=generator, **like) - 1)
    return coefficients, base, torch.ones(inputs, outputs, **like)


def power_law_scheme(
    inputs: int, size: int, outputs: int, generator: torch.Generator | None, **like: Any
) -> InitialValues:
    """The power law of Rigas et al. 2025 (arXiv 2509.03417), for wide and deep networks.

    `c ~ N(0, σ_c²)` with `σ_c = (n_in (M + 1))^(-1.75)` and `w_b ~ N(0, σ_b²)` with `σ_b = (n_in (M + 1))^(-0.25)`.
    """
    terms = inputs * (size + 1)
    coefficients = terms**-1.75 * torch.randn(inputs, size, outputs, generator=generator, **like)
    base = terms**-0.25 * torch.randn(inputs, outputs, generator=generator, **like)
    return coefficients, base, torch.ones(inputs, outputs, **like)


SCHEMES: dict[str, Callable[..., InitialValues]] = {"paper": paper_scheme, "power": power_law_scheme}


def initial_values(
    scheme: str, inputs: int, size: int, outputs: int, generator: torch.Generator | None, **like: Any
) -> InitialValues:
    """Initial parameters by the named scheme; `like` holds dtype and device.

    Raises:
        ConfigError: If the scheme is unknown.
    """
    if scheme not in SCHEMES:
        raise ConfigError(f"init must be one of {', '.join(SCHEMES)}, got {scheme!r}.")
    return SCHEMES[scheme](inputs, size, outputs, generator, **like)
