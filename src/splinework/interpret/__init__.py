"""Interpretation and editing of a fitted network: attribution, pruning, refinement, degrees, symbolic formulas."""
