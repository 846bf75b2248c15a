"""Relations among invariants of knots, without a target: the area of the cusp is that of its sides.

pykan's Example_15_knot_unsupervised: no output is kept; in the paper three relations, one of them V = μ_r λ
"""

from splinework.reproduce import recipe
from splinework.reproduce.experiments.knots import KNOWN

found = recipe("knots").run({"model": "relations", "seed": 0})
assert "missing" not in found, found["missing"]
print("relations among", "; ".join(", ".join(each) for each in found["relations"]))
assert set(KNOWN) in [set(each) for each in found["relations"]]
