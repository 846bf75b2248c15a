"""A model on disk: back to the last bit, and never half written."""

import json
import os
import pickle
import stat
import struct
from pathlib import Path

import pytest
import torch

from splinework.errors import ConfigError, FileError
from splinework.nn.checkpoint import FORMAT_VERSION, load, read_header, save
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.layer import GRID_KINDS
from splinework.nn.network import KAN
from splinework.splines.bases import BASES
from tests.contracts.cases import normal, seeded
from tests.nn.edge_function_cases import mixed

# A learnable grid needs knots.
FAMILIES = [(b, kind) for b in BASES for kind in GRID_KINDS if kind != "learnable" or b == "bspline"]
SHAPES = ([2, 3, 1], [2, (1, [2, 3]), 2])


def worn(model: KAN) -> KAN:
    """A model as it is after a life: odd numbers, masked edges with NaN, uneven grids, units."""
    with torch.no_grad():
        for seed, parameter in enumerate(model.parameters()):
            parameter.add_(0.3 * normal(*parameter.shape, seed=seed).to(parameter))
        for layer in model.kan_layers:
            sample = (normal(60, layer.inputs, seed=8) * 2 + 0.3).to(layer.grid)
            grid = layer.basis.adapt_grid(sample, sample.amin(0), sample.amax(0), 0.1)
            layer.replace_grid(layer.basis, grid, layer.edge_coefficients().detach())
        first = model.kan_layers[0]
        first.mask[0, 1] = 0.0
        first.coefficients[0, :, 1] = torch.nan
        model.input_scaling.set(*(normal(model.inputs, seed=s).abs().to(first.grid) + 0.1 for s in (1, 2)))
        model.output_scaling.set(*(normal(model.outputs, seed=s).abs().to(first.grid) + 0.1 for s in (3, 4)))
    return model


def example(**options) -> KAN:
    return worn(KAN([2, (1, [2, 3]), 2], generator=seeded(), dtype=torch.float64, **options))


def assert_same(model: KAN, other: KAN, x: torch.Tensor) -> None:
    assert other.config == model.config
    state, back = model.state_dict(), other.state_dict()
    assert state.keys() == back.keys()
    for key, value in state.items():
        assert back[key].dtype == value.dtype
        assert torch.equal(back[key].nan_to_num(7.0), value.nan_to_num(7.0))
    y, z = model(x), other(x)
    assert y.isfinite().all()
    assert torch.equal(y, z)


@pytest.fixture
def saved(tmp_path) -> Path:
    path = tmp_path / "model.safetensors"
    save(example(), path, notes={"seed": 3})
    return path


# -------------------------------------------------------------------------------------------- whole, to the bit


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("basis", "grid_kind"), FAMILIES)
def test_a_model_comes_back_to_the_last_bit(tmp_path, basis, grid_kind, shape, dtype):
    options = {"basis": basis, "grid_kind": grid_kind, "input_scales": ["log", "linear"]}
    model = worn(KAN(shape, generator=seeded(), dtype=dtype, **options))
    save(model, tmp_path / "m.safetensors")
    assert_same(model, load(tmp_path / "m.safetensors"), normal(9, 2).exp().to(dtype))


@pytest.mark.parametrize(
    "options",
    [
        {"base": "none"},
        {"bias": False},
        {"base": "sin", "init": "power", "extrapolation": "zero"},
        {"domain": (0.0, 3.0), "grid_eps": 0.2, "extrapolation": "constant"},
        {"names": ["größe µ", "a\nb"], "output_names": ["y\x00", "“z”"]},
        {"output_scales": ["log", "linear"]},
        {"grid": [3, 4], "degree": [1, 5]},
        {"basis": ["chebyshev", "bspline"]},
    ],
    ids=str,
)
def test_every_option_comes_back(tmp_path, options):
    model = example(**options)
    save(model, tmp_path / "m.safetensors")
    assert_same(model, load(tmp_path / "m.safetensors"), normal(9, 2))


def test_edges_that_are_functions_and_frames_come_back_in_the_oldest_format_that_has_them(tmp_path):
    assert FORMAT_VERSION == 2
    frame = Frame(("x", "y"), ("x*y", "y"), ("u", "v"))
    functions = [mixed(), mixed(base="none")]
    for model, number in ((example(), 1), *((model, 2) for model in functions), (FramedKAN(functions[0], frame), 2)):
        save(model, tmp_path / "m.safetensors")
        header, back = read_header(tmp_path / "m.safetensors"), load(tmp_path / "m.safetensors")
        assert (header["format"], header["notes"]) == (number, {})
        assert ("frame" in header) == isinstance(model, FramedKAN)
        if isinstance(model, FramedKAN):
            assert back.frame == model.frame
            model, back = model.network, back.network
        assert_same(model, back, normal(9, 2))


