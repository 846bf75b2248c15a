"""`splinework hardware`: what is typed, what is read from a model's file and a table, what is refused, how it ends."""

import json
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import torch

from splinework.cli.fitted import ModelFile
from splinework.cli.hardware import TABLE, hardware
from splinework.cli.hardware.options import ArtefactArguments, QuantisationArguments
from splinework.cli.hardware.rows import material
from splinework.errors import ConfigError, DataError
from splinework.hardware import tools
from splinework.nn.checkpoint import save
from splinework.nn.network import KAN
from splinework.tabular import KANClassifier, KANRegressor
from splinework.tabular.tables import read_table
from tests.cli.stand_in import refused, tree

BUILDERS = ("fpga", "mcu", "analog")


def order(**changes: object) -> ArtefactArguments:
    """An order with nothing unusual in it."""
    usual: dict[str, object] = {
        **{"model": "m", "data": "d", "out": "o", "target": None, "task": "auto", "name": None},
        **{"hidden": None, "shape": None, "test_fraction": None},
        **{"seed": 0, "quiet": False, "as_json": False},
    }
    return ArtefactArguments(**(usual | changes))  # type: ignore[arg-type]


@pytest.fixture
def net(folder: Path) -> str:
    """A network y(a, b), saved by hand, and d.csv."""
    torch.manual_seed(0)
    model = KAN([2, 1], names=["a", "b"], output_names=["y"], dtype=torch.float64)
    save(model, "net.safetensors")
    x = np.random.default_rng(0).uniform(-1, 1, (60, 2))
    with torch.no_grad():
        y = model(torch.as_tensor(x))[:, 0].numpy()
    pd.DataFrame({"b": x[:, 1], "a": x[:, 0], "y": y, "kind": np.where(y > np.median(y), "hot", "cold")}).to_csv(
        "d.csv", index=False
    )
    return "net.safetensors"


# --------------------------------------------------------------------------------------------- the words themselves


@pytest.mark.parametrize("name", TABLE)
def test_every_command_explains_itself_with_an_example(run, name):
    result = run("hardware", name, "--help")
    assert result.exit_code == 0
    assert f"Usage: splinework hardware {name}" in result.stdout
    for text in ("Example", "--debug", "--config FILE.toml", "exit code"):
        assert text in " ".join(result.stdout.split())
    command = hardware.get_command(click.Context(hardware), name)  # type: ignore[attr-defined]
    assert command is not None
    assert command.get_short_help_str(200) == TABLE[name]


def test_alone_it_shows_what_there_is_and_a_slip_is_met(run):
    result = run("hardware")
    assert result.exit_code == 2
    for name, text in TABLE.items():
        assert name in result.stderr
        assert text in result.stderr
    assert "did you mean 'fpga'" in run("hardware", "fpg").stderr
    assert run("hardware", "mcu").exit_code == 2
    assert "--data" in run("hardware", "mcu", "m", "--out", "o").stderr


def test_options_come_from_a_file_and_the_environment_too(run, folder, monkeypatch):
    (folder / "run.toml").write_text('data = "d.csv"\nout = "o"\n[mcu]\nbits = 5\nprocessor = ["gcc", "clang"]\n')
    monkeypatch.setenv("SPLINEWORK_HARDWARE_MCU_SEED", "7")
    result = run("hardware", "mcu", "m", "--config", "run.toml", "--print-config")
    assert result.exit_code == 0, result.output
    for line in ("[mcu]", 'bits = "5"', "seed = 7", 'processor = ["gcc", "clang"]', 'out = "o"'):
        assert line in result.stdout.splitlines()


def test_files_are_offered_to_the_shell(run):
    from tests.cli.test_completion import offered

    assert offered("hardware", "") == [f"plain,{name}" for name in TABLE]
    assert offered("hardware", "mcu", "mo") == ["file,mo"]
    assert offered("hardware", "fpga", "m", "--data", "da") == ["file,da"]
    assert offered("hardware", "check", "ou") == ["file,ou"]
    assert offered("hardware", "fpga", "--technology", "ic") == ["plain,ice40", "plain,ice40-up5k"]


