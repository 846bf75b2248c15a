"""The checkpoint of a fit: one file with its progress, from which a killed fit resumes bit for bit.

A fit is a fixed sequence of stages, and what happens between stages (grids that follow, networks that are refined) takes
little time. So a checkpoint holds the outcome of every stage that is done, and the state of the one in progress. A fit
that resumes goes through the same stages again, and those that are done return their recorded outcome at once.
"""

import copy
import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from splinework.errors import ConfigError, FileError, FitWarning
from splinework.nn.files import write_whole
from splinework.nn.network import KAN
from splinework.splines.bases import basis_from_dict

FORMAT = 2
_KEY = "splinework-fit"
CHECKPOINT_SECONDS = 5.0
"""Seconds between two checkpoints within a stage."""


@dataclass
class Journal:
    """The record of a fit, in memory and, where there is a path, on disk.

    Attributes:
        path: The file, or None.
        fingerprint: A hash of the data, the settings and the initial model, which identifies the fit.
        done: Outcomes of the stages that are done, in order: plain values and tensors.
        current: The state of the stage in progress, or None.
        book: Values of the fit as a whole, such as the best model so far.
    """

    path: Path | None = None
    fingerprint: str = ""
    done: list[dict[str, Any]] = field(default_factory=list)
    current: dict[str, Any] | None = None
    book: dict[str, Any] = field(default_factory=dict)

    def write(self) -> None:
        """Writes the record to disk, whole or not at all; a failure is a warning, and the next write tries again."""
        if self.path is None:
            return
        tensors: dict[str, Tensor] = {}
        parts = {"done": self.done, "current": self.current, "book": self.book}
        header = {"format": FORMAT, "fingerprint": self.fingerprint, **_plain(parts, "", tensors)}
        # A file without tensors is none: safetensors needs one.
        tensors.setdefault("nothing", torch.zeros(1))
        try:
            write_whole(self.path, to_bytes(tensors, metadata={_KEY: json.dumps(header)}))
        except FileError as error:
            warnings.warn(
                FitWarning(f"no checkpoint was written, the fit goes on, and the last good one is intact: {error}"),
                stacklevel=2,
            )


def open_journal(path: Path | None, fingerprint: str) -> Journal:
    """The journal of this fit: the one on disk where there is one, else a new one.

    Raises:
        FileError: If there is a file that is not a checkpoint of a fit, or no folder for one.
        ConfigError: If it is one of another fit.
    """
    if path is None:
        return Journal(path, fingerprint)
    if not path.parent.is_dir():
        raise FileError(f"there is no folder {path.parent} for the checkpoint; make it, or give another path.")
    if not path.exists():
        return Journal(path, fingerprint)
    try:
        with safe_open(str(path), framework="pt") as file:
            header = json.loads((file.metadata() or {})[_KEY])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a dict
        kept = {name: _restored(header[name], tensors) for name in ("done", "current", "book")}
        known, written = header["format"], header["fingerprint"]
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise FileError(
            f"{path} is not a checkpoint of a fit ({type(error).__name__}: {error}); give another path, or remove the file."
        ) from error
    if known != FORMAT or written != fingerprint:
        raise ConfigError(
            f"{path} is the checkpoint of another fit: model, data and settings must be the same to go on from it; give "
            "another path, or remove the file to begin anew."
        )
    return Journal(path, fingerprint, **kept)


def fingerprint_of(parts: Mapping[str, Any]) -> str:
    """A hash of tensors, to the bit, and of everything else by its text."""
    digest = hashlib.sha256()
    for name, value in parts.items():
        digest.update(f"{name}:".encode())
        if isinstance(value, Tensor):
            digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
            digest.update(
                value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes() if value.numel() else b""
            )
        else:
            digest.update(repr(value).encode())
    return digest.hexdigest()


def _plain(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """The value in JSON, with its tensors put aside."""
    if isinstance(value, Tensor):
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, Mapping):
        if "tensor" in value:
            return {"mapping": [[key, _plain(item, f"{name}/{key}", tensors)] for key, item in value.items()]}
        return {key: _plain(item, f"{name}/{key}", tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{name}/{index}", tensors) for index, item in enumerate(value)]
    return value


def _restored(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"tensor"}:
            # A copy of its own begins where torch lets memory begin: sums may depend on the alignment of what is summed.
            return tensors[value["tensor"]].clone()
        if set(value) == {"mapping"}:
            return {key: _restored(item, tensors) for key, item in value["mapping"]}
        return {key: _restored(item, tensors) for key, item in value.items()}
    return [_restored(item, tensors) for item in value] if isinstance(value, list) else value


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


def copied(model: KAN, older: KAN | None) -> KAN:
    """A copy of the model: into an older copy of it where shapes and grids are the same, which is far faster."""
    layers = [] if older is None else zip(older.kan_layers, model.kan_layers, strict=True)
    if older is None or any(a.basis != b.basis or not torch.equal(a.grid, b.grid) for a, b in layers):
        return copy.deepcopy(model)  # layers keep what they have worked out from their grids
    new, old = _tensors(model), _tensors(older)
    if [t.shape for t in new] != [t.shape for t in old]:
        return copy.deepcopy(model)
    torch._foreach_copy_(old, new)
    return older


def reopened(model: KAN, values: dict[str, Any] | None) -> KAN | None:
    """The network of a record, which has the structure of `model`."""
    if values is None:
        return None
    other = copy.deepcopy(model)
    Snapshot(**values).put_into(other)
    return other


def _tensors(model: KAN) -> list[Tensor]:
    return [*(p.detach() for p in model.parameters()), *model.buffers()]
