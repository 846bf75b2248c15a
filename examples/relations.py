"""All relations among columns, none of which is the target, with noise in every column (Liu et al. 2024, arXiv 2404.19756, §4.2).

Of six columns x3 = exp(sin(πx1) + x2²) and x5 = x4³; the sixth has no relation. A network that tells rows from shuffled ones
finds one of the two by its seed; here both come back, with 5 % noise in all columns.
`splinework reproduce unsupervised-relations` has the paper's network, and a contrastive one that finds both.

pykan's Example_12_unsupervised_learning: one of the two relations, by the seed

Run: python examples/relations.py (a minute)
"""

import numpy as np

import splinework as sw
from splinework.reproduce.experiments.unsupervised_relations import columns

draw = np.random.default_rng(0)
x = columns(1000, seed=0)
for noise in (0.0, 0.05):
    table = sw.discover_relation(x + noise * x.std(axis=0) * draw.normal(size=x.shape), budget=40, progress=False)
    print(f"noise {noise:.0%}", *table.rows, *table.notes, sep="\n    ")
    assert {frozenset(row.inputs) for row in table.rows} == {frozenset(("x1", "x2", "x3")), frozenset(("x4", "x5"))}
    assert "x6 has no relation with other columns" in table.notes
print("both relations, and the free column")