@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        (["mcu", "--bits", "wide"], ["--bits takes a number from 1 to 12, or auto; got 'wide'"]),
        (["mcu", "--bits", "13"], ["1 to 12"]),
        (["mcu", "--bits", "auto", "--method", "calibrate"], ["--bits auto tries several widths in training"]),
        (["mcu", "--max-luts", "9", "--method", "calibrate"], ["--max-luts and --max-loss choose among the networks"]),
        (["mcu", "--max-luts", "-1"], ["--max-luts takes a number above 0"]),
        (["mcu", "--max-loss", "2"], ["--max-loss takes a share"]),
        (["mcu", "--hidden", "3", "--shape", "2,1"], ["--shape and --hidden both determine"]),
        (["mcu", "--shape", "two"], ["--shape is the number of nodes"]),
        (["mcu", "--name", "my net"], ["--name takes letters"]),
        (["mcu", "--test-fraction", "1"], ["--test-fraction takes a share"]),
        (["mcu", "--data", "m.safetensors"], ["the model comes first"]),
        (["fpga", "--mhz", "200", "--max-cycles", "3"], ["--mhz chooses the depth"]),
        (["fpga", "--mhz", "0"], ["above 0"]),
        (["fpga", "--technology", "z80"], ["'xcup', 'ecp5'"]),
        (["analog", "--max-elements", "1"], ["2<=x<=64"]),
        (["analog", "--out", "d.csv"], ["d.csv is a file"]),
        (["mcu", "--out", "d.csv/o"], ["is a file; name another folder"]),
        (["mcu", "--out", "."], ["not empty", "d.csv"]),
    ],
)
def test_what_is_typed_wrong_is_refused_before_anything_is_loaded(run, net, folder, words, fragments):
    command, *options = words
    given = {"--data": "d.csv", "--out": "o"} | dict(zip(options[::2], options[1::2], strict=False))
    pairs = [word for pair in given.items() for word in pair]
    refused(run("hardware", command, net if "m.safetensors" not in options else "d.csv", *pairs), *fragments)


@pytest.mark.parametrize("command", BUILDERS)
def test_missing_programs_are_told_before_anything_is_read(run, folder, monkeypatch, command):
    monkeypatch.setattr(tools, "find", lambda program: None)
    result = run("hardware", command, "none.safetensors", "--data", "none.csv", "--out", "o")
    refused(result, "not installed here; install: make hardware-tools", "apt-get install")
    assert tree(folder) == {}


def test_check_wants_an_artefact(run, folder):
    refused(run("hardware", "check", "none"), "there is no folder none")
    (folder / "empty").mkdir()
    refused(run("hardware", "check", "empty"), "has no artefact.json")


# ---------------------------------------------------------------------------------------- from a file and a table


def test_rows_of_a_network_come_by_name_in_any_order(net):
    fitted, table = ModelFile(net), read_table("d.csv")
    found = material(fitted, table, order())
    frame = pd.read_csv("d.csv")
    assert (found.task, found.classes, len(found.x), len(found.test[0])) == ("regression", None, 48, 12)
    both = np.concatenate([np.column_stack([found.x, found.y]), np.column_stack([*found.test])])
    assert {tuple(row) for row in both} == {tuple(row) for row in frame[["a", "b", "y"]].to_numpy()}
    assert "12 rows of 60 held out" in found.notes[-1]


