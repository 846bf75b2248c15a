"""Models of pykan: the same outputs, the same structure, nothing executed, and what has no counterpart named."""

import itertools
import os
import pickle
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, FileError, SplineworkError
from tests.contracts.cases import seeded
from tests.families import raising

pytest.importorskip("yaml")

FOLDER = Path(__file__).parent / "data" / "pykan"
MODELS = sorted(path.stem for path in FOLDER.glob("*.npz"))
OWN = {"Own": "j0(u)"}
every_model = pytest.mark.parametrize("name", MODELS)


def compare(folder: Path, name: str) -> None:
    """The output in the files and ours are equal, in float64 to 1e-9 of their size, in float32 to its rounding."""
    saved = np.load(folder / f"{name}.npz")
    model = sw.from_pykan(folder / name, functions=OWN)
    ours = model(torch.from_numpy(saved["x"])).detach().numpy()
    assert ours.dtype == saved["y"].dtype
    assert saved["y"].std() > 1e-3
    size = np.maximum(np.abs(saved["y"]), 1.0)
    assert (np.abs(ours - saved["y"]) / size).max() <= (1e-5 if ours.dtype == np.float32 else 1e-9)


@every_model
def test_the_output_is_that_of_pykan(name):
    compare(FOLDER, name)


def test_structure_weights_and_functions_are_where_they_were():
    model = sw.from_pykan(FOLDER / "arities")
    assert model.config.shape == [3, (1, [2, 3]), 3, (2, [4]), 3, (1, 1)]  # two layers of relays, for shifted products
    masked = sw.from_pykan(FOLDER / "masked")
    state = torch.load(FOLDER / "masked_state", weights_only=True)
    assert torch.equal(masked.kan_layers[1].mask, state["act_fun.1.mask"].double())
    assert float(masked.kan_layers[1].mask[0, 0]) == 0.25
    assert float(masked.kan_layers[1].mask[1, 0]) == 0.0
    for layer, level in zip(masked.kan_layers, itertools.count()):
        assert torch.equal(layer.knots(), state[f"act_fun.{level}.grid"])
        assert torch.equal(layer.coefficients, state[f"act_fun.{level}.coef"].permute(0, 2, 1))
    fixed = sw.from_pykan(FOLDER / "symbolic")
    texts = {(each.i, each.j): each.family.text for each in fixed.kan_layers[0].functions.edges()}
    assert texts == {(0, 1): "sin(u)", (1, 1): "u**2"}
    bases = [sw.from_pykan(FOLDER / other).config.base for other in ("products", "pruned", "pruned_zero")]
    assert bases == ["identity", "silu", "none"]


def test_a_formula_compiled_by_pykan_comes_out_again():
    model = sw.from_pykan(FOLDER / "compiled")
    x = 2 * torch.rand(50, 2, generator=seeded(), dtype=torch.float64) - 1
    truth = torch.sin(x[:, :1] * x[:, 1:] + 1) + torch.exp(2 * x[:, :1])
    assert (model(x) - truth).abs().max() <= 1e-12


@every_model
def test_an_opened_model_is_saved_edited_and_trained(name, tmp_path):
    model = sw.from_pykan(FOLDER / name, functions=OWN)
    x = torch.from_numpy(np.load(FOLDER / f"{name}.npz")["x"])
    sw.save(model, tmp_path / "m.safetensors")
    assert torch.equal(sw.load(tmp_path / "m.safetensors")(x), model(x))
    widened = sw.edit.widen(model, 1) if len(model.config.nodes) > 2 else model
    assert torch.allclose(widened(x), model(x), rtol=1e-5 if x.dtype == torch.float32 else 1e-10)
    model(x).sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_functions_of_ones_own_are_given_by_name_or_edge():
    x = torch.from_numpy(np.load(FOLDER / "own_function.npz")["x"])
    truth = sw.from_pykan(FOLDER / "own_function", functions=OWN)(x)
    for functions in ({(0, 0, 1): "j0(u)"}, {"Own": torch.special.bessel_j0}, {(0, 0, 1): torch.special.bessel_j0}):
        assert torch.allclose(sw.from_pykan(FOLDER / "own_function", functions=functions)(x), truth, atol=1e-8)
    with pytest.raises(ConfigError, match=r"\(0, 0, 1, 'Own'\).*functions="):
        sw.from_pykan(FOLDER / "own_function")


