"""The drawn functions have the structure that they were built by, and the benchmark counts right and wrong answers."""

import pytest
import torch

from benchmarks.bench_separability import run, table
from benchmarks.separability_cases import MIN_EFFECT, case


@pytest.mark.parametrize("seed", [0, 1, 8])
def test_a_case_is_what_it_was_built_as(seed):
    known = case(seed)
    assert known.key == known.truth.tree.key
    effects = [each.evidence.effect for each in known.truth.findings if each.kind != "idle"]
    assert all(effect < 1e-6 or effect > MIN_EFFECT for effect in effects)
    again, _ = case(seed).sample(5, 0.0, 0)
    assert torch.equal(again, known.sample(5, 0.0, 0)[0])


def test_noise_is_a_share_of_the_spread():
    known = case(4)
    (_, clean), (_, noisy) = known.sample(20000, 0.0, 1), known.sample(20000, 0.05, 1)
    assert float((noisy - clean).std() / clean.std()) == pytest.approx(0.05, rel=0.02)


def test_the_table_counts():
    right = run(4, 300, 0.01)
    assert all(right[kind] for kind in ("separability", "symmetry", "tree"))
    assert right["wrong"] == []
    assert right["known"] == right["found"] == "f1(x1**2 + x2**2)"
    wrong = {**right, "tree": False, "rejected": 1, "noise": 0.05}
    lines = table([right, wrong]).splitlines()
    assert lines[2].startswith("| 1% | 1/1 | 1/1 | 1/1 | 100.0% |")
    assert lines[3].startswith("| 5% | 1/1 | 1/1 | 0/1 | 66.7% | 1/")
