"""Majority of three majorities of nine bits, and hidden nodes in the order in which edges are short.

pykan's Interp_10A_swap: accuracy 1, modules become visible once nodes are swapped
"""

from splinework.reproduce import recipe

found = recipe("modular-structures").run({"task": "majorities", "budget": 60, "seed": 0})
before, after = found["costs"]
print(
    f"accuracy {found['right']:.3f}; connection cost {before:.2f}, then {after:.2f}; output changed by {found['change']:.0e}"
)
assert found["right"] == 1
assert found["falls"]
assert found["change"] < 1e-10