def test_a_network_of_logits_takes_a_column_of_classes(net):
    fitted, table = ModelFile(net), read_table("d.csv")
    found = material(fitted, table, order(target="kind"))
    assert (found.task, found.classes) == ("classification", ("cold", "hot"))
    assert set(found.y.tolist()) == {0, 1}
    frame = pd.read_csv("d.csv").assign(y=lambda d: (d.y > 0).astype(int) * 2)
    frame.to_csv("n.csv", index=False)
    numbers = material(fitted, read_table("n.csv"), order(target="y", task="classification"))
    assert numbers.classes == ("0", "2")
    save(KAN([2, 2], names=["a", "b"], output_names=["hot", "cold"]), "two.safetensors")
    assert material(ModelFile("two.safetensors"), table, order(target="kind")).classes == ("hot", "cold")


def test_rows_that_lack_a_cell_are_left_out(net):
    frame = pd.read_csv("d.csv")
    frame.loc[[3, 5], "a"] = np.nan
    frame.loc[7, "y"] = np.nan
    frame.to_csv("n.csv", index=False)
    found = material(ModelFile(net), read_table("n.csv"), order())
    assert len(found.x) + len(found.test[0]) == 57
    assert any("3 rows with empty or non-finite cells left out" in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "options", "error", "said"),
    [
        (lambda d: d.drop(columns="a"), {}, DataError, "lacks 1 of the 2 columns"),
        (lambda d: d.drop(columns="y"), {}, DataError, "no column 'y'.*--target"),
        (lambda d: d, {"target": "z"}, DataError, "no column 'z'"),
        (lambda d: d.head(0), {}, DataError, "no rows|0 rows"),
        (lambda d: d.head(5), {}, DataError, "at least"),
        (lambda d: d.assign(a=np.nan), {}, DataError, "every row"),
        (lambda d: d.assign(a="word"), {}, DataError, "must be numbers"),
        (
            lambda d: d.assign(kind=np.arange(len(d)) % 3),
            {"target": "kind", "task": "classification"},
            ConfigError,
            "3 diff",
        ),
    ],
)
def test_tables_that_do_not_do_are_told(net, change, options, error, said):
    change(pd.read_csv("d.csv")).to_csv("n.csv", index=False)
    with pytest.raises(error, match=said):
        material(ModelFile(net), read_table("n.csv"), order(**options))


@pytest.fixture(scope="module")
def estimators(tmp_path_factory) -> Path:
    """A classifier and a regressor on a table with a category, and t.csv."""
    place = tmp_path_factory.mktemp("estimators")
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"size": generator.uniform(0, 1, 80), "colour": generator.choice(["red", "blue"], 80)})
    frame["class"] = np.where(frame["size"] > 0.5, "big", "small")
    frame["mass"] = frame["size"] ** 2 + (frame["colour"] == "red")
    frame.to_csv(place / "t.csv", index=False)
    options = {"members": 1, "max_iter": 3, "hidden": 0}
    x = frame[["size", "colour"]]
    KANClassifier(**options).fit(x, frame["class"]).save(place / "c.safetensors")
    KANRegressor(**options).fit(x, frame["mass"]).save(place / "r.safetensors")
    return place


def test_rows_of_an_estimator_are_encoded_as_it_does(estimators):
    table = read_table(str(estimators / "t.csv"))
    fitted = ModelFile(str(estimators / "c.safetensors"))
    found = material(fitted, table, order())
    assert found.classes == ("big", "small")
    whole = found.model
    with torch.no_grad():
        said = whole(torch.as_tensor(found.x))[:, 0].numpy() > 0
    frame = pd.read_csv(estimators / "t.csv")
    places = dict(zip(frame["size"], fitted.estimator.predict(frame[["size", "colour"]]), strict=True))
    assert [found.classes[int(k)] for k in said] == [places[size] for size in found.x[:, 0]]
    assert any("0 or 1" in note for note in found.notes)
    regression = material(ModelFile(str(estimators / "r.safetensors")), table, order())
    assert (regression.task, regression.y.shape[1]) == ("regression", 1)
    for name, task in (("c", "regression"), ("r", "classification")):
        with pytest.raises(ConfigError, match="leave --task out"):
            material(ModelFile(str(estimators / f"{name}.safetensors")), table, order(task=task))


