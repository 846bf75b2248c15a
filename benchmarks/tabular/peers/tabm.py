"""TabM (Gorishniy, Kotelnikov and Babenko 2024, arXiv 2410.24210) with its defaults, as pytabkit has it."""

from __future__ import annotations

from typing import Any

from benchmarks.tabular.part import Part
from benchmarks.tabular.peers.deep import fitted


def answer(part: Part, seed: int) -> Any:
    """A fit with the defaults."""
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor

    return fitted(TabM_D_Classifier if part.classes else TabM_D_Regressor, part, seed)
