"""Files of pykan's `saveckpt`, read without executing anything in them.

A model is `<path>_config.yml`, `<path>_state` and `<path>_cache_data`, of which the last is not needed. The state is a zip of
tensors, read by torch's restricted unpickler; the configuration is YAML, read by PyYAML's safe loader and the few tags that
pykan writes, none of which makes an object.
"""

import os
import struct
import zipfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError, FileError
from splinework.splines.bases import ACTIVATIONS

MAX_CONFIG_BYTES = 64 * 2**20
"""Size of a configuration above which it is refused; one of a network of 1000 × 1000 edges has 6 MB."""
MAX_NODES = 10**6
"""Number of nodes of a layer above which a configuration is taken to be damaged."""
BASES = {"zero": "none", **{name: name for name in ACTIVATIONS if name != "gelu"}}
"""Base functions of pykan and their names here; torch has two functions of the name GELU, and the file does not say which."""
_ZERO = ("python/name:kan.MultKAN.%3Clambda%3E", "python/name:kan.MultKAN.<lambda>")
_MODULES = "python/object:torch.nn.modules."
_TAG = "tag:yaml.org,2002:"
_NUMBERS = {"i4": "<i", "i8": "<q", "f4": "<f", "f8": "<d"}


@dataclass(frozen=True)
class SavedLayer:
    """The numbers of one layer of pykan, I inputs, J sums, N nodes.

    Attributes:
        grid: Knots `(I, G + 2k + 1)`.
        coef: Coefficients `(I, J, G + k)`.
        mask: Weight of the numerical half of each edge, `(I, J)`.
        scale_base: Weight of the base function, `(I, J)`.
        scale_sp: Weight of the spline, `(I, J)`.
        symbolic_mask: Weight of the symbolic half, `(J, I)`.
        affine: Numbers a, b, c, d of the symbolic halves, `(J, I, 4)`.
        names: Names of their functions, J rows of I.
        subnode_scale: Factor of each sum, `(J,)`.
        subnode_bias: Constant of each sum, `(J,)`.
        node_scale: Factor of each node, `(N,)`.
        node_bias: Constant of each node, `(N,)`.
        degree: Degree k.
        sums: Number of sum nodes.
        arities: Arities of the product nodes.
    """

    grid: Tensor
    coef: Tensor
    mask: Tensor
    scale_base: Tensor
    scale_sp: Tensor
    symbolic_mask: Tensor
    affine: Tensor
    names: list[list[str]]
    subnode_scale: Tensor
    subnode_bias: Tensor
    node_scale: Tensor
    node_bias: Tensor
    degree: int
    sums: int
    arities: tuple[int, ...]


@dataclass(frozen=True)
class SavedModel:
    """A model of pykan: its `layers`, the name of its base function here, and the options that have a counterpart."""

    layers: list[SavedLayer]
    base: str
    grid_eps: float
    domain: tuple[float, float]
    trainable: dict[str, bool]


def read_files(path: str | os.PathLike[str]) -> SavedModel:
    """The model that `saveckpt(path)` wrote.

    Raises:
        FileError: If a file is missing, damaged, of another version or holds code.
        ConfigError: If the base function has no counterpart, or PyYAML is not installed.
    """
    stem = str(path)
    for end in ("_config.yml", "_state", "_cache_data"):
        stem = stem.removesuffix(end)
    config, state = _config(Path(f"{stem}_config.yml")), _state(Path(f"{stem}_state"))
    get = _Fields(config, f"{stem}_config.yml")
    width = [_pair(entry) for entry in get("width", list)]
    if len(width) < 2 or not all(map(sum, width)):
        raise FileError(f"{stem}_config.yml: width lists the nodes of two or more layers, got {config['width']!r}.")
    layers = [
        _layer(state, config, level, width, _entry(get("k", (int, list)), level), stem)
        for level in range(len(width) - 1)
    ]
    base = get("base_fun_name", str)
    if base not in BASES:
        raise ConfigError(
            f"{stem}: pykan's base function {base!r} has no counterpart; those that have: {', '.join(BASES)}."
        )
    if not get("symbolic_enabled", bool):  # then pykan leaves them out, too
        for layer in layers:
            layer.symbolic_mask.zero_()
    ends = [float(end) for end in get("grid_range", list) if isinstance(end, (int, float))]
    trainable = {name: get(name, bool) for name in ("sp_trainable", "sb_trainable", "affine_trainable")}
    domain = (ends[0], ends[1]) if len(ends) == 2 and ends[0] < ends[1] else (-1.0, 1.0)
    return SavedModel(layers, BASES[base], min(max(float(get("grid_eps", (int, float))), 0.0), 1.0), domain, trainable)