def test_a_class_that_nobody_has_seen_is_told(estimators):
    frame = pd.read_csv(estimators / "t.csv")
    frame.loc[4, "class"] = "huge"
    frame.to_csv(estimators / "n.csv", index=False)
    with pytest.raises(DataError, match=r"'huge' in row 5 .* not a class of the model: big, small"):
        material(ModelFile(str(estimators / "c.safetensors")), read_table(str(estimators / "n.csv")), order())


def test_the_shape_is_what_was_asked_for(net):
    found = material(ModelFile(net), read_table("d.csv"), order())
    for changes, shape in (
        ({}, "auto"),
        ({"shape": "same"}, "same"),
        ({"hidden": 0}, (2, 1)),
        ({"hidden": 4}, (2, 4, 1)),
        ({"shape": "2,3,1"}, (2, 3, 1)),
    ):
        assert found.whole_shape(order(**changes).wanted_shape) == shape
    recipe = QuantisationArguments(bits="5", hidden_bits=4, max_loss=0.1, steps=20, stages=3).recipe(
        order(seed=4), (2, 1)
    )
    assert (recipe.bits, recipe.hidden_bits, recipe.max_loss, recipe.schedule.seed, recipe.shape) == (
        5,
        4,
        0.1,
        4,
        (2, 1),
    )
    assert order(out="some/my-net 2").artefact_name == "my_net_2"


# ------------------------------------------------------------------------------------------------------ how it ends


@pytest.mark.slow
@pytest.mark.skipif(tools.find("gcc") is None, reason="needs gcc")
def test_c_is_built_verified_and_found_out_when_it_is_changed(run, net, folder):
    words = ["hardware", "mcu", net, "--data", "d.csv", "--out", "firm ware", "--vectors", "200", "--processor", "gcc"]
    made = run(*words, "--steps", "5", "--stages", "2", "--bits", "4")
    assert made.exit_code == 0, made.output
    for text in (
        "rmse: float",
        "0 mismatches",
        "open   firm ware/report.html",
        "next   splinework hardware check 'firm ware'",
    ):
        assert text in made.stdout
    for text in ("calibrating", "stage 2 of 2", "writing C"):
        assert text in made.stderr
    again = run(*words, "--method", "calibrate", "--json", "--quiet")  # over the earlier one
    assert again.exit_code == 0, again.output
    results = json.loads(again.stdout)
    assert again.stderr == ""
    assert (results["kind"], results["passed"], results["mismatches"]) == ("mcu", True, 0)
    assert results["files"]["report"] == "firm ware/report.html"
    assert json.loads(Path("firm ware/report.json").read_text())["rmse_float"] == results["rmse_float"]
    assert run("hardware", "check", "firm ware", "--quiet").output == ""
    file = folder / "firm ware" / "firm_ware.c"
    file.write_text(file.read_text().replace("{", "{\n", 1).replace(" + (uint32_t)", " - (uint32_t)", 1))
    wrong = run("hardware", "check", "firm ware", "--json", "--vectors", "200")
    assert wrong.exit_code == 1
    assert json.loads(wrong.stdout)["passed"] is False
    assert wrong.stderr.splitlines()[-1] == "error: firm ware does not equal its golden model."
    (folder / "firm ware" / "mine.txt").write_text("mine")
    refused(run(*words), "mine.txt, which would be lost")


def test_doctor_tells_of_the_programs(run, monkeypatch):
    monkeypatch.setattr(tools, "find", lambda program: None)
    text = run("doctor").stdout
    assert "ngspice" in text
    assert "install them with: make hardware-tools, or on Debian and Ubuntu: apt-get install yosys" in text
    facts = json.loads(run("doctor", "--json").stdout)
    assert set(facts["hardware"]) == set(tools.TOOLS)
    assert set(facts["hardware"].values()) == {None}
