"""The network: layers of edges, nodes that add or multiply, and the units of inputs and outputs.

`KAN(x) = (Φ_{L-1} ∘ … ∘ Φ_0)(x)` (Liu et al. 2024, eqs. 2.2–2.7). What one does with a network (fit, prune, draw, save) are
functions elsewhere.
"""

import inspect
import math
from collections.abc import Sequence
from dataclasses import replace
from operator import is_
from typing import Any, cast

import torch
from torch import Tensor, nn

from splinework import notebook_html
from splinework.errors import ArgumentError, ConfigError
from splinework.errors.foreign import advice, explained, method_advice
from splinework.kernels import AffineUnits, active, network_sums
from splinework.kernels.chain import Prepared
from splinework.kernels.dispatch import prepared
from splinework.nn.arrays import admitted, check_columns
from splinework.nn.config import PAPER_OPTIONS, KANConfig, one_each
from splinework.nn.initialise import present
from splinework.nn.layer import KANLayer
from splinework.nn.nodes import Nodes, shape_of
from splinework.nn.scaling import Scaling
from splinework.splines.bases import Basis, make_basis
from splinework.splines.torch_internals import hooks_of_all_modules, plain

_KEYWORDS = ("shape", "grid", "degree", "basis", "names", "output_names", "features", "generator", "dtype", "device")
_ELSEWHERE = {"nodes", "bases", "input_names", "output_names", "axioms"}
"""Arguments of `KAN`, and the fields of `KANConfig` that they set."""


