"""The inputs that each hidden node may depend on.

A node that depends on a set of inputs may feed only nodes that depend on all of these. The sets are chosen so that inputs that
must not interact never meet before the last sum, and so that monotone and convex inputs are separated from unconstrained ones:
every edge on a path from a constrained input is constrained, while nodes without constrained inputs may feed constrained ones,
never the reverse.
"""

from collections.abc import Sequence

Inputs = frozenset[int]


def cliques(count: int, apart: set[frozenset[int]]) -> list[Inputs]:
    """The maximal sets of inputs that may all interact (Bron and Kerbosch 1973), largest first."""
    together = {i: {j for j in range(count) if j != i and frozenset((i, j)) not in apart} for i in range(count)}
    found: list[Inputs] = []

    def grow(inside: set[int], open_: set[int], done: set[int]) -> None:
        if not open_ and not done:
            found.append(frozenset(inside))
            return
        pivot = max(open_ | done, key=lambda i: (len(together[i] & open_), -i))
        for i in sorted(open_ - together[pivot]):
            grow(inside | {i}, open_ & together[i], done & together[i])
            open_ = open_ - {i}
            done = done | {i}

    grow(set(), set(range(count)), set())
    return sorted(found, key=lambda s: (-len(s), sorted(s)))


def node_sets(count: int, apart: set[frozenset[int]], rising: Inputs, convex: Inputs, concave: Inputs) -> list[Inputs]:
    """The sets of inputs for hidden nodes, the most important first.

    Args:
        count: Number of inputs.
        apart: Pairs that must not interact.
        rising: Inputs along which the output is monotone, or has a bounded slope.
        convex: Inputs along which it is convex.
        concave: Inputs along which it is concave.
    """
    shaped = rising | convex | concave
    found: list[Inputs] = []
    for clique in cliques(count, apart):
        free = clique - shaped
        kinds = [clique]
        if clique & shaped and free:
            kinds.append(free)
        # A node with inputs of several kinds only allows linear edges afterwards, so add nodes of one kind as well.
        several = [kind for kind in (rising - convex - concave, convex, concave) if clique & kind]
        if len(several) > 1:
            kinds += [free | (clique & kind) for kind in several]
        found += [kind for kind in kinds if kind and kind not in found]
    return found


def dealt(sets: Sequence[Inputs], width: int) -> list[Inputs]:
    """Sets for `width` nodes, cyclically."""
    return [sets[j % len(sets)] for j in range(width)]
