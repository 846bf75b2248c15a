"""Dispatch of the primitives, of layers and of whole networks to the backend in use."""

import os
from importlib.util import find_spec

import torch
from torch import Tensor

from splinework.errors import ConfigError, ShapeError
from splinework.errors.foreign import explained
from splinework.kernels import native
from splinework.kernels.backends import Backend, Layers, NativeBackend, TritonBackend
from splinework.kernels.chain import Prepared
from splinework.kernels.edges import AffineUnits, EdgeParameters
from splinework.kernels.table import BasisTable

_INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


def why_no_triton() -> str | None:
    """The reason why the Triton kernels cannot be used, and what to do; None if they can. GPUs are not looked for."""
    if find_spec("triton") is None:
        return "Triton is not installed: pip install 'splinework[gpu]'"
    if not _INTERPRETED and torch.version.cuda is None and torch.version.hip is None:
        return (
            f"torch {torch.__version__} is a build for processors; install one for GPUs (https://pytorch.org/get-started), or "
            f"set TRITON_INTERPRET=1 for Triton's slow interpreter"
        )
    return None


BACKENDS: dict[str, Backend] = {"reference": Backend("reference")}
if native.available():
    BACKENDS["native"] = NativeBackend("native")
if why_no_triton() is None:
    BACKENDS["triton"] = TritonBackend("triton", ("cuda", "cpu") if _INTERPRETED else ("cuda",))


def _checked(name: str) -> Backend:
    if name == "triton" and name in BACKENDS and not _INTERPRETED and not torch.cuda.is_available():
        raise ConfigError(
            "the Triton kernels run on GPUs, and this machine has none that torch can use (nvidia-smi lists them)."
        )
    if name in BACKENDS:
        return BACKENDS[name]
    if name == "native":
        raise ConfigError(f"the native kernels are not there: {native.why_not()}")
    if name == "triton":
        raise ConfigError(f"the Triton kernels are not there: {why_no_triton()}.")
    raise ConfigError(f"the backend must be native, triton or reference, got {name!r}.")


def _backend(x: Tensor) -> Backend:
    """The selected backend; beside the native kernels, which are for the CPU, Triton's for tensors on a GPU."""
    return BACKENDS.get("triton", _active) if x.is_cuda and _active.name == "native" else _active


def _check_columns(x: Tensor, edges: EdgeParameters) -> None:
    if x.shape[-1] != edges.coefficients.shape[0]:
        raise ShapeError(f"x has a column per input, (…, {edges.coefficients.shape[0]}), got {tuple(x.shape)}.")


def _checked_targets(t: Tensor, x: Tensor, edges: EdgeParameters) -> Tensor:
    """Targets of the shape and dtype of the sums, which compiled code reads without asking."""
    shape = (*x.shape[:-1], edges.coefficients.shape[2])
    if tuple(t.shape) != shape:
        raise ShapeError(f"t has a row per point and a column per output, {shape}, got {tuple(t.shape)}.")
    return t.to(edges.coefficients.dtype)


def _initial_backend() -> Backend:
    wanted = os.environ.get("SPLINEWORK_BACKEND", "")
    return _checked(wanted) if wanted else BACKENDS.get("native", BACKENDS["reference"])


# One choice for the process, not one for each context: torch.compile cannot trace `ContextVar.get`, and a thread of its own
# (a loader, a backward pass of another device) would fall back to the first backend.
_active = _initial_backend()


@explained
def use(name: str) -> str:
    """Selects the backend for the whole process.

    Args:
        name: `native` (tensors on a GPU: Triton's kernels, if there), `triton` or `reference`.

    Returns:
        The name of the previous backend.

    Raises:
        ConfigError: If the name is unknown, the native kernels were not compiled, or Triton or a GPU is missing.

    >>> before = use("reference")
    >>> use(before)
    'reference'
    """
    global _active
    before, _active = _active, _checked(name)
    return before.name


@explained
def active() -> str:
    """The name of the selected backend.

    Returns:
        A key of `BACKENDS`.

    Raises:
        Nothing.

    >>> active() in BACKENDS
    True
    """
    return _active.name


@explained
def contract(table: BasisTable, x: Tensor, s: Tensor | None, c: Tensor, derivative: int = 0) -> Tensor:
    """Contraction over inputs and table rows: `Σ_i s_bi Σ_m β_m^{(r)}(x_bi) C_imj`, the forward pass for r = 0.

    Like all functions of this module it computes in the precision of its tensors, also in half precision, which the reference
    takes; models convert such rows to their own precision first.

    Args:
        table: The functions β.
        x: Points `(B, I)`.
        s: Factors `(B, I)`; None means ones.
        c: Coefficients C, `(I, M, J)`.
        derivative: Order r.

    Returns:
        Shape `(B, J)`.

    Raises:
        ShapeError: If shapes do not match (native backend).
        DtypeError: If dtypes or devices differ (native backend).

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> layer = sw.KANLayer(2, 3)
        >>> contract(layer.table(), torch.zeros(7, 2), None, layer.edge_coefficients()).shape
        torch.Size([7, 3])
    """
    return _backend(x).contract(table, x, s, c, derivative)


