"""Small trained-like networks, rows and recipes, with which the doors of `sw.hardware` are tried."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import splinework as sw
from splinework.hardware.choosing import QuantisationRecipe
from splinework.hardware.training import QuantisationSchedule

QUICK = QuantisationRecipe(method="calibrate")
SHORT = QuantisationSchedule(steps=15, stages=2)


def rows(count: int = 60, inputs: int = 2, seed: int = 0) -> np.ndarray:
    """Rows in [-1, 1]."""
    return np.random.default_rng(seed).uniform(-1, 1, (count, inputs))


def curves(seed: int = 0, shape: tuple[int, ...] = (2, 1)) -> sw.KAN:
    """A network of smooth random curves."""
    return sw.KAN(list(shape), grid=5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def says(model: sw.KAN, x: np.ndarray) -> np.ndarray:
    """What a network gives."""
    with torch.no_grad():
        return model(torch.as_tensor(x)).numpy()


def classes(x: np.ndarray) -> np.ndarray:
    """Three classes that the first two columns tell apart."""
    return np.where(x[:, 0] > 0.3, 2, np.where(x[:, 1] > 0, 1, 0))


def trained(**changes: object) -> QuantisationRecipe:
    """Training of a few steps."""
    return replace(QuantisationRecipe(schedule=SHORT), **changes)  # type: ignore[arg-type]


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}
