"""A network in a frame: formulas that make its inputs, and formulas that make the answer of its outputs.

What a network cannot be made to do by its edges, a frame does for every value of its numbers: an output that vanishes on a
boundary, `u = g + ω N` (Lagaris, Likas and Fotiadis 1998), one between bounds, one that depends on dimensionless groups only.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from splinework import notebook_html
from splinework.errors import ConfigError
from splinework.formula.expression import Expression
from splinework.formula.reading import identifiers
from splinework.nn.arrays import admitted, as_columns, check_columns
from splinework.nn.network import KAN

MAX_FRAME_LENGTH: Final = 1 << 20
"""Maximum length in characters of all formulas of a frame together, so that no file makes its reader work for long."""


@final
@dataclass(frozen=True)
class Frame:
    """Formulas before and after a network.

    Attributes:
        input_names: Names of the raw inputs.
        features: The network's inputs as formulas in the raw inputs; empty if it takes the raw inputs.
        output_names: Names of the outputs.
        answers: The outputs as formulas in the raw inputs and the network's outputs, by their `symbols` and `hidden_names`; empty
            if the network's outputs are the outputs.
        ranges: Ends of each raw input in the data or the problem of the model, `(low, high)`; empty if unknown.
        corrections: Terms added to the answers: index of the output, formula in the raw inputs, and factor.

    Raises:
        ConfigError: If sizes do not match.
        FormulaError: If a formula cannot be read.
    """

    input_names: tuple[str, ...]
    features: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ("y",)
    answers: tuple[str, ...] = ()
    ranges: tuple[tuple[float, float], ...] = ()
    corrections: tuple[tuple[int, str, float], ...] = ()

    def __post_init__(self) -> None:
        for key in ("input_names", "features", "output_names", "answers"):
            object.__setattr__(self, key, tuple(getattr(self, key)))
        object.__setattr__(self, "ranges", tuple((float(low), float(high)) for low, high in self.ranges))
        if self.ranges and len(self.ranges) != len(self.input_names):
            raise ConfigError(f"a frame has a range per input, {len(self.input_names)}, got {len(self.ranges)}.")
        if self.answers and len(self.answers) != len(self.output_names):
            raise ConfigError(
                f"a frame has one answer per output, {len(self.output_names)}, got {len(self.answers)} formulas."
            )
        corrections = tuple((int(j), str(text), float(factor)) for j, text, factor in self.corrections)
        object.__setattr__(self, "corrections", corrections)
        if not all(0 <= j < len(self.output_names) for j, _, _ in corrections):
            came = sorted({j for j, _, _ in corrections})[:8]
            raise ConfigError(f"corrections are of the outputs 0 to {len(self.output_names) - 1}, got {came}.")
        length = sum(map(len, (*self.features, *self.answers, *(text for _, text, _ in corrections))))
        if length > MAX_FRAME_LENGTH:
            raise ConfigError(
                f"the formulas of a frame have at most {MAX_FRAME_LENGTH} characters, got {length}; split the model."
            )
        _ = self.before, self.after

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Identifiers of the raw inputs in formulas: their names, or similar ones for names that are not identifiers."""
        return identifiers(self.input_names)

    @cached_property
    def hidden_names(self) -> tuple[str, ...]:
        """Identifiers of the network's outputs in the answers: `z1`, `z2`, …, or `z_1`, … if an input has such a name."""
        return hidden_names(self.symbols, len(self.output_names))

    @cached_property
    def before(self) -> tuple[Expression, ...]:
        """The features as expressions."""
        return tuple(Expression(text, self.symbols) for text in self.features)

    @cached_property
    def after(self) -> tuple[Expression, ...]:
        """The answers with corrections as expressions of the raw inputs followed by the network's outputs."""
        parts = [[text] for text in self.answers or (self.hidden_names if self.corrections else ())]
        for j, text, factor in self.corrections:
            parts[j].append(f"({factor!r})*({text})")
        return tuple(Expression("+".join(each), (*self.symbols, *self.hidden_names)) for each in parts)

    def features_of(self, x: Tensor) -> Tensor:
        """Raw inputs `(…, I)` to the network's inputs `(…, F)`."""
        if not self.before:
            return x
        return torch.stack([feature.of(x) for feature in self.before], dim=-1)

    def answers_of(self, x: Tensor, z: Tensor) -> Tensor:
        """Raw inputs `(…, I)` and the network's outputs `(…, J)` to the outputs `(…, J)`."""
        if not self.after:
            return z
        both = torch.cat([x, z], dim=-1)
        return torch.stack([answer.of(both) for answer in self.after], dim=-1)

    def to_dict(self) -> dict[str, Any]:
        """JSON values from which `frame_from_dict` restores the frame."""
        nested = {key: [list(v) for v in getattr(self, key)] for key in ("ranges", "corrections")}
        return {**{key: list(getattr(self, key)) for key in self.__dataclass_fields__}, **nested}


def hidden_names(symbols: Sequence[str], outputs: int) -> tuple[str, ...]:
    """Identifiers of the outputs of a network that differ from those of the raw inputs."""
    stem = "z"
    while any(f"{stem}{j + 1}" in symbols for j in range(outputs)):
        stem += "_"
    return tuple(f"{stem}{j + 1}" for j in range(outputs))


