"""A file that is not ours, or not whole: a FileError that says so, and never another exception."""

import itertools
import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save as to_bytes

from splinework.errors import ConfigError, FileError
from splinework.nn.checkpoint import FORMAT_VERSION, load, read_header, save
from splinework.nn.network import KAN
from splinework.nn.shaping import Shaping
from tests.contracts.cases import normal
from tests.families import raising
from tests.nn.edge_function_cases import mixed
from tests.nn.test_checkpoint import example


@pytest.fixture
def saved(tmp_path) -> Path:
    path = tmp_path / "model.safetensors"
    save(example(), path)
    return path


def with_header(path: Path, header: object, tensors: dict[str, torch.Tensor] | None = None) -> Path:
    """A file with that header and the tensors of a good model, or others."""
    text = header if isinstance(header, str) else json.dumps(header)
    path.write_bytes(to_bytes(numbers_of(example()) if tensors is None else tensors, metadata={"splinework": text}))
    return path


def numbers_of(model: KAN) -> dict[str, torch.Tensor]:
    return {key: value.detach() for key, value in model.state_dict().items()}


def header_of(model: KAN, **changed: object) -> dict[str, Any]:
    return {"format": 1, "version": "0", "config": json.loads(json.dumps(model.config.to_dict())), **changed}


@pytest.mark.parametrize("share", [k / 20 for k in range(20)])
def test_a_truncated_file_is_refused(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FileError, match=r"model.safetensors"):
        load(saved)


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 100])
def test_a_file_that_lacks_or_has_a_few_bytes_more_is_refused(saved, cut):
    content = saved.read_bytes()
    for wrong in (content[:-cut], content + b"\0" * cut, content[:cut]):
        saved.write_bytes(wrong)
        with pytest.raises(FileError):
            load(saved)


def loaded_or_refused(path: Path) -> KAN | None:
    """The model, or None where there is a FileError; any other error comes through."""
    try:
        return load(path)
    except FileError:
        return None


QUIETLY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUIETLY
@given(content=st.binary(max_size=300))
def test_random_bytes_are_refused(tmp_path, content):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(FileError):
        load(path)


@QUIETLY
@given(data=st.data())
def test_a_flipped_byte_gives_a_model_or_a_file_error(saved, data):
    content = bytearray(saved.read_bytes())
    copy = saved.with_name("flipped.safetensors")
    (length,) = struct.unpack("<Q", content[:8])
    index = data.draw(st.integers(0, 8 + length + 20))
    content[index] ^= data.draw(st.integers(1, 255))
    copy.write_bytes(content)
    assert isinstance(loaded_or_refused(copy), KAN | None)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.sampled_from([10**9, 10**30, -1, 1e308, float("nan"), float("inf")]),
    st.floats(),
    st.sampled_from(["", "ab", "bspline", "fourier", "linear", "log", "none", "\ud800"]),
    st.text(max_size=3),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "grid", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Every place inside nested lists and dicts."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *itertools.chain.from_iterable(places(v, (*path, k)) for k, v in inner)]


PLACES = places({"format": 1, "version": "0", "config": json.loads(json.dumps(example().config.to_dict()))})


@settings(parent=QUIETLY, max_examples=300)
@given(place=st.sampled_from(PLACES), value=JSON, remove=st.integers(0, 9))
@pytest.mark.slow
def test_whatever_stands_in_the_header_gives_a_working_model_or_a_file_error(tmp_path_factory, place, value, remove):
    header = {"format": 1, "version": "0", "config": json.loads(json.dumps(example().config.to_dict())), "notes": {}}
    if not place:
        header = value
    else:
        inside = header
        for step in place[:-1]:
            inside = inside[step]
        if remove == 0:
            del inside[place[-1]]
        else:
            inside[place[-1]] = value
    path = with_header(tmp_path_factory.getbasetemp() / "fuzzed.safetensors", header)
    model = loaded_or_refused(path)
    assert model is None or model(normal(3, 2)).shape == (3, 2)  # what is let in, works


@pytest.mark.parametrize("header", ["{", "nonsense", "[]", "3", "null", '"text"', "[" * 100_000, '{"format": 1}', "{}"])
def test_a_header_that_is_no_model_is_refused(tmp_path, header):
    with pytest.raises(FileError):
        load(with_header(tmp_path / "m.safetensors", header))


@pytest.mark.parametrize(
    "nodes",
    [[[10**9, []], [1, [2, 3]], [2, []]], [[2, []], [1, [2, 10**9]], [2, []]], [[2, []], [10**12, []], [2, []]]],
)
def test_a_header_cannot_make_us_reserve_more_than_the_file_holds(tmp_path, nodes):
    config = json.loads(json.dumps(example().config.to_dict()))
    config["nodes"] = nodes
    for key in ("input_names", "output_names", "input_scales", "output_scales"):
        config[key] = []
    with pytest.raises(FileError, match=r"inconsistent.*shape"):
        load(with_header(tmp_path / "m.safetensors", {"format": 1, "version": "0", "config": config}))
    config = json.loads(json.dumps(example().config.to_dict()))
    config["bases"][0]["grid"] = 10**9
    with pytest.raises(FileError, match=r"inconsistent.*shape"):
        load(with_header(tmp_path / "m.safetensors", {"format": 1, "version": "0", "config": config}))


