"""The sets of inputs that a network joins: what shares none has no mixed difference, and only that."""

import itertools

import numpy as np
import torch

from splinework.interpret.importance.structure import additive_blocks, components
from splinework.nn.network import KAN
from tests.contracts.cases import normal, seeded
from tests.families import every
from tests.interpret.importance.cases import cancelling_network, network_with_functions, rows, sparse_network
from tests.nn.test_network import network


def mixed_difference(model: KAN, i: int, j: int) -> torch.Tensor:
    """The largest mixed difference of each output in two inputs: zero where they do not act together."""
    a, b = torch.from_numpy(rows(64, model.inputs)), torch.from_numpy(rows(64, model.inputs, seed=1))

    def mixed(*inputs: int) -> torch.Tensor:
        both = a.clone()
        both[:, list(inputs)] = b[:, list(inputs)]
        return model(both)

    return (mixed() - mixed(i) - mixed(j) + mixed(i, j)).abs().amax(0)


def masked(shape: list, seed: int) -> KAN:
    model = network(shape, seed=seed)
    for k, layer in enumerate(model.kan_layers):
        layer.mask.copy_((torch.rand(layer.mask.shape, generator=seeded(10 * seed + k)) < 0.5).to(layer.mask))
    return model


@every("model", [*(masked(shape, seed) for shape in ([4, 3, 2], [4, 2, 2, 1], [4, (2, 1), 2]) for seed in range(1, 5)),
     network([4, 2]), sparse_network(), cancelling_network(), network_with_functions()])  # fmt: skip
def test_inputs_act_together_exactly_where_a_set_has_both(model):
    blocks = additive_blocks(model)
    for i, j in itertools.combinations(range(model.inputs), 2):
        found = mixed_difference(model, i, j)
        for output, sets in enumerate(blocks):
            together = any({i, j} <= block for block in sets)
            assert bool(found[output] > 1e-9) == together, (i, j, output, sets)


def test_a_straight_edge_keeps_a_sum_and_a_logarithmic_output_joins_all():
    assert set(additive_blocks(sparse_network())[0]) == {frozenset(s) for s in ({0, 1}, {2, 3}, {4}, {5})}
    logs = network([2, 1], output_scales=("log",))
    assert additive_blocks(logs) == [{frozenset({0, 1})}]


def test_components_are_the_finest_partition_that_splits_no_block():
    generator = np.random.default_rng(0)
    for _ in range(50):
        blocks = [frozenset(generator.choice(8, generator.integers(1, 4), replace=False).tolist()) for _ in range(4)]
        found = components(blocks)
        assert sorted(i for part in found for i in part) == sorted(set().union(*blocks))
        for part in found:  # connected through blocks inside it
            assert all(block <= set(part) or not block & set(part) for block in blocks)
            seen = {part[0]}
            for _ in blocks:
                seen = seen.union(*(block for block in blocks if block & seen))
            assert seen == set(part)


def test_an_edge_that_bends_within_one_interval_is_not_straight():
    model = network([2, 1, 1])
    last = model.kan_layers[1]
    with torch.no_grad():
        table = last.edge_coefficients()
        table[0, -1] = 0.0
        table[0, :-1, 0] = normal(last.basis.size) * 1e-6 + torch.linspace(-1, 1, last.basis.size)
        last.set_edge_coefficients(table)
    assert additive_blocks(model) == [{frozenset({0, 1})}]
