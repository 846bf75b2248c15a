"""A fitted network read and edited: importance of edges, pruning, finer grids, other degrees, formulas for edges."""
