"""Base functions without the error function, which onnxruntime lacks in double precision."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor

from splinework.splines.bases import Activation
from splinework.splines.bases.activations import formula_derivative
from splinework.splines.bases.functions import Functions, TensorFunctions

_N_TERMS: Final = 32
"""Number of terms of the Chebyshev series; its remainder is below 1e-16."""


@final
@dataclass(frozen=True)
class InDouble(Activation):
    """A base function, evaluated by its formula with functions that onnxruntime supports.

    >>> from splinework.splines.bases import ACTIVATIONS
    >>> x = torch.tensor([-3.0, 0.0, 2.0], dtype=torch.float64)
    >>> bool((InDouble(ACTIVATIONS["gelu"]).derivative(x, 0) - torch.nn.functional.gelu(x)).abs().max() < 1e-15)
    True
    """

    inner: Activation
    name: ClassVar[str] = "in double"

    def formula(self, x: Any, f: Functions) -> Any:
        return self.inner.formula(x, f)

    def derivative(self, x: Tensor, order: int) -> Tensor:
        return formula_derivative(self.inner, x, order, _DoubleFunctions())


class _DoubleFunctions(TensorFunctions):
    """Functions of tensors, with `erfc(z) = exp(-z²) f(z)`, f as a Chebyshev series in `2 / (2 + z)`."""

    def erfc(self, x: Tensor) -> Tensor:
        z = x.abs()
        u = 2 * (4 / (2 + z) - 1)  # twice the argument of the series, for Clenshaw's recurrence
        later, last = torch.zeros_like(z), torch.zeros_like(z)
        series = _series()
        for c in reversed(series[1:]):
            later, last = u * later - last + c, later
        tail = torch.exp(-z * z) * (u / 2 * later - last + series[0])
        return torch.where(x < 0, 2 - tail, tail)


@lru_cache(maxsize=1)
def _series() -> tuple[float, ...]:
    """Chebyshev coefficients of `erfc(z) exp(z²)` over `t = 2 / (2 + z)` from 0 to 1."""
    from scipy.special import erfcx

    def f(s: Any) -> Any:
        return erfcx(4 / (s + 1) - 2)

    interpolate: Any = np.polynomial.chebyshev.chebinterpolate
    return tuple(interpolate(f, _N_TERMS - 1).tolist())
