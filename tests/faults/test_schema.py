"""Every field of every file has a type: a value of another type is refused where the file is read, wherever it stands."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import splinework as sw
from splinework.data import RECIPES, from_dict, to_dict
from splinework.data.suites import suite_set
from splinework.errors import SplineworkError
from splinework.hardware.folders import read_marker
from splinework.hardware.golden import digest_of, read_golden
from splinework.hardware.golden import to_dict as golden_dict
from splinework.knowledge.axioms.verify.certificate import from_dict as certificate_from
from splinework.knowledge.axioms.verify.certificate import seal
from splinework.nn.config import config_from_dict
from splinework.nn.frame import Frame, frame_from_dict
from splinework.splines.bases import basis_from_dict
from splinework.tabular import load
from tests.fuzz.changes import joined_safetensors, split_safetensors
from tests.fuzz.subjects import certificates, estimators
from tests.hardware.cases import random_model


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values; of a list the first item stands for all."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else list(enumerate(value))[:1] if isinstance(value, list) else ()
    for key, each in items:
        yield from places(each, (*path, key))


def replaced(whole: Any, path: tuple[Any, ...], value: Any) -> Any:
    found = copy.deepcopy(whole)
    holder = found
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return found


def of_other_type(value: Any) -> list[Any]:
    """Values of other JSON types than this one."""
    kinds: list[Any] = [True, "x", None, [["x"]], {"x": "x"}, 0.5]
    if isinstance(value, float) or value in ("inf", "-inf", "nan"):
        kinds.remove(0.5)
    return [kind for kind in kinds if type(kind) is not type(value)]


def _golden(tmp_path: Path, content: Any) -> None:
    (tmp_path / "g.json").write_text(json.dumps({**content, "digest": digest_of(content)}))
    read_golden(tmp_path / "g.json")


def _marker(tmp_path: Path, content: Any) -> None:
    (tmp_path / "artefact.json").write_text(json.dumps(content))
    read_marker(tmp_path)


def _estimator(tmp_path: Path, content: Any) -> None:
    header, metadata, tensors = split_safetensors(estimators()[1])
    metadata["splinework"]["notes"]["estimator"] = content
    (tmp_path / "e").write_bytes(joined_safetensors(header, metadata, tensors))
    load(tmp_path / "e")


def _certificate(tmp_path: Path, content: Any) -> None:
    certificate_from({**content, "seal": seal(content)})


def is_refused(read: Any, folder: Path, content: Any) -> bool:
    try:
        read(folder, content)
    except SplineworkError:
        return True
    return False


FRAME = Frame(("u",), ("u+1",), ("y",), ("z1",), ((0, 1),), ((0, "u", 0.5),))
FILES: dict[str, tuple[Any, Any]] = {
    "config": (lambda: sw.KAN([2, (1, 1), 1], names=["a", "b"]).config.to_dict(), lambda _, v: config_from_dict(v)),
    "basis": (lambda: {"name": "gaussian_rbf", "centres": 4, "width": 1.5}, lambda _, v: basis_from_dict(v)),
    "frame": (FRAME.to_dict, lambda _, v: frame_from_dict(v)),
    "recipe": (lambda: to_dict(suite_set("nguyen:1")), lambda _, v: from_dict(v, RECIPES)),
    "golden": (lambda: golden_dict(random_model(0)), _golden),
    "marker": (
        lambda: {
            "format": "splinework-artefact/1",
            "kind": "mcu",
            "name": "n",
            "version": "1",
            "files": ["a"],
            "details": {},
        },
        _marker,
    ),
    "estimator": (lambda: split_safetensors(estimators()[1])[1]["splinework"]["notes"]["estimator"], _estimator),
    "certificate": (lambda: {k: v for k, v in certificates()[1].items() if k != "seal"}, _certificate),
}
FREE = {
    "estimator": ("parameters", "ranges_of_columns", "residuals", "task", "levels"),
    "certificate": ("counterexample",),
    "recipe": ("design", "name"),
    "config": ("input_names", "output_names", "axioms"),
}
"""Fields whose values have several types, or are names of anything."""


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_a_value_of_another_type_anywhere_is_refused(name, tmp_path):
    content, read = FILES[name]
    whole = json.loads(json.dumps(content()))
    read(tmp_path, whole)
    tried = 0
    for path in places(whole):
        if set(path) & set(FREE.get(name, ())):
            continue
        old = whole
        for key in path:
            old = old[key]
        for value in of_other_type(old):
            tried += 1
            assert is_refused(read, tmp_path, replaced(whole, path, value)), (path, value)
    assert tried > 5


@pytest.mark.parametrize("number", range(5))
def test_estimators_of_every_kind_come_back_from_their_files(number, tmp_path):
    (tmp_path / "e").write_bytes(estimators()[number])
    again = load(tmp_path / "e")
    again.save(tmp_path / "f")
    load(tmp_path / "f").save(tmp_path / "g")
    assert (tmp_path / "f").read_bytes() == (tmp_path / "g").read_bytes()
    first, second = (split_safetensors((tmp_path / name).read_bytes()) for name in "ef")
    assert (first[0], first[2]) == (second[0], second[2])
    old, new = (each[1]["splinework"]["notes"]["estimator"] for each in (first, second))
    assert {key: new[key] for key in old} == old
