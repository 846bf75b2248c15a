"""All relations among columns, none of which is the target, with noise in every column (Liu et al. 2024, arXiv 2404.19756, §4.2).

Of six columns x3 = exp(sin(πx1) + x2²) and x5 = x4³; the sixth has no relation. A network that tells rows from shuffled ones
finds one of the two by its seed; here both come back, with 5 % noise in all columns.

Run: python examples/relations.py (a minute)
"""

import numpy as np

import splinework as sw

draw = np.random.default_rng(0)
x = draw.uniform(-1, 1, (1000, 6))
x[:, 2] = np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)
x[:, 4] = x[:, 3] ** 3
for noise in (0.0, 0.05):
    table = sw.discover_relation(x + noise * x.std(axis=0) * draw.normal(size=x.shape), budget=40, progress=False)
    print(f"noise {noise:.0%}", *table.rows, *table.notes, sep="\n    ")
    assert {frozenset(row.inputs) for row in table.rows} == {frozenset(("x1", "x2", "x3")), frozenset(("x4", "x5"))}
    assert "x6 has no relation with other columns" in table.notes
print("both relations, and the free column")