@pytest.mark.parametrize("change", ["missing", "extra", "shape", "whole numbers", "none", "grid"])
def test_tensors_that_do_not_fit_the_header_are_refused(tmp_path, change):
    model = example()
    tensors = {key: value.detach() for key, value in model.state_dict().items()}
    if change == "missing":
        del tensors["layers.1.mask"]
    elif change == "extra":
        tensors["layers.2.mask"] = torch.ones(1)
    elif change == "shape":
        tensors["layers.0.spline_weight"] = torch.ones(7, 7)
    elif change == "whole numbers":
        tensors = {key: value.nan_to_num().long() for key, value in tensors.items()}
    elif change == "none":
        tensors = {}
    elif change == "grid":
        tensors["layers.0.grid"] = tensors["layers.0.grid"][:, :-1].contiguous()
    header = {"format": 1, "version": "0", "config": model.config.to_dict()}
    with pytest.raises(FileError, match=r"inconsistent"):
        load(with_header(tmp_path / "m.safetensors", header, tensors))


def test_each_part_of_a_config_that_does_not_fit_is_named(tmp_path):
    path, model = tmp_path / "m.safetensors", mixed()
    whole = header_of(model)
    load(with_header(path, whole, numbers_of(model)))
    for change in (lambda bases: bases.append(bases[0]), lambda bases: bases.pop()):
        wrong = json.loads(json.dumps(whole))
        change(wrong["config"]["bases"])
        with pytest.raises(
            FileError, match=f"2 layers of edges need as many bases, got {len(wrong['config']['bases'])}"
        ):
            load(with_header(path, wrong, numbers_of(model)))
    for index, change in itertools.product((0, 1), (-1, 1)):
        wrong = json.loads(json.dumps(whole))
        wrong["config"]["bases"][index]["grid"] += change
        with pytest.raises(FileError, match=f"layer {index} should have coefficients of shape"):
            load(with_header(path, wrong, numbers_of(model)))
        wrong = json.loads(json.dumps(whole))
        (held,) = (family["spline"] for family in wrong["config"]["functions"][index] if family["spline"])
        for size in (held[0]["grid"] + 2 * change, 10**9):
            held[0]["grid"] = size
            with pytest.raises(
                FileError, match=f"layer {index} holds splines of .* functions with coefficients of shape"
            ):
                load(with_header(path, wrong, numbers_of(model)))


def test_numbers_and_rules_of_edges_that_no_network_has_are_refused(tmp_path):
    path, model = tmp_path / "m.safetensors", KAN([2, 1], base="none", dtype=torch.float64)
    model.kan_layers[0].shape(Shaping.none(2, 1))
    load(with_header(path, header_of(model), numbers_of(model)))
    (flags,) = (key for key in model.state_dict() if key.endswith("flags"))
    for numbers, said in (
        ({flags: torch.full((2, 1), 17)}, "these shapes of an edge are incompatible: increasing, even"),
        ({key: value.int() for key, value in numbers_of(model).items()}, "numbers of a network are of a dtype"),
    ):
        with pytest.raises(FileError, match=said):
            load(with_header(path, header_of(model), {**numbers_of(model), **numbers}))


def test_a_device_that_is_not_there_is_refused_before_the_file_is_read(tmp_path):
    with pytest.raises(ConfigError, match="'cuda:99' is not there"):
        load(tmp_path / "nowhere", device="cuda:99")


@pytest.mark.parametrize("number", [None, "1", 1.5, [], FORMAT_VERSION + 1])
def test_a_format_that_is_no_number_up_to_the_newest_is_refused(tmp_path, number):
    path = tmp_path / "m.safetensors"
    for known in (1, FORMAT_VERSION):
        load(with_header(path, header_of(example(), format=known)))
    with pytest.raises(FileError, match="has format"):
        load(with_header(path, header_of(example(), format=number)))


def test_a_newer_format_is_refused_with_both_numbers_and_the_way_out(tmp_path):
    header = {"format": FORMAT_VERSION + 1, "version": "9.9.9", "config": {}}
    with raising(FileError, (f"format {FORMAT_VERSION + 1}", "9.9.9", f"up to {FORMAT_VERSION}", "Upgrade splinework")):
        load(with_header(tmp_path / "m.safetensors", header))


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "other"
    path.write_bytes(to_bytes({"weight": torch.ones(3)}))
    with pytest.raises(FileError, match=r"not one of splinework's"):
        load(path)
    torch.save({"weight": torch.ones(3)}, path)
    with pytest.raises(FileError, match=r"not a whole safetensors file"):
        load(path)
    for content in (b"", b"a,b\n1,2\n", "größe;µ\n".encode("latin-1")):
        path.write_bytes(content)
        with pytest.raises(FileError, match=r"not a whole safetensors file"):
            load(path)


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(FileError, match=r"is a folder.*model\.safetensors"):
        load(tmp_path)
    with pytest.raises(FileError, match=r"there is no file .*nowhere"):
        load(tmp_path / "nowhere")
    for wrong, said in (
        ("bad\0name", "cannot read .*null"),
        ("x" * 5000, "cannot read .*long"),
        (os.devnull, "regular"),
    ):
        with pytest.raises(FileError, match=said):
            load(wrong)
    with pytest.raises(OSError, match=r"no file"):  # also the builtin of its kind
        read_header(tmp_path / "nowhere")
