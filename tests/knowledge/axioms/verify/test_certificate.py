"""Certificates as files, and a checker that takes what is right and nothing else."""

import copy
import functools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import FileError
from splinework.knowledge.axioms.checker import boxes, certificates, check
from splinework.knowledge.axioms.verify import Certificate, bound, verify
from splinework.knowledge.axioms.verify.certificate import from_dict, seal
from splinework.knowledge.axioms.verify.numbers import digest
from splinework.knowledge.axioms.verify.tree import Tree
from tests.families import slow
from tests.knowledge.axioms.verify.models import any_model, box_for, smooth


@functools.cache
def pool() -> list[tuple[sw.KAN, dict[str, Any]]]:
    """Models and certificates of every status."""
    found = []
    for seed in range(2):
        model = smooth([2, 3, 1], seed)
        top = bound(model).upper
        for text in (
            f"bounded(upper={top + 0.1:.3f})",
            "monotone(x1)",
            "lipschitz(9.0)",
            f"bounded(upper={top - 0.2:.3f})",
        ):
            found.append((model, verify(model, text).to_dict()))
    return found


def test_what_was_written_is_read(tmp_path):
    model = smooth([2, 3, 1])
    for text in ("bounded(upper=0.8)", "monotone(x1)", "residual('y_x1x1x1')", "monotone(x1, domain='all')"):
        found = verify(model, text, effort=2)
        found.save(tmp_path / "c.json")
        assert Certificate.load(tmp_path / "c.json") == found
        assert (
            json.loads(found.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
            == found.to_dict()
        )
        assert check(model, tmp_path / "c.json")


def test_a_file_that_is_no_certificate_is_refused(tmp_path):
    path = tmp_path / "c.json"
    with pytest.raises(FileError, match="cannot be read"):
        Certificate.load(path)
    path.write_text("[]")
    with pytest.raises(FileError, match="format"):
        Certificate.load(path)
    assert not check(smooth([2, 1]), path)


def test_a_certificate_has_a_largest_size(tmp_path, monkeypatch):
    model, path = smooth([2, 1]), tmp_path / "c.json"
    verify(model, "bounded(-100, 100)").save(path)
    for spare, accepted in ((0, True), (-1, False)):
        monkeypatch.setattr(certificates, "_MOST_BYTES", path.stat().st_size + spare)
        assert bool(check(model, path)) == accepted


def test_the_digest_is_of_the_numbers_and_of_what_they_mean():
    model = smooth([2, 3, 1])
    first = digest(model)
    assert digest(copy.deepcopy(model)) == first
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.kan_layers[1].coefficients[0, 0, 0] += 1e-15
    assert digest(other) != first
    assert digest(smooth([2, 3, 1], 1)) != first
    renamed = sw.KAN(
        sw.KANConfig(model.config.nodes, model.config.bases, base="none", input_names=("a", "b")), dtype=torch.float64
    )
    renamed.load_state_dict(model.state_dict())
    assert digest(renamed) != first


@pytest.mark.quick(4)
@pytest.mark.parametrize("case", range(6))
def test_certificates_of_any_network_are_confirmed(case):
    model = any_model(case)
    lo, hi = box_for(model)
    box = {name: (float(a), float(b)) for name, a, b in zip(model.config.input_names, lo / 2, hi / 2, strict=True)}
    name = model.config.input_names[0]
    for text in (f"monotone({name})", "positive()", f"convex({name})")[case % 2 : case % 2 + 2]:
        found = verify(model, text, box=box, effort=1)
        verdict = check(model, json.loads(found.to_json()))
        assert verdict, (text, found.status, verdict.reason)


def changed(content: dict[str, Any], draw: np.random.Generator) -> bool:
    """One change in place; returns whether what it says is then wrong, whatever its seal."""
    claim = content["claims"][int(draw.integers(len(content["claims"])))]
    key = str(
        draw.choice(
            [*claim, "outer model", "outer status", "outer box", "outer axioms", "outer claims", "outer seconds"]
        )
    )
    if key == "outer model":
        content["model"] = content["model"][::-1]
    elif key == "outer status":
        content["status"] = "refuted" if content["status"] != "refuted" else "proved"
    elif key == "outer box":
        pair = content["box"][str(draw.choice(list(content["box"])))]
        pair[int(draw.integers(2))] *= 0.5
    elif key == "outer axioms":
        content["axioms"].append("positive()")
    elif key == "outer claims":
        content["claims"].pop()
    elif key == "outer seconds":
        content["seconds"] += 1
        return False
    elif key == "bound":
        claim["bound"] = 1e3
    elif key in ("tolerance", "least"):
        claim[key] = 1.0 + (float(claim[key]) if claim[key] != "inf" else 0.0)
        return key == "tolerance"
    elif key in ("lo", "hi"):
        claim[key][int(draw.integers(2))] += 0.125
    elif key == "tree":
        claim["tree"] = claim["tree"] + "."
    elif key == "counterexample":
        point = claim["counterexample"]
        claim["counterexample"] = dict.fromkeys(point, 5.0) if point else dict.fromkeys(claim["names"], 0.0)
    elif key == "value":
        claim["value"] = "-123.5"
    elif key == "status":
        claim["status"] = "unknown" if claim["status"] != "unknown" else "proved"
    elif key == "method":
        claim["method"] = "formula" if claim["method"] != "formula" else "point"
    elif key == "names":
        claim["names"] = claim["names"][::-1]
    elif key == "boxes":
        claim["boxes"] += 1
        return False
    else:  # texts
        claim[key] += " "
        return key != "reason"
    return True


def tampered(count: int, seed: int) -> tuple[int, int, int]:
    """How many changed certificates are rejected; how many of those that lie and were sealed anew, and of how many."""
    draw = np.random.default_rng(seed)
    rejected = sealed = sealed_rejected = 0
    for _ in range(count):
        model, content = pool()[int(draw.integers(len(pool())))]
        content = json.loads(json.dumps(content))
        lies = changed(content, draw)
        rejected += not check(model, content)
        if lies:
            sealed += 1
            content.pop("seal")
            content["seal"] = seal(content)
            sealed_rejected += not check(model, content)
    return rejected, sealed_rejected, sealed


def test_changed_certificates_are_rejected_sealed_anew_or_not():
    rejected, sealed_rejected, sealed = tampered(60, 0)
    assert rejected == 60
    assert sealed_rejected == sealed > 40


@pytest.mark.slow
def test_a_thousand_changed_certificates_are_rejected():
    rejected, sealed_rejected, sealed = tampered(1000, 1)
    assert (rejected, sealed_rejected) == (1000, sealed)


def test_a_certificate_is_about_one_model():
    model, content = pool()[0]
    assert check(model, content)
    verdict = check(smooth([2, 3, 1], 7), content)
    assert not verdict
    assert "digest" in verdict.reason
    assert not check(smooth([3, 3, 1], 0), content)


def test_a_leaf_that_is_missing_or_moved_is_noticed():
    model = smooth([2, 3, 1])
    top = bound(model, gap=1e-3).upper
    found = verify(model, f"bounded(upper={top + 0.01!r})")
    assert found.claims[0].method == "bounds"
    tree = found.claims[0].tree
    for text in (
        tree[:-1],
        tree + ".",
        tree.replace("a", "b", 1),
        "." if len(tree) > 1 else "a..",
        tree.replace(".", "", 1),
    ):
        content = found.to_dict()
        content["claims"][0]["tree"] = text
        content.pop("seal")
        content["seal"] = seal(content)
        verdict = check(model, content)
        # A coarser division may still be confirmed, since the checker halves boxes: then it is a proof, too.
        assert not verdict or text == "."
    assert from_dict(found.to_dict()) == found


@pytest.mark.parametrize("inputs", [64, *slow(62, 63, 70, 130)])
def test_a_right_certificate_with_faces_of_many_variables_is_accepted_and_a_wrong_one_is_not(inputs, monkeypatch):
    monkeypatch.setattr(boxes, "_MOST_BOXES", 16)  # the function is linear: halves of a wrong face are as wrong
    model = sw.KAN([inputs, 1], grid=1, base="identity", dtype=torch.float64)
    with torch.no_grad():
        model.kan_layers[0].coefficients.zero_()
        model.kan_layers[0].base_weight.fill_(1.0)
    found = verify(model, f"bounded(lower={-float(inputs)!r})")
    last, none = np.arange(inputs)[None] >= inputs - 5, np.zeros((1, inputs), dtype=bool)
    for low, high, valid in ((last, none, True), (~last, none, True), (none, last, False)):
        tree = Tree(np.full(inputs, -1.0), np.ones(inputs))
        tree.face(np.array([0]), low, high)
        tree.split(np.array([0]), np.array([0]))
        claim = replace(found.claims[0], status="proved", method="bounds", tree=tree.text(), boxes=2)
        claim = replace(claim, bound=-claim.tolerance)
        assert bool(check(model, replace(found, claims=(claim,)))) == valid