def frame_from_dict(values: dict[str, Any]) -> Frame:
    """The frame that `Frame.to_dict` wrote.

    Raises:
        ConfigError: If a field is missing or unknown, or sizes do not match.
        FormulaError: If a formula cannot be read.
    """
    from splinework.errors.stored_values import typed

    frame: Frame = typed(Frame, values, "a frame")
    return frame


class FramedKAN(nn.Module):
    """A KAN in a frame; called like a KAN.

    Args:
        network: The KAN, whose inputs are the frame's features.
        frame: The formulas before and after it.

    Shapes: x `(…, I)` in raw units to `(…, J)`.

    Raises:
        ConfigError: If the network's numbers of inputs or outputs differ from those of the frame.

    >>> wave = FramedKAN(KAN([1, 1]), Frame(("x",), answers=("x*(1-x)*z1",)))
    >>> float(wave(torch.tensor([[1.0]])).detach())
    0.0
    """

    def __init__(self, network: KAN, frame: Frame) -> None:
        super().__init__()
        wanted = len(frame.features) or len(frame.input_names)
        if network.inputs != wanted or network.outputs != len(frame.output_names):
            raise ConfigError(
                f"the frame makes {wanted} inputs and takes {len(frame.output_names)} outputs, the network has "
                f"{network.inputs} and {network.outputs}."
            )
        self.network, self.frame = network, frame

    def forward(self, x: Any) -> Tensor:
        """Raw inputs `(…, I)` to outputs `(…, J)`; x as `KAN` takes it.

        Raises:
            ShapeError: If x has another number of columns.
            DataError: If x does not hold numbers.
            DtypeError: If x lies on another device, or has a dtype that the model's cannot hold without loss.
        """
        own = self.network.kan_layers[0].coefficients
        x = admitted(x, own, self.inputs, self.input_names)
        check_columns(self, x, self.inputs, own)
        return self.frame.answers_of(x, self.network(self.frame.features_of(x)))

    def inside(self, x: Any) -> Tensor:
        """The inputs `(B, F)` of the network for raw rows x, a tensor, an array or a frame.

        Raises:
            ShapeError: If x is not `(B, inputs)`.
            DataError: If x does not hold numbers.
        """
        return self.frame.features_of(as_columns(x, self.inputs, "x", self.input_names, next(self.parameters())))

    @property
    def inputs(self) -> int:
        """Number of raw inputs."""
        return len(self.frame.input_names)

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return len(self.frame.output_names)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the raw inputs."""
        return self.frame.input_names

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.frame.output_names

    def extra_repr(self) -> str:
        parts = [f"{name}" for name in self.frame.features] + [f"→ {text}" for text in self.frame.answers]
        return ", ".join(parts)

    def _repr_html_(self) -> str:
        return notebook_html(self)


def with_features(network: KAN, features: Sequence[str], names: Sequence[str] | None = None) -> FramedKAN:
    """A network whose inputs are the raw ones and formulas of them, or these formulas alone.

    Args:
        network: The network: of as many inputs as there are raw ones and features, or features only.
        features: Formulas in the raw inputs, such as `x*y`.
        names: Names of the raw inputs; by default those that the network has before the features.

    Raises:
        ConfigError: If numbers of inputs do not match.
        FormulaError: If a formula cannot be read.

    Example:
        >>> model = with_features(KAN([3, 5, 1]), ["x1/x2"])
        >>> model.inputs, model.network.config.input_names
        (2, ('x1', 'x2', 'x1/x2'))
    """
    config = network.config
    if isinstance(features, str):
        raise ConfigError(f"features is a list of formulas, got the text {features!r}; write [{features!r}].")
    raw = tuple(config.input_names[: max(network.inputs - len(features), 0)] if names is None else names)
    alone = len(features) == network.inputs
    if not raw or not features or not (alone or len(raw) + len(features) == network.inputs):
        raise ConfigError(
            f"the network has {network.inputs} inputs, and there are {len(raw)} raw inputs and {len(features)} features; its "
            f"first layer takes both, so {len(raw) + len(features)}, or with names=… the features only, {len(features)}."
        )
    inside = tuple(features) if alone else (*raw, *features)
    frame = Frame(raw, tuple(features) if alone else (*identifiers(raw), *features), config.output_names)
    renamed = copy.deepcopy(network)
    renamed._config = replace(config, input_names=inside)
    return FramedKAN(renamed, frame)


def names_of(model: KAN | FramedKAN) -> tuple[Sequence[str], Sequence[str]]:
    """Names of the raw inputs and of the outputs."""
    if isinstance(model, FramedKAN):
        return model.input_names, model.output_names
    return model.config.input_names, model.config.output_names


def network_of(model: KAN | FramedKAN) -> KAN:
    """The network itself, without its frame."""
    return model.network if isinstance(model, FramedKAN) else model


def frame_of(model: KAN | FramedKAN) -> Frame | None:
    """The frame of a model, or None."""
    return model.frame if isinstance(model, FramedKAN) else None