class KAN(nn.Module):
    """A Kolmogorov–Arnold network of any width and depth.

    Args:
        shape: Nodes per layer, such as `[2, 5, 1]`; `[2, (3, 2), 1]` has three sum nodes and two products of two; or a
            `KANConfig`, and then nothing else but `generator`, `dtype` and `device`.
        grid: Intervals G of every spline, or one number per layer of edges.
        degree: Degree k, or one per layer of edges.
        basis: Name or recipe of the basis, or one per layer of edges.
        names: Names of the inputs.
        output_names: Names of the outputs.
        features: Formulas in the inputs, such as `["x*y"]`, that are further inputs of the first layer, or, if that has as many
            inputs as there are formulas, its only ones. The model is then a `splinework.nn.frame.FramedKAN`.
        generator: Generator of the initialisation; None for torch's default.
        dtype: Dtype of the parameters, kept by `fit`; None for torch's default, until `fit` converts it to that of the data.
        device: Device of the parameters.
        **options: Further fields of `KANConfig`: base, domain, extrapolation, grid_kind, grid_eps, init, bias, input_scales,
            output_scales.

    Shapes: x `(…, inputs)` in raw units to `(…, outputs)` in raw units.

    Raises:
        ConfigError: If the shape or an option is invalid.

    >>> model = KAN([2, 5, 1], grid=5, names=["mass", "speed"])
    >>> model(torch.zeros(7, 2)).shape, model.parameter_count()
    (torch.Size([7, 1]), 156)
    """

    unset_dtype: torch.dtype | None = None
    """The dtype that the numbers got without the user's choice, from torch's default or from data; None if it was chosen."""

    def __new__(cls, *args: Any, features: Sequence[str] = (), **keywords: Any) -> Any:
        """A network; with `features` one in a frame that makes them."""
        if not len(features):
            return super().__new__(cls)
        from splinework.nn.frame.framed import with_features

        names = keywords.pop("names", None)
        return with_features(cls(*args, **keywords), features, names)

    @explained
    def __init__(
        self,
        shape: Sequence[Any] | KANConfig,
        *,
        grid: int | Sequence[int] = 5,
        degree: int | Sequence[int] = 3,
        basis: str | Basis | Sequence[str | Basis] = "bspline",
        names: Sequence[str] | None = None,
        output_names: Sequence[str] | None = None,
        features: Sequence[str] = (),
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if isinstance(shape, KANConfig):
            usual = {"grid": (grid, 5), "degree": (degree, 3), "basis": (basis, "bspline")}
            beside = [*options, *(key for key, (value, default) in usual.items() if value != default)]
            beside += [key for key, value in (("names", names), ("output_names", output_names)) if value is not None]
            if beside:
                raise ConfigError(f"a KANConfig is complete, got {beside[0]} besides; use dataclasses.replace.")
            config = shape
        else:
            nodes = shape_of(shape)
            count = len(nodes) - 1
            recipes = zip(
                one_each(basis, count, "basis"),
                one_each(grid, count, "grid"),
                one_each(degree, count, "degree"),
                strict=True,
            )
            unknown = set(options) - set(KANConfig.__dataclass_fields__) | set(options) & _ELSEWHERE
            if unknown:
                taken = [*_KEYWORDS, *(key for key in KANConfig.__dataclass_fields__ if key not in _ELSEWHERE)]
                raise ArgumentError(advice("KAN", min(unknown), taken))
            config = KANConfig(
                nodes,
                tuple(make_basis(b, grid=g, degree=k) for b, g, k in recipes),
                input_names=tuple(names or ()),
                output_names=tuple(output_names or ()),
                **options,
            )
        self._config = config
        like: dict[str, Any] = {"dtype": dtype, "device": present(device)}
        self.input_scaling = Scaling(config.input_scales, **like)
        self.output_scaling = Scaling(config.output_scales, **like)
        self.layers = nn.ModuleList(
            KANLayer(
                before.width,
                after.fan_in,
                basis=recipe,
                base=config.base,
                domain=config.domain,
                extrapolation=config.extrapolation,
                grid_kind=config.grid_kind,
                init=config.init,
                bias=config.bias,
                generator=generator,
                **like,
            )
            for before, after, recipe in zip(config.nodes, config.nodes[1:], config.bases, strict=False)
        )
        for layer, families in zip(self.kan_layers, config.functions, strict=False):
            if families:
                from splinework.nn.edge_functions import edges_of

                layer.set_functions(edges_of(families))
        self.unset_dtype = None if dtype is not None else self.kan_layers[0].coefficients.dtype

    @classmethod
    def representation(cls, inputs: int, outputs: int = 1, **options: Any) -> "KAN":
        """The shape of Kolmogorov's theorem, `[n, 2n + 1, outputs]` (Liu et al. 2024, eq. 2.1)."""
        return cls([inputs, 2 * inputs + 1, outputs], **options)

    @classmethod
    def paper(cls, shape: Sequence[Any], **options: Any) -> "KAN":
        """The network exactly as in the paper (Liu et al. 2024, arXiv 2404.19756, §2.2 and eqs. 2.2–2.12).

        `φ(x) = w_b b(x) + w_s Σ_m c_m B_m(x)` with cubic B-splines that are zero beyond the extended grid, sums without a
        constant, `c ~ N(0, 0.1²)`, `w_s = 1`, Xavier-uniform `w_b`, grids of 3 intervals on [-1, 1] that follow the activations
        at 2 % uniform and 98 % quantiles, as in the authors' code. Train it by `options=sw.train.TrainingOptions.paper()`.

        Args:
            shape: Nodes per layer.
            **options: Options of `KAN` that take the place of the paper's.

        >>> model = KAN.paper([2, 5, 1])
        >>> model.config.extrapolation, model.config.bias, model.parameter_count() == 15 * (3 + 3 + 2)
        ('zero', False, True)
        """
        return cls(shape, **{**PAPER_OPTIONS, **options})

    @property
    def config(self) -> KANConfig:
        """The configuration of this network, with the present bases of its layers, which may have been refined."""
        layers = self.kan_layers
        functions = tuple(() if layer.functions is None else layer.functions.families() for layer in layers)
        return replace(
            self._config, bases=tuple(layer.basis for layer in layers), functions=functions if any(functions) else ()
        )

    def take_names(self, frame: Any) -> None:
        """Names the inputs after the columns of a frame, one for each, if they are still called `x1`, `x2`, … and it differs."""
        own, columns = self._config.input_names, tuple(getattr(frame, "columns", ()))
        unnamed = own == tuple(f"x{i + 1}" for i in range(len(own))) and not set(own) & set(map(str, columns))
        if unnamed and len(set(columns)) == len(own) == len(columns) and all(isinstance(each, str) for each in columns):
            self._config = replace(self._config, input_names=columns)

    @property
    def kan_layers(self) -> list[KANLayer]:
        """The layers of edges, typed."""
        layers = self._modules["layers"]  # what `self.layers` finds, without asking `__getattr__`
        return [layer for layer in cast("nn.ModuleList", layers) if isinstance(layer, KANLayer)]

    @property
    def dtype_unset(self) -> bool:
        """Whether nobody chose the dtype, by `dtype=` or by a call such as `model.double()`: a fit takes that of its data."""
        return self.unset_dtype == next(self.parameters()).dtype

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return self._config.nodes[0].width

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self._config.nodes[-1].width

    def forward(self, x: Any) -> Tensor:
        """Raw inputs `(…, inputs)` to raw outputs `(…, outputs)`.

        Args:
            x: A tensor; or what a model can be fitted to, such as an array, a frame or a list.

        Raises:
            ShapeError: If x has another number of columns.
            DataError: If x does not hold numbers.
            DtypeError: If x lies on another device, or has a dtype that the model's cannot hold without loss.
        """
        if not torch.is_grad_enabled() and (quick := self.quick(x)) is not None:
            return quick.sums(x)
        own = self.kan_layers[0].coefficients
        if not isinstance(x, Tensor) or x.dtype != own.dtype or x.dim() < 2:
            x = admitted(x, own, self.inputs, self._config.input_names)
        check_columns(self, x, self.inputs, own)
        before, after = self.input_scaling, self.output_scaling
        if before.is_affine and after.is_affine and self.is_plain():
            return self._sums(x, AffineUnits(before.shift, before.scale, after.shift, after.scale))
        return after.inverse(self.unit_forward(before(x)))

    def unit_forward(self, u: Tensor) -> Tensor:
        """The network without scaling, in network units: `(…, inputs)` to `(…, outputs)`."""
        quick = None if torch.is_grad_enabled() else self.quick(u, scaled=False)
        if quick is not None or self.is_plain():
            return self._sums(u, None) if quick is None else quick.sums(u)
        for layer, nodes in zip(self.layers, self._config.nodes[1:], strict=True):
            u = nodes.combine(layer(u))
        return u

    def quick(self, x: Tensor, *, scaled: bool = True) -> Prepared | None:
        """The network prepared for calls without a graph; None where a call needs more care.

        Args:
            x: Points `(B, inputs)`, or what else a call is given.
            scaled: Whether in raw units, or else in those of the network.
        """
        ends = cast("list[Scaling]", [self._modules[n] for n in ("input_scaling", "output_scaling") if scaled])
        affine = not scaled or (ends[0].is_affine and ends[1].is_affine)
        if not (plain(x) and x.dim() == 2 and x.shape[1] == self.inputs and x.is_cpu and self.is_plain() and affine):
            return None
        state: list[Any] = [active(), *[t for end in ends for t in end._buffers.values()]]
        for layer in self.kan_layers:
            own, fixed = layer._parameters, layer._buffers
            if layer.prepared_from is not fixed["grid"] or "coefficients" not in own:
                return None
            state += own.values()
            state += (fixed["mask"], fixed["grid"], fixed["prepared"], layer.basis, layer.base, layer.extrapolation)
        cache: dict[bool, tuple[list[Any], Prepared | None]] = self.__dict__.setdefault("_quick", {})
        known, quick = cache.get(scaled, ((), None))
        if len(known) != len(state) or not all(map(is_, known, state)) or (quick is not None and not quick.current()):
            layers = [(layer.table(), layer.parts()) for layer in self.kan_layers]
            quick = prepared(layers, x, AffineUnits(*state[1:5]) if scaled else None)
            cache[scaled] = (state, quick)
        return quick if quick is not None and quick.kind == x.dtype else None

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_quick"}  # addresses are this process's

    def is_plain(self) -> bool:
        """Whether a forward pass is a plain chain of layers, without hooks, products or special grids."""
        layers = cast("nn.ModuleList", self._modules["layers"])
        return not hooks_of_all_modules() and all(map(_plain, layers, self._config.nodes[1:]))

    def _sums(self, x: Tensor, units: AffineUnits | None) -> Tensor:
        layers = self.kan_layers
        flat = x if x.dim() == 2 else x.reshape(math.prod(x.shape[:-1]), self.inputs)
        if flat.dtype != layers[0].coefficients.dtype:
            flat = flat.to(layers[0].coefficients.dtype)  # under autocast
        sums = network_sums([(layer.table(), layer.parts()) for layer in layers], flat, units)
        return sums if x.dim() == 2 else sums.reshape(*x.shape[:-1], self.outputs)

    def parameter_count(self, *, active: bool = False) -> int:
        """Number of trainable parameters.

        `Σ_edges (G + k + 2) + Σ_sums 1` for B-splines with a base function and biases: G + k coefficients, w_b and w_s per
        edge, one constant per sum. (The paper's `N = edges · G`, §2.3, counts only the leading term.)

        Args:
            active: Count only the edges that are not masked.
        """
        total = 0
        for layer in self.kan_layers:
            edges = int((layer.mask != 0).sum()) if active else layer.mask.numel()
            if layer.functions is not None:
                edges -= 0 if active else len(layer.functions.places()[0])
                total += sum(numbers.numel() for numbers in layer.functions.parameters())
            per_edge = layer.basis.size + 1 + (layer.base_weight is not None)
            total += edges * per_edge + (layer.bias.numel() if layer.bias is not None else 0)
            total += layer.spacing.numel() if layer.grid_kind == "learnable" else 0
        return total

    def active_edges(self) -> int:
        """Number of edges that are not masked."""
        return sum(int(layer.alive.sum()) for layer in self.kan_layers)

    def active_inputs(self) -> list[str]:
        """Names of the inputs that still have an edge."""
        alive = self.kan_layers[0].alive.any(dim=1)
        return [name for name, a in zip(self._config.input_names, alive.tolist(), strict=True) if a]

    @explained
    def train(self, mode: bool = True) -> "KAN":
        """Training mode of the module, as in torch; `sw.fit` is what trains.

        Raises:
            ArgumentError: If mode is not a truth value.
        """
        if not isinstance(mode, bool):
            came = type(mode).__name__
            raise ArgumentError(f"model.train(mode) takes True or False, got {came}; sw.fit(model, x, y) trains.")
        return super().train(mode)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            text = method_advice("KAN", name)
            if text is None:
                raise
            raise AttributeError(text) from None

    def extra_repr(self) -> str:
        return f"shape={self.config.shape}, {self.active_edges()} active edges"

    def _repr_html_(self) -> str:
        return notebook_html(self)


KAN.__new__.__signature__ = inspect.signature(KAN.__init__)  # type: ignore[attr-defined]  # for help and completion


def _plain(layer: nn.Module, nodes: Nodes) -> bool:
    """Whether a layer computes its sums only: splines, no hooks, no squashed or learnable grid, no product nodes."""
    return (
        type(layer) is KANLayer
        and layer.grid_kind in ("adaptive", "fixed")
        and layer.functions is None
        and not nodes.products
        and not (layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks or layer._backward_pre_hooks)
    )
