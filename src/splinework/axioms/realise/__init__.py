"""Hard axioms made true by construction: shaped edges, masks, shared edges, and a frame of formulas."""

from splinework.axioms.realise.door import realise, set_slopes, widened

__all__ = ["realise", "set_slopes", "widened"]