def copied(tmp_path: Path, name: str = "symbolic") -> Path:
    for path in FOLDER.glob(f"{name}_*"):
        shutil.copy(path, tmp_path / path.name)
    return tmp_path / name


def test_each_of_the_names_of_its_files_will_do(tmp_path):
    stem = copied(tmp_path)
    x = torch.zeros(1, 2, dtype=torch.float64)
    first = sw.from_pykan(str(stem))(x)
    for given in (stem, f"{stem}_config.yml", Path(f"{stem}_state")):
        assert torch.equal(sw.from_pykan(given)(x), first)


def test_without_symbolic_halves_they_are_left_out_as_in_pykan(tmp_path):
    stem = copied(tmp_path)
    config = Path(f"{stem}_config.yml")
    config.write_text(config.read_text().replace("symbolic_enabled: true", "symbolic_enabled: false"))
    assert all(layer.functions is None for layer in sw.from_pykan(stem).kan_layers)


class Evil:
    """Code in a pickle."""

    def __reduce__(self):
        return (os.mkdir, ("executed",))


@pytest.mark.parametrize("save", [torch.save, lambda value, path: Path(path).write_bytes(pickle.dumps(value))])
def test_code_in_the_state_is_refused_and_not_executed(save, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stem = copied(tmp_path)
    state = torch.load(f"{stem}_state", weights_only=True)
    save({**state, "more": Evil()}, f"{stem}_state")
    with pytest.raises(FileError, match="not executed"):
        sw.from_pykan(stem)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "line",
    [
        "device: !!python/object/apply:os.mkdir [executed]",
        "device: !!python/object/new:os.mkdir [executed]",
        "device: !!python/name:os.mkdir ''",
        "device: !!python/module:antigravity ''",
        "k: !!python/object/apply:numpy._core.multiarray.scalar [[c16], !!binary AAAA]",
        "k: !!python/object/apply:numpy._core.multiarray.scalar 3",
    ],
)
def test_objects_in_the_configuration_are_refused_and_not_made(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stem = copied(tmp_path)
    config = Path(f"{stem}_config.yml")
    key = line.split(":")[0]
    kept = [each for each in config.read_text().splitlines() if not each.startswith(f"{key}:")]
    config.write_text("\n".join([*kept, line]))
    with pytest.raises(FileError, match="damaged, or holds objects"):
        sw.from_pykan(stem)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("old", "new", "error", "words"),
    [
        ("width:", "breadth:", FileError, ["width", "another version"]),
        ("k: 3", "k: 0", ConfigError, ["degree 1 to 9"]),
        ("k: 3", "k: 2", FileError, ["act_fun.0.coef", "the configuration says"]),
        ("base_fun_name: silu", "base_fun_name: mish", ConfigError, ["'mish'", "zero", "identity"]),
        (
            "base_fun_name: silu",
            "base_fun_name: !!python/object:torch.nn.modules.activation.Mish {}",
            ConfigError,
            ["'mish'"],
        ),
        ("base_fun_name: silu", "base_fun_name: !!python/object:torch.nn.modules.activation.Tanh {}", None, []),
        ("mult_arity: 2", "mult_arity: [[2], [2]]", None, []),
        ("- - sin\n", "- - sinc\n", ConfigError, ["(0, 0, 1, 'sinc')", "functions="]),
        ("- - sin\n", "- - sin\n  - sin\n", FileError, ["symbolic.funs_name.0"]),
        ("- - 3\n", "- - 4\n", FileError, ["act_fun.0.coef"]),
        ("- - 3\n", "- - -3\n", FileError, ["width"]),
        ("- - 3\n", "- - many\n", FileError, ["width"]),
        ("grid_eps: 0.02", "grid_eps: none", FileError, ["grid_eps"]),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused_by_name(old, new, error, words, tmp_path):
    stem = copied(tmp_path)
    config = Path(f"{stem}_config.yml")
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new, 1))
    if error is None:
        sw.from_pykan(stem)
        return
    with raising(error, words):
        sw.from_pykan(stem)


