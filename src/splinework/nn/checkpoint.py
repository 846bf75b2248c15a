"""Model files: safetensors with a JSON header for the config and a format version. Never pickle."""

import json
import os
import stat
from functools import reduce
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from splinework.errors import ConfigError, FileError
from splinework.errors.foreign import explained
from splinework.nn.config import config_from_dict
from splinework.nn.files import write_whole
from splinework.nn.frame import FramedKAN, frame_from_dict, network_of
from splinework.nn.initialise import present
from splinework.nn.network import KAN
from splinework.nn.nodes import shape_of
from splinework.splines.bases import basis_from_dict

FORMAT_VERSION = 2
"""The newest format, with edges that are functions. A model without any is written in the first, which older versions read."""
_KEY = "splinework"
_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
# Exceptions that a malformed header can cause.
_HEADER_ERRORS = (ArithmeticError, AttributeError, LookupError, RuntimeError, StopIteration, TypeError, ValueError)


@explained
def save(model: KAN | FramedKAN, path: str | os.PathLike[str], *, notes: dict[str, Any] | None = None) -> None:
    """Writes the model to one file atomically.

    The file is written under a temporary name, synced and renamed, so an interruption leaves the old file unchanged.

    Args:
        model: The network, with or without a frame, on any device.
        path: Path of the file, by convention `….safetensors`.
        notes: JSON values to store with the model, such as how it was fitted; `read_header` returns them.

    Raises:
        FileError: If the file cannot be written.
        ConfigError: If the notes are not JSON values.

    Example:
        >>> import tempfile
        >>> import splinework as sw
        >>> model = sw.KAN([2, 1])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sw.save(model, f"{folder}/model.safetensors")
        ...     sw.load(f"{folder}/model.safetensors").config == model.config
        True
    """
    network = network_of(model)
    header = {
        "format": FORMAT_VERSION if network.config.functions else 1,
        "version": own_version(),
        "config": network.config.to_dict(),
        "notes": notes or {},
    }
    if isinstance(model, FramedKAN):
        header["frame"] = model.frame.to_dict()
    tensors = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    try:
        text = json.dumps(header)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"notes take JSON values only ({error}); turn others into numbers, texts or lists."
        ) from error
    write_whole(Path(path), to_bytes(tensors, metadata={_KEY: text}))


@explained
def load(path: str | os.PathLike[str], *, device: torch.device | str = "cpu") -> Any:
    """Reads a model that `save` wrote, in its dtype; in the widest where its layers have several.

    Args:
        path: Path of the file.
        device: Device of the model.

    Returns:
        A `KAN`, or a `FramedKAN` if the model has a frame.

    Raises:
        FileError: If the file is missing, truncated, not a splinework model, or of a newer format.
        ConfigError: If the device is not there.

    Example:
        >>> import tempfile
        >>> import splinework as sw
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sw.save(sw.KAN([2, 1], names=["mass", "speed"]), f"{folder}/model.safetensors")
        ...     sw.load(f"{folder}/model.safetensors").config.input_names
        ('mass', 'speed')
    """
    present(device)
    header, tensors = _read(Path(path))
    try:
        model = network_from(header["config"], tensors)
        frame = frame_from_dict(header["frame"]) if "frame" in header else None
        loaded = model if frame is None else FramedKAN(model, frame)
    except _HEADER_ERRORS as error:
        why = " ".join(str(error).split())  # torch's have several lines
        raise FileError(f"{path} is an inconsistent splinework file ({why}); write it again with sw.save.") from error
    return loaded.to(device)


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The JSON header of a model file: `format`, `version` (of splinework), `config`, `notes`, and `frame` if there is one.

    Raises:
        FileError: As in `load`.
    """
    return _read(Path(path))[0]


def network_from(config: Any, tensors: dict[str, torch.Tensor]) -> KAN:
    """The network of a config, as plain values, and of tensors by name.

    The config is compared with the tensors before it is used, so that no file can ask for more memory than it has itself.

    Raises:
        ConfigError: If they do not fit each other, or the tensors are of a dtype that no network has.
    """
    from splinework.errors.stored_values import shown

    nodes = shape_of([(sums, list(products)) for sums, products in config["nodes"]])
    if len(config["bases"]) != len(nodes) - 1:
        raise ConfigError(f"{len(nodes) - 1} layers of edges need as many bases, got {len(config['bases'])}")
    for index, (before, after, basis) in enumerate(zip(nodes[:-1], nodes[1:], config["bases"], strict=True)):
        expected = (before.width, basis_from_dict(basis).size, after.fan_in)
        got = tuple(tensors[f"layers.{index}.coefficients"].shape)
        if got != expected:
            raise ConfigError(f"layer {index} should have coefficients of shape {shown(expected)}, has {got}")
    for index, families in enumerate(config.get("functions", ())):
        for number, family in enumerate(families):
            if family["spline"]:
                got = tuple(tensors[f"layers.{index}.functions.groups.{number}.coefficients"].shape)
                size = basis_from_dict(family["spline"][0]).size
                if got[1] not in (size, size + 1):
                    raise ConfigError(
                        f"layer {index} holds splines of {size} functions with coefficients of shape {got}"
                    )
    dtypes = {tensor.dtype for tensor in tensors.values() if tensor.dtype != torch.int64}  # the rules of edges
    if not dtypes <= set(_DTYPES):
        raise ConfigError(f"the numbers of a network are of a dtype of {_DTYPES}, got {dtypes}")
    dtype = reduce(torch.promote_types, (own.dtype for key, own in tensors.items() if key.endswith(".coefficients")))
    model = KAN(config_from_dict(config), dtype=dtype, generator=torch.Generator())
    model.load_state_dict(tensors)
    model.unset_dtype = dtype
    for layer in model.kan_layers:
        if layer.shaping is not None:
            layer.shaping.check()
    return model


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileError(
            f"there is no file {path}; give the path of a model that sw.save or `splinework fit` wrote."
        ) from error
    except (OSError, ValueError) as error:  # no permission, a name too long, a NUL in the name
        raise FileError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or error}; give another path."
        ) from error
    if stat.S_ISDIR(mode):
        raise FileError(f"{path} is a folder; give the model file in it, such as {path / 'model.safetensors'}.")
    if not stat.S_ISREG(mode):  # opening a pipe would wait for its writer
        raise FileError(f"{path} is not a regular file; write the model to a file first.")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            header = json.loads(metadata[_KEY]) if _KEY in metadata else None
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a dict
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise FileError(
            f"{path} is not a whole safetensors file ({error}); it may be truncated or of another kind."
        ) from error
    if not isinstance(header, dict):
        raise FileError(f"{path} is a safetensors file, but not one of splinework's: it has no {_KEY!r} header.")
    if not isinstance(header.get("format"), int) or header["format"] > FORMAT_VERSION:
        raise FileError(
            f"{path} has format {header.get('format')}, written by splinework {header.get('version')}; this one reads up to "
            f"{FORMAT_VERSION}. Upgrade splinework to read it."
        )
    return header, tensors


def own_version() -> str:
    """The version of splinework; `unknown` if it is not installed."""
    try:
        return version("splinework")
    except PackageNotFoundError:
        return "unknown"