def test_a_model_with_layers_of_several_dtypes_is_read_in_the_widest(tmp_path):
    model = KAN([2, 2, 2, 2, 1], generator=seeded())
    for layer, dtype in zip(
        model.kan_layers, (torch.float32, torch.float16, torch.float64, torch.bfloat16), strict=True
    ):
        layer.to(dtype)
    save(model, tmp_path / "m.safetensors")
    own, back = model.state_dict(), load(tmp_path / "m.safetensors").state_dict()
    assert all(value.dtype == torch.float64 and torch.equal(value, own[key].double()) for key, value in back.items())


def test_a_refined_layer_comes_back(tmp_path):
    model = example()
    layer = model.kan_layers[0]
    values = layer.edge_coefficients().detach()
    grid, splines = layer.basis.refine(layer.grid, values[:, :8], 20)
    layer.replace_grid(layer.basis.with_resolution(20), grid, torch.cat([splines, values[:, 8:]], dim=1))
    save(model, tmp_path / "m.safetensors")
    assert_same(model, load(tmp_path / "m.safetensors"), normal(9, 2))


def test_a_loaded_model_is_saved_to_the_same_bytes(saved):
    model = load(saved)
    save(model, saved.with_name("again.safetensors"), notes={"seed": 3})
    assert saved.with_name("again.safetensors").read_bytes() == saved.read_bytes()


def test_frozen_and_half_precision_models_come_back(tmp_path):
    model = KAN([2, 2, 1], generator=seeded()).to(torch.bfloat16)
    save(model, tmp_path / "m.safetensors")
    back = load(tmp_path / "m.safetensors")
    assert {t.dtype for t in back.state_dict().values()} == {torch.bfloat16}
    assert all(torch.equal(v, back.state_dict()[k]) for k, v in model.state_dict().items())


def test_the_header_and_its_notes_can_be_read_alone(saved):
    header = read_header(saved)
    assert header["format"] == 1
    assert header["notes"] == {"seed": 3}
    assert header["config"] == json.loads(json.dumps(example().config.to_dict()))


def test_saving_and_loading_leave_torch_s_random_numbers_alone(saved):
    before = torch.random.get_rng_state()
    save(load(saved), saved)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_saving_changes_nothing_in_the_model(tmp_path):
    model = example()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    save(model, tmp_path / "m.safetensors")
    assert all(torch.equal(v.nan_to_num(), before[k].nan_to_num()) for k, v in model.state_dict().items())
    assert all(p.requires_grad for p in model.parameters())


def test_a_file_holds_no_pickle(saved):
    content = saved.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    assert content[8:9] == b"{"
    assert "splinework" in json.loads(content[8 : 8 + length])["__metadata__"]
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(content)


def test_a_new_file_has_the_permissions_of_any_new_file(saved):
    plain = saved.with_name("plain")
    plain.write_bytes(b"")
    assert stat.S_IMODE(saved.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


# ------------------------------------------------------------------------------------------- whole or not at all


def test_saving_where_nothing_can_be_written_is_refused_and_leaves_nothing(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "nowhere" / "m", file / "m", tmp_path / "folder", "bad\0name"):
        with pytest.raises(FileError, match=r"cannot write"):
            save(example(), place)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder"]
    assert file.read_bytes() == b"old"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_saving_into_a_folder_without_permission_is_refused(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    with pytest.raises(FileError, match=r"cannot write.*another place"):
        save(example(), folder / "m")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()], ids=repr
)
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(saved, monkeypatch, step, failure):
    old = saved.read_bytes()

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(os, step, fail)
    expected = FileError if isinstance(failure, OSError) else type(failure)
    with pytest.raises(expected) as caught:
        save(example(base="sin"), saved)
    if expected is FileError:
        assert "No space left on device" in str(caught.value)
    assert saved.read_bytes() == old
    assert list(saved.parent.iterdir()) == [saved]


def test_a_successful_write_replaces_the_old_file_and_leaves_nothing_else(saved):
    other = example(base="sin")
    save(other, saved)
    assert list(saved.parent.iterdir()) == [saved]
    assert_same(other, load(saved), normal(4, 2))


def test_notes_that_are_no_json_are_refused_before_anything_is_written(saved):
    old = saved.read_bytes()
    with pytest.raises(ConfigError, match=r"JSON values.*Tensor"):
        save(example(), saved, notes={"loss": torch.ones(1)})
    assert saved.read_bytes() == old