def test_a_state_that_does_not_fit_is_refused_by_name(tmp_path):
    stem = copied(tmp_path)
    state = torch.load(f"{stem}_state", weights_only=True)
    for key, value, words in (
        ("act_fun.1.grid", None, "no 'act_fun.1.grid'"),
        ("symbolic_fun.0.affine", torch.zeros(3, 2, 5), r"shape \(3, 2, 5\)"),
        ("act_fun.0.coef", state["act_fun.0.coef"] * torch.nan, "not finite"),
        ("act_fun.0.mask", torch.ones(2, 3, dtype=torch.int64), "act_fun.0.mask"),
    ):
        changed = {k: v for k, v in {**state, key: value}.items() if v is not None}
        torch.save(changed, f"{stem}_state")
        with pytest.raises(FileError, match=words):
            sw.from_pykan(stem)
    torch.save([1.0], f"{stem}_state")
    with pytest.raises(FileError, match="holds list"):
        sw.from_pykan(stem)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FileError, match=r"there is no .*none_config.yml"):
        sw.from_pykan(tmp_path / "none")
    stem = copied(tmp_path)
    Path(f"{stem}_state").unlink()
    with pytest.raises(FileError, match=r"there is no .*symbolic_state"):
        sw.from_pykan(stem)
    Path(f"{stem}_config.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match="not a text"):
        sw.from_pykan(stem)


def refused(stem: Path) -> str:
    """The message of the error, or the name of the model that was opened."""
    try:
        sw.from_pykan(stem, functions=OWN)
    except SplineworkError as error:
        return str(error)
    return stem.name


def test_files_damaged_at_random_are_opened_or_refused(tmp_path):
    """Whatever bytes change, the result is a model or an error that says which file it is."""
    generator = np.random.default_rng(0)
    for name in ("symbolic", "pruned"):
        stem = copied(tmp_path, name)
        for path in (Path(f"{stem}_config.yml"), Path(f"{stem}_state")):
            whole = path.read_bytes()
            for trial in range(40):
                changed = bytearray(whole[: int(generator.integers(len(whole)))] if trial % 4 == 0 else whole)
                for at in generator.integers(max(len(changed), 1), size=3 if len(changed) else 0):
                    changed[at] = int(generator.integers(256))
                path.write_bytes(changed)
                message = refused(stem)
                assert any(word in message for word in (name, "functions=", "degree"))
            path.write_bytes(whole)


@pytest.mark.slow
def test_models_made_by_pykan_now_have_its_outputs(tmp_path):
    """pykan itself, in an environment of its own, makes the models anew."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    needs = ["pykan==0.2.8", "torch", "numpy", "sympy", "scikit-learn", "pyyaml", "matplotlib", "pandas", "tqdm"]
    plain = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *needs], env=plain, capture_output=True, text=True, timeout=1500
    )
    if installed.returncode:
        pytest.skip(f"no environment with pykan here: {installed.stderr[-300:]}")
    made = tmp_path / "made"
    made.mkdir()
    script = Path(__file__).parent / "pykan_models.py"
    done = subprocess.run([python, script, made], env=plain, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    names = sorted(path.stem for path in made.glob("*.npz"))
    assert names == MODELS
    for name in names:
        compare(made, name)
    assert sys.modules.get("kan") is None


MULTKAN = """
forward to fit reg get_reg get_params disable_symbolic_in_fit update_grid update_grid_from_samples refine speed
saveckpt loadckpt initialize_from_another_model initialize_grid_from_another_model copy rewind checkout log_history
history get_act get_fun get_range n_edge n_sum n_mult width_in width_out evaluate plot set_mode fix_symbolic
unfix_symbolic unfix_symbolic_all suggest_symbolic auto_symbolic symbolic_formula prune prune_node prune_edge
prune_input remove_edge remove_node attribute node_attribute feature_score feature_interaction expand_width
expand_depth perturb module swap auto_swap auto_swap_l connection_cost tree
"""
"""The public methods of `MultKAN` in pykan 0.2.8."""


def test_every_public_method_of_pykan_is_on_the_page_and_its_error_says_what_to_write():
    page = (Path(__file__).resolve().parents[2] / "docs" / "from-pykan.md").read_text(encoding="utf-8")
    model = sw.KAN([2, 1])
    for name in MULTKAN.split():
        assert f"`{name}`" in page
        if not hasattr(torch.nn.Module, name):
            with pytest.raises(AttributeError, match="write "):
                getattr(model, name)
