"""Hard axioms by construction: constrained edges, masks, shared edges, and a frame of formulas."""

from splinework.knowledge.axioms.realise.api import anchored, is_anchored, realise, set_slopes, widened

__all__ = ["anchored", "is_anchored", "realise", "set_slopes", "widened"]