class _Fields:
    """Typed access to a configuration."""

    def __init__(self, config: dict[str, Any], name: str) -> None:
        self.config, self.name = config, name

    def __call__(self, key: str, kind: Any) -> Any:
        value = self.config.get(key)
        if not isinstance(value, kind):
            raise FileError(
                f"{self.name} has no usable {key!r}, got {value!r}; it is of another version than pykan 0.1 to 0.2.8, or damaged."
            )
        return value


def _pair(entry: Any) -> tuple[int, int]:
    """Sums and products of an entry of `width`; none where it is no such entry."""
    sums, products = entry if isinstance(entry, (list, tuple)) and len(entry) == 2 else (entry, 0)
    whole = all(isinstance(n, int) and 0 <= n <= MAX_NODES for n in (sums, products))
    return (sums, products) if whole else (0, 0)


def _entry(value: Any, level: int) -> int:
    """The number of a layer, of one number or one for each."""
    one = value[level] if isinstance(value, list) and level < len(value) else value
    if not isinstance(one, int) or not 1 <= one <= 9:
        raise ConfigError(f"splines of degree 1 to 9 have a counterpart, got k={value!r}.")
    return one


def _layer(
    state: dict[str, Tensor], config: dict[str, Any], level: int, width: list[tuple[int, int]], k: int, stem: str
) -> SavedLayer:
    """One layer, its tensors checked to have the shapes that the others imply."""
    sums, products = width[level + 1]
    arity = config.get("mult_arity")
    try:
        several: list[Any] = arity[level + 1][:products] if isinstance(arity, list) else [arity] * products
        arities = tuple(int(n) for n in several)
    except (TypeError, LookupError, ValueError):
        arities = ()
    if len(arities) != products or any(n < 2 for n in arities):
        raise FileError(f"{stem}_config.yml: mult_arity {arity!r} does not fit width {[list(pair) for pair in width]}.")
    inputs, outputs, nodes = sum(width[level]), sums + sum(arities), sums + products
    grid = _tensor(state, f"act_fun.{level}.grid", (inputs, None), stem)
    intervals = grid.shape[1] - 1 - 2 * k
    shapes = {
        "coef": (inputs, outputs, intervals + k),
        **dict.fromkeys(("mask", "scale_base", "scale_sp"), (inputs, outputs)),
    }
    numeric = {name: _tensor(state, f"act_fun.{level}.{name}", shape, stem) for name, shape in shapes.items()}
    numeric["symbolic_mask"] = _tensor(state, f"symbolic_fun.{level}.mask", (outputs, inputs), stem)
    numeric["affine"] = _tensor(state, f"symbolic_fun.{level}.affine", (outputs, inputs, 4), stem)
    for kind, count in (("subnode", outputs), ("node", nodes)):
        for what, usual in (("scale", 1.0), ("bias", 0.0)):  # a layer of expand_depth has none in the file
            key = f"{kind}_{what}_{level}"
            there = key in state
            numeric[f"{kind}_{what}"] = (
                _tensor(state, key, (count,), stem)
                if there
                else torch.full((count,), usual, dtype=numeric["coef"].dtype)
            )
    names = config.get(f"symbolic.funs_name.{level}")
    good = isinstance(names, list) and len(names) == outputs
    if not good or not all(isinstance(row, list) and len(row) == inputs for row in names or []):
        raise FileError(
            f"{stem}_config.yml: symbolic.funs_name.{level} does not have {outputs} rows of {inputs} names."
        )
    texts = [[str(name) for name in row] for row in names or []]
    numeric = {name: value.to(numeric["coef"].dtype).clone() for name, value in numeric.items()}
    return SavedLayer(grid=grid.to(numeric["coef"]), names=texts, degree=k, sums=sums, arities=arities, **numeric)


