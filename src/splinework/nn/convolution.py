"""Convolutions whose kernels are made of splines: `torch.nn.Conv1d` and `Conv2d` with a function on every edge.

`y_o(p) = bias_o + Σ_c Σ_u φ_ocu(x_c(stride · p + dilation · u))`: each weight of a convolution becomes a function of one
variable (the KAN convolution of Bodner et al. 2024, arXiv 2406.13155, with one function per pair of channels and position in the
kernel). Operations on layers, such as adapting their grids to the data, are in `splinework.interpret.edit`.
"""

import inspect
import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from splinework.errors import ArgumentError, ConfigError, ShapeError
from splinework.errors.foreign import advice, explained
from splinework.nn.arrays import check_numbers
from splinework.nn.layer import KANLayer
from splinework.splines.torch_internals import functional_transform

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
MAX_PATCH_NUMBERS = 2**22
"""Maximum number of patch values in memory at a time, 16 MB in float32: patches of a 3×3 kernel take nine times the memory of
the images."""
_OPTIONS = frozenset(inspect.signature(KANLayer).parameters) - {"inputs", "outputs", "bias", "factory"}


class _KANConv(nn.Module):
    """Common implementation of the convolutions in one and two dimensions."""

    dimensions: ClassVar[int]

    @explained
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | str | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self._check_channels(in_channels, out_channels, groups)
        unknown = sorted(set(options) - _OPTIONS)
        if unknown:
            raise ArgumentError(advice(type(self).__name__, unknown[0], sorted(_OPTIONS)))
        if padding_mode not in PADDING_MODES:
            raise ConfigError(f"padding_mode is one of {', '.join(PADDING_MODES)}, got {padding_mode!r}.")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = self._numbers(kernel_size, "kernel_size", 1)
        self.stride = self._numbers(stride, "stride", 1)
        self.dilation = self._numbers(dilation, "dilation", 1)
        self.padding = padding if isinstance(padding, str) else self._numbers(padding, "padding", 0)
        self.padding_mode = padding_mode
        self._pads = self._both_sides()
        self.layers = nn.ModuleList(
            KANLayer(
                in_channels // groups * math.prod(self.kernel_size),
                out_channels // groups,
                bias=bias,
                dtype=dtype,
                device=device,
                **options,
            )
            for _ in range(groups)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, …)` or `(C, …)` to `(N, O, …)` or `(O, …)`.

        Raises:
            ShapeError: If x has another number of dimensions or channels, or is smaller than the kernel.
            DtypeError: If x has another dtype or device than the layer.
        """
        check_numbers(self, x, self.kan_layers[0].coefficients)
        self._check_input(x)
        batched = x if x.dim() == self.dimensions + 2 else x[None]
        if any(self._pads):
            mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
            batched = F.pad(batched, self._pads, mode=mode)
        self._check_room(batched)
        y = self._convolved(batched if self.dimensions == 2 else batched[..., None])
        y = y if self.dimensions == 2 else y[..., 0]
        return y if x.dim() == self.dimensions + 2 else y[0]

    @property
    def kan_layers(self) -> list[KANLayer]:
        """The layers of edges, one per group, typed."""
        return [layer for layer in self.layers if isinstance(layer, KANLayer)]

    def _convolved(self, x: Tensor) -> Tensor:
        """The convolution of a padded batch `(N, C, H, W)`, in pieces if it has many patches."""
        piece = _PatchConvolution(self)
        if torch.compiler.is_compiling():  # a graph for any number of images cannot depend on that number
            return piece(x)
        height, width = piece.places(x)
        per_row = x.shape[1] * piece.kernel[0] * piece.kernel[1] * width
        if x.shape[0] * height * per_row <= MAX_PATCH_NUMBERS:
            return piece(x)
        # Checkpointing: patches are recomputed piece by piece in the backward pass instead of being kept.
        needed = torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in self.parameters()))
        again = needed and not functional_transform()
        images = max(1, MAX_PATCH_NUMBERS // (height * per_row))
        rows = height if images > 1 else max(1, MAX_PATCH_NUMBERS // per_row)
        done = []
        for some in x.split(images):
            bands = (
                checkpoint(piece, band, use_reentrant=False, preserve_rng_state=False) if again else piece(band)
                for band in _bands(some, rows, height, piece)
            )
            done.append(torch.cat(list(bands), dim=2))
        return torch.cat(done)

    def _numbers(self, value: Any, name: str, least: int) -> tuple[int, ...]:
        """One integer per dimension."""
        values = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
        values = values * self.dimensions if len(values) == 1 else values
        whole = all(isinstance(v, int) and not isinstance(v, bool) and v >= least for v in values)
        if len(values) != self.dimensions or not whole:
            among = " or 'same' or 'valid'" if name == "padding" else ""
            count = f", or {self.dimensions} of them" if self.dimensions > 1 else ""
            raise ConfigError(f"{name} is a whole number of at least {least}{count}{among}, got {value!r}.")
        return values

    def _both_sides(self) -> list[int]:
        """Padding before and after each dimension, last dimension first, as in `F.pad`."""
        if self.padding == "same":
            if any(s != 1 for s in self.stride):
                raise ConfigError(f"padding='same' needs stride 1, got {self.stride}; give the padding as numbers.")
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            sides = [(t // 2, t - t // 2) for t in total]
        elif isinstance(self.padding, str):
            if self.padding != "valid":
                raise ConfigError(f"padding is a number, 'same' or 'valid', got {self.padding!r}.")
            sides = [(0, 0)] * self.dimensions
        else:
            sides = [(p, p) for p in self.padding]
        return [p for side in reversed(sides) for p in side]

    def _check_channels(self, in_channels: int, out_channels: int, groups: int) -> None:
        for name, value in (("in_channels", in_channels), ("out_channels", out_channels), ("groups", groups)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} is a whole number of at least 1, got {value!r}.")
        for name, value in (("in_channels", in_channels), ("out_channels", out_channels)):
            if value % groups:
                raise ConfigError(f"{name} must be divisible by groups, got {value} and {groups}.")

    def _check_input(self, x: Tensor) -> None:
        kind, axes = type(self).__name__, "height, width" if self.dimensions == 2 else "length"
        if x.dim() not in (self.dimensions + 1, self.dimensions + 2):
            raise ShapeError(
                f"{kind} takes x of shape (batch, {self.in_channels}, {axes}), or without batch, got {tuple(x.shape)}."
            )
        channels = x.shape[-self.dimensions - 1]
        if channels != self.in_channels:
            raise ShapeError(
                f"{kind} takes {self.in_channels} channels, so x of shape (batch, {self.in_channels}, {axes}), got "
                f"{tuple(x.shape)} with {channels} channels; set in_channels={channels}, or move the channels there."
            )
        most = {"reflect": -1, "circular": 0}.get(self.padding_mode)
        for size, pad in zip(x.shape[: -1 - self.dimensions : -1], self._pads[1::2], strict=True):
            if pad and ((most is not None and pad > size + most) or (size == 0 and self.padding_mode == "replicate")):
                raise ShapeError(
                    f"{kind} pads {pad} by {self.padding_mode}, which x of shape {tuple(x.shape)} is too small for; "
                    "pad less, or take padding_mode='zeros'."
                )

    def _check_room(self, padded: Tensor) -> None:
        sizes = tuple(padded.shape[2:])
        spans = tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel_size, strict=True))
        if any(span > size for span, size in zip(spans, sizes, strict=True)):
            raise ShapeError(
                f"{type(self).__name__}'s kernel covers {spans} pixels, more than x has with its padding, {sizes}; "
                "take a smaller kernel or dilation, or more padding."
            )

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        shown = {
            "padding": (self.padding, (0,) * self.dimensions),
            "dilation": (self.dilation, (1,) * self.dimensions),
            "groups": (self.groups, 1),
            "padding_mode": (self.padding_mode, "zeros"),
        }
        return text + "".join(f", {name}={value!r}" for name, (value, usual) in shown.items() if value != usual)


class _PatchConvolution:
    """The convolution of a padded batch `(N, C, H, W)` in one piece: patches, edges, sums."""

    def __init__(self, module: _KANConv) -> None:
        # A sequence is an image of width one, so that pieces are bands of rows in both cases.
        more = (1,) * (2 - module.dimensions)
        self.kernel, self.stride = module.kernel_size + more, module.stride + more
        self.dilation, self.layers, self.channels = module.dilation + more, module.layers, module.out_channels

    def places(self, x: Tensor) -> list[int]:
        """Number of kernel positions along each dimension."""
        sizes = zip(x.shape[2:], self.kernel, self.stride, self.dilation, strict=True)
        return [(size - dilation * (kernel - 1) - 1) // stride + 1 for size, kernel, stride, dilation in sizes]

    def __call__(self, x: Tensor) -> Tensor:
        height, width = self.places(x)
        patches = F.unfold(x, self.kernel, dilation=self.dilation, stride=self.stride)
        parts = patches.chunk(len(self.layers), dim=1)
        sums = [layer(part.transpose(1, 2)) for layer, part in zip(self.layers, parts, strict=True)]
        return torch.cat(sums, dim=2).transpose(1, 2).contiguous().view(x.shape[0], self.channels, height, width)


def _bands(x: Tensor, rows: int, height: int, piece: _PatchConvolution) -> Iterator[Tensor]:
    """The bands of images `(N, C, H, W)` that yield `rows` rows of the result each, of `height` in total."""
    step, span = piece.stride[0], piece.dilation[0] * (piece.kernel[0] - 1) + 1
    for first in range(0, height, rows):
        last = min(first + rows, height) - 1
        yield x[:, :, first * step : last * step + span]


@final
class KANConv1d(_KANConv):
    """A convolution over sequences in which every weight is a function; use it like `nn.Conv1d`.

    See `KANConv2d` for the options; sizes are numbers or tuples of one.

    Shapes: x `(N, C, L)` or `(C, L)` to `(N, O, L')` or `(O, L')`, with L' as in `nn.Conv1d`.

    Raises:
        ConfigError: For an unknown name or a number out of range.

    >>> layer = KANConv1d(2, 4, 3, padding="same", padding_mode="circular", grid=4)
    >>> layer(torch.zeros(7, 2, 10)).shape
    torch.Size([7, 4, 10])
    """

    dimensions = 1


@final
class KANConv2d(_KANConv):
    """A convolution over images in which every weight is a function; use it like `nn.Conv2d`.

    Patches of the padded image pass through a `KANLayer`, one per group (`layers[g]`); its input number
    `(c · height + u) · width + v` is the pixel (u, v) of the kernel on channel c of the group. Padded pixels have the value
    0: unlike a weight, a function maps 0 to a value that need not be zero.

    Large batches are processed in pieces (`MAX_PATCH_NUMBERS`) and recomputed in the backward pass, so memory stays
    proportional to the images. `torch.compile` and `torch.export` process them in one piece.

    Args:
        in_channels: Channels C of the image.
        out_channels: Channels O of the result.
        kernel_size: Height and width of the kernel, or one number for both; likewise the next three.
        stride: Step from one patch to the next.
        padding: Pixels added on each side, or `valid` (none) or `same` (as many as keep the size; stride 1).
        dilation: Step from one pixel of a patch to the next.
        groups: Number of groups of channels; each group of the result depends on one group of the image.
        bias: Whether each channel of the result has a bias.
        padding_mode: `zeros`, `reflect`, `replicate` or `circular`.
        device: Device of the parameters.
        dtype: Dtype of the parameters.
        grid: Intervals of each spline.
        basis: Name or recipe of the basis.
        **options: The rest of `KANLayer`'s: degree, base, domain, extrapolation, grid_kind, init, generator. The grid's
            `domain` (-1, 1) suits pixels from 0 to 1 and normalised ones; beyond it splines are extrapolated linearly, and
            `splinework.interpret.edit.adapt_within` adapts grids to the pixels.

    Shapes: x `(N, C, H, W)` or `(C, H, W)` to `(N, O, H', W')` or `(O, H', W')`, with H' and W' as in `nn.Conv2d`.

    Raises:
        ConfigError: For an unknown name or a number out of range.

    >>> layer = KANConv2d(1, 8, kernel_size=3, stride=2, padding=1)
    >>> layer(torch.zeros(7, 1, 28, 28)).shape
    torch.Size([7, 8, 14, 14])
    """

    dimensions = 2
