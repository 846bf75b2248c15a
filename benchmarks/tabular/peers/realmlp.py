"""RealMLP (Holzmüller, Grinsztajn and Steinwart 2024, arXiv 2407.04491) with its tuned defaults, as pytabkit has it."""

from __future__ import annotations

from typing import Any

from benchmarks.tabular.part import Part
from benchmarks.tabular.peers.deep import fitted


def answer(part: Part, seed: int) -> Any:
    """A fit with the defaults."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    return fitted(RealMLP_TD_Classifier if part.classes else RealMLP_TD_Regressor, part, seed)
