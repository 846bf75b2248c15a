"""A fitted network read and edited: importance, pruning, finer grids, other degrees, formulas of edges."""
