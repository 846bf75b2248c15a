"""Five sums of pairs of ten inputs: each pair gets a place of its own, and edges short.

pykan's Interp_10B_swap: test RMSE 8e-2 by [10, 10, 5], modules become visible once nodes are swapped
"""

from splinework.reproduce import recipe

found = recipe("modular-structures").run({"task": "pairs", "budget": 60, "seed": 0})
before, after = found["costs"]
print(f"RMSE {found['error']:.0e}, {found['edges']} edges; connection cost {before:.2f}, then {after:.2f}")
assert found["error"] <= 8e-2
assert found["falls"]