@explained
def probe(table: BasisTable, x: Tensor, c: Tensor, g: Tensor, derivative: int = 0) -> Tensor:
    """Contraction over outputs and table rows: `Σ_j g_bj Σ_m β_m^{(r)}(x_bi) C_imj`, the gradient in x for r = 1.

    Args:
        table: The functions β.
        x: Points `(B, I)`.
        c: Coefficients C, `(I, M, J)`.
        g: Cotangents `(B, J)`.
        derivative: Order r.

    Returns:
        Shape `(B, I)`.

    Raises:
        ShapeError, DtypeError: As in `contract`.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> layer = sw.KANLayer(2, 3)
        >>> probe(layer.table(), torch.zeros(7, 2), layer.edge_coefficients(), torch.ones(7, 3), 1).shape
        torch.Size([7, 2])
    """
    return _backend(x).probe(table, x, c, g, derivative)


@explained
def scatter(table: BasisTable, x: Tensor, s: Tensor | None, g: Tensor, derivative: int = 0) -> Tensor:
    """Contraction over points: `Σ_b s_bi g_bj β_m^{(r)}(x_bi)`, the gradient in C for r = 0.

    Args:
        table: The functions β.
        x: Points `(B, I)`.
        s: Factors `(B, I)`; None means ones.
        g: Cotangents `(B, J)`.
        derivative: Order r.

    Returns:
        Shape `(I, M, J)`.

    Raises:
        ShapeError, DtypeError: As in `contract`.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> scatter(sw.KANLayer(2, 3, grid=4).table(), torch.zeros(7, 2), None, torch.ones(7, 3)).shape
        torch.Size([2, 8, 3])
    """
    return _backend(x).scatter(table, x, s, g, derivative)


@explained
def layer_sums(table: BasisTable, x: Tensor, edges: EdgeParameters) -> Tensor:
    """One layer, bias included: `y_j = Σ_i φ_ij(x_i) + bias_j`.

    Args:
        table: The functions that the edges combine.
        x: Points `(B, I)`.
        edges: Coefficients, weights, mask and bias.

    Returns:
        Shape `(B, J)`.

    Raises:
        ShapeError, DtypeError: As in `contract`.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> layer, x = sw.KANLayer(2, 3), torch.zeros(7, 2)
        >>> torch.equal(layer_sums(layer.table(), x, layer.parts()), layer(x))
        True
    """
    _check_columns(x, edges)
    return _backend(x).layer_sums(table, x, edges)


@explained
def network_sums(layers: Layers, x: Tensor, units: AffineUnits | None = None) -> Tensor:
    """A chain of layers, each applied to the sums of the one before.

    Args:
        layers: Table and parameters of every layer.
        x: Points `(B, I)`.
        units: Units of x and of the result; None for those of the network.

    Returns:
        Shape `(B, J)`.

    Raises:
        ShapeError, DtypeError: As in `contract`.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> layers = sw.KAN([2, 5, 1]).kan_layers
        >>> network_sums([(layer.table(), layer.parts()) for layer in layers], torch.zeros(7, 2)).shape
        torch.Size([7, 1])
    """
    _check_columns(x, layers[0][1])
    return _backend(x).network_sums(layers, x, units)


@explained
def squared_error(
    layers: Layers, x: Tensor, t: Tensor, units: AffineUnits | None = None, *, gradient: bool = True
) -> float | None:
    """Mean squared error of `network_sums` against targets and its gradient, in one call without a graph.

    Args:
        layers: Table and parameters of every layer.
        x: Points `(B, I)`.
        t: Targets `(B, J)`.
        units: Units of x and t; None for those of the network.
        gradient: Whether to write the gradient to each parameter's `.grad`.

    Returns:
        The error; None, with nothing done, if the backend leaves it to autograd.

    Raises:
        ShapeError, DtypeError: As in `contract`.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> layers = [(layer.table(), layer.parts()) for layer in sw.KAN([2, 1]).kan_layers]
        >>> before = use("reference")
        >>> squared_error(layers, torch.zeros(7, 2), torch.zeros(7, 1)) is None
        True
        >>> _ = use(before)
    """
    _check_columns(x, layers[0][1])
    return _backend(x).squared_error(layers, x, _checked_targets(t, x, layers[-1][1]), units, gradient)


def prepared(layers: Layers, x: Tensor, units: AffineUnits | None = None) -> Prepared | None:
    """The network for many calls without a graph, or None if the backend gains nothing by preparing it."""
    return _backend(x).prepared(layers, x, units)
