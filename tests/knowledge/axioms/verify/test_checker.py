"""The checker's own arithmetic of integrals, held against numbers worked out by hand, and proofs that say too much."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.knowledge.axioms import Integral
from splinework.knowledge.axioms.checker import check
from splinework.knowledge.axioms.checker.certificates import ModelChecker
from splinework.knowledge.axioms.checker.models import Reading
from splinework.knowledge.axioms.verify import verify
from splinework.nn.frame import Frame, FramedKAN


def formula(text: str) -> FramedKAN:
    """A model that is a formula of a and b."""
    network = sw.KAN([2, 1], base="identity", dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return FramedKAN(network, Frame(("a", "b"), (), ("y",), (text,)))


@pytest.mark.parametrize(
    ("text", "exact", "low", "high"),
    [
        # value at the middle + widths² (f_aa + f_bb)/24 ± the spread of f_ab over 64, twice
        ("a**2*b**2", 49 / 9, 5.0625 + 4 / 24 - 24 / 64, 5.0625 + 16 / 24 + 24 / 64),
        ("a*b", 9 / 4, 9 / 4, 9 / 4),
        ("3*a - b", 3.0, 3.0, 3.0),
        ("a**2", 7 / 3, 7 / 3, 7 / 3),
    ],
)
def test_the_midpoint_rule_encloses_an_integral_by_its_second_derivatives_and_no_more(text, exact, low, high):
    model, box = formula(text), {"a": (1.0, 2.0), "b": (1.0, 2.0)}
    reading = Reading(model)
    checker = ModelChecker(reading, box)
    (claim,) = checker.claims(Integral(exact, over=box).text())
    check_of = checker.boxes(claim)
    check_of.pairs = ((0, 0), (0, 1), (1, 1))
    found = check_of._midpoint(np.ones((1, 2)), np.full((1, 2), 2.0))
    np.testing.assert_allclose((found.lo[0], found.hi[0]), (low, high), rtol=1e-12)
    assert found.lo[0] <= exact <= found.hi[0]


@pytest.mark.parametrize("text", ["exp(800*a) + 0*b", "atan(1/a) + 0*b", "1/(a - 0.5)**2 + 0*b"])
def test_a_point_refutes_where_values_are_beyond_float64_or_missing(text):
    model = formula(text)
    found = verify(model, "bounded(upper=-2)", box={"a": (0, 1), "b": (0, 1)})
    assert found.status == "refuted"
    assert check(model, found)


def test_a_proof_by_formula_has_no_boxes():
    model = formula("a*(1 - a)*b")
    found = verify(model, "boundary({'a': (0, 1)})", box={"a": (0, 1), "b": (0, 1)})
    (claim, *others) = found.claims
    assert claim.method == "formula"
    assert check(model, found)
    verdict = check(model, replace(found, claims=(replace(claim, tree="."), *others)))
    assert not verdict
    assert "has a division" in verdict.reason
    for more in (1e-9, 1e-3, 1.0):
        assert not check(model, replace(found, claims=(replace(claim, bound=claim.bound + more), *others)))


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    file = tmp_path / "c.json"
    file.touch()
    os.truncate(file, (1 << 28) + 1)  # no space is taken
    verdict = check(formula("a + 0*b"), file)
    assert not verdict
    assert "256 MiB" in verdict.reason
    os.truncate(file, 1 << 10)
    assert "JSON" in check(formula("a + 0*b"), file).reason


def test_all_numbers_are_the_positive_ones_where_a_scale_is_logarithmic():
    model = sw.KAN([3, 2], input_scales=["linear", "log", "log"], dtype=torch.float64)
    (claim, *_) = ModelChecker(Reading(model), {"x1": (-1, 1), "x2": (1, 2), "x3": (1, 2)}).claims(
        "bounded(0, 1, domain='all')"
    )
    assert claim.lo.dtype == claim.hi.dtype == np.float64
    assert (claim.lo.tolist(), claim.hi.tolist()) == ([-np.inf, 0.0, 0.0], [np.inf] * 3)


def test_what_is_zero_by_its_formula_is_confirmed_with_no_margin():
    model = formula("a*b + exp(a + b)")
    found = verify(model, "symmetric(a, b)", box={"a": (0, 1), "b": (0, 1)})
    (claim,) = found.claims
    assert (claim.method, claim.bound) == ("formula", 0.0)
    assert check(model, found)