def _tensor(state: dict[str, Tensor], key: str, shape: tuple[int | None, ...], stem: str) -> Tensor:
    """A tensor of the state, of a shape and finite."""
    value = state.get(key)
    if value is None:
        raise FileError(
            f"{stem}_state has no {key!r}; it is of another version than pykan 0.1 to 0.2.8, or of another model than the "
            "configuration."
        )
    fits = value.dim() == len(shape) and all(b in (None, a) for a, b in zip(value.shape, shape, strict=True))
    if not fits or not value.is_floating_point():
        raise FileError(f"{stem}_state: {key} has shape {tuple(value.shape)}, the configuration says {shape}.")
    if not bool(value.isfinite().all()):
        raise FileError(f"{stem}_state: {key} has numbers that are not finite.")
    return value


def _state(path: Path) -> dict[str, Tensor]:
    """The tensors of a state file."""
    try:
        _check_stored(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise FileError(
            f"there is no {path}; give the path that saveckpt was given, without _config.yml or _state."
        ) from None
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FileError(
            f"{path} is damaged, or holds code besides numbers, which is not executed ({reason}); save it again with pykan: "
            "model.saveckpt(path)."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) and isinstance(k, str) for k, v in state.items()):
        raise FileError(f"{path} holds {type(state).__name__}, not a state of named tensors.")
    for name, value in state.items():
        if value.layout != torch.strided or value.untyped_storage().nbytes() < value.numel() * value.element_size():
            raise FileError(
                f"{path}: {name:.60} does not hold all of its {value.numel()} numbers; save it again with pykan."
            )
    return dict(state)


def _check_stored(path: Path) -> None:
    """Checks that a state is an archive whose members are not packed, as torch writes it: it takes the memory of its size.

    Raises:
        ValueError: If it is not.
    """
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError(f"it has {path.stat().st_size} bytes, and would unpack to {unpacked}; torch does not pack")


def _config(path: Path) -> dict[str, Any]:
    """The values of a configuration file."""
    try:
        yaml = import_module("yaml")
    except ImportError:
        raise ConfigError("pykan's configuration is YAML; to read it: pip install 'splinework[pykan]'.") from None
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise FileError(
                f"{path} has {path.stat().st_size} bytes; a configuration of pykan has {MAX_CONFIG_BYTES} at most."
            )
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileError(
            f"there is no {path}; pykan writes it from 0.1 on, by model.saveckpt(path), and older models are saved anew."
        ) from None
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not a text: {error}.") from error
    try:
        config = yaml.load(text, Loader=_loader(yaml))
    except (yaml.YAMLError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError, struct.error) as error:
        reason = " ".join(str(error).split())[:200]
        raise FileError(
            f"{path} is damaged, or holds objects, which are not made ({reason}); save it again with pykan: "
            "model.saveckpt(path)."
        ) from error
    if not isinstance(config, dict):
        raise FileError(f"{path} holds {type(config).__name__}, not the configuration of a model.")
    return config


def _loader(yaml: Any) -> Any:
    """PyYAML's safe loader with the tags that pykan writes: tuples, NumPy's numbers, and modules, of which the name is taken."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # of a module that may be absent
        pass

    for tag in _ZERO:
        Loader.add_constructor(_TAG + tag, lambda _loader, _node: "zero")
    Loader.add_multi_constructor(_TAG + _MODULES, lambda _loader, name, _node: name.rpartition(".")[2].lower())
    Loader.add_constructor(_TAG + "python/tuple", lambda loader, node: loader.construct_sequence(node))
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        Loader.add_constructor(f"{_TAG}python/object/apply:{module}.scalar", _numpy_number)
    return Loader


def _numpy_number(loader: Any, node: Any) -> int | float:
    """A number of NumPy: the code of its dtype and its bytes."""
    dtype, data = node.value
    arguments = dtype.value[0][1] if dtype.value and isinstance(dtype.value[0], tuple) else dtype
    code = arguments.value[0].value
    (number,) = struct.unpack(_NUMBERS[code], loader.construct_yaml_binary(data))
    return int(number) if code[0] == "i" else float(number)
