"""What `export` takes and refuses, what it writes, and that names of columns do no harm."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import splinework as sw
from splinework.errors import ConfigError, FileError, SplineworkError
from splinework.export import TARGETS, export, target_of
from tests.export.cases import Case, distance
from tests.export.runners import COMPILER, FLAGS, needs_compiler, needs_node, run, run_js, run_python

TEXTS = [name for name, target in TARGETS.items() if target.text]
HOSTILE = (
    'a"b', "a'b", "a\\", "a\nb", "*/ int main(", '"""\nimport os', "${x}", "`x`", "</script>", "%d%s", "\\end{align*}", "# x",
    "??/", "\u2028", "\x00", "naïve µ", "😀", "\ud800", "{x}", "a" * 2000, "", " ", "class", "h", "h1_1", "x", "pi", "-->",
)  # fmt: skip


def model_of(names) -> sw.KAN:
    generator = torch.Generator().manual_seed(0)
    model = sw.KAN(
        [len(names), 1], grid=2, degree=1, base="none", names=names, generator=generator, dtype=torch.float64
    )
    return model.requires_grad_(False)


@pytest.mark.parametrize("target", TEXTS)
def test_an_export_leaves_the_model_as_it_was_and_says_the_same_twice(target):
    model = Case([2, 2, 1]).model()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert export(model, target) == export(model, target)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("target", TEXTS)
def test_files_are_written_whole_and_are_what_is_returned(target, tmp_path):
    path = tmp_path / "artefact.txt"
    path.write_text("old")
    text = export(Case([2, 1]).model(), target, path)
    assert path.read_text() == text
    assert [p.name for p in tmp_path.iterdir()] == ["artefact.txt"]


def test_nothing_is_written_where_the_export_fails(tmp_path):
    path = tmp_path / "model.tex"
    with pytest.raises(ConfigError):
        export(sw.KAN([20, 20, 1], grid=20, generator=torch.Generator()), None, path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(FileError, match="cannot write"):
        export(Case([1, 1]).model(), "c", tmp_path / "none" / "model.c")


def test_the_ending_of_a_file_says_the_target(tmp_path):
    for name, target in TARGETS.items():
        for suffix in target.suffixes:
            assert target_of(f"model{suffix}") == name
    assert "predict" in export(Case([1, 1]).model(), path=tmp_path / "m.mjs")
    with pytest.raises(ConfigError, match=r"suffix of 'm.txt'.*to="):
        export(Case([1, 1]).model(), path=tmp_path / "m.txt")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"to": "pascal"}, "exported to onnx, torch, numpy, c, js, latex, sympy; got to='pascal'"),
        ({"to": None}, "got to=None"),
        ({"to": "js", "precision": "float"}, "precision is an option of c"),
        ({"to": "c", "precision": "half"}, "float, double, got 'half'"),
        ({"to": "c", "name": "1 x"}, "name must be a letter"),
        ({"to": "c", "recognise": True}, "recognise is an option of latex and sympy"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(options, said):
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        export(Case([1, 1]).model(), **options)


def test_what_is_no_model_is_refused():
    with pytest.raises(SplineworkError, match="takes the model first, a KAN"):
        export("model.safetensors", "c")


def test_numbers_that_are_not_finite_are_refused():
    model = Case([1, 1]).model()
    with torch.no_grad():
        model.kan_layers[0].coefficients[0, 0, 0] = torch.nan
    with pytest.raises(ConfigError, match=r"layers\.0\.coefficients has entries that are not finite"):
        export(model, "numpy")
    with torch.no_grad():
        model.kan_layers[0].coefficients[0, 0, 0] = 1e300
    with pytest.raises(ConfigError, match="finite in float"):
        export(model, "c", precision="float")


def test_formulas_are_exported_by_their_own_languages(tmp_path):
    x = torch.linspace(0.5, 2, 60, dtype=torch.float64)[:, None]
    table = sw.symbolify(sw.fit(sw.KAN([1, 1], dtype=torch.float64), x, x**2, validation=None).model, x, x**2, rows=1)
    assert export(table, "excel", tmp_path / "f.txt") == table.best.export("excel")
    assert export(table.best, "c") == table.best.export("c")
    assert (tmp_path / "f.txt").read_text() == table.best.export("excel")
    with pytest.raises(ConfigError, match="a formula is exported to"):
        export(table, "onnx")


def test_names_of_the_columns_of_the_fit_are_in_the_files():
    model = Case([2, 1]).model()
    notes = {"columns": {"x1": "mass (kg)", "y": "speed"}, "ranges": {"x2": [0.5, 2.0], "x1": "broken"}}
    for target in TEXTS:
        text = export(model, target, notes=notes)
        assert "mass (kg)" in text
        assert "speed" in text
        assert "was between 0.5 and 2 " in text
    for broken in ({"columns": 3}, {"columns": {"x1": 4}}, {"ranges": [1]}, {"ranges": {"x1": [1]}}, {"x": object()}):
        export(model, "numpy", notes=broken)


def check_names(names: list[str]) -> None:
    model = model_of(names)
    x = torch.linspace(-1.5, 1.5, 3 * len(names), dtype=torch.float64).reshape(3, len(names))
    python = run_python(export(model, "numpy"))
    assert list(python["INPUTS"]) == names
    assert distance(model, x, python["predict"](x.numpy())) <= 1e-12
    expressions = run_python(export(model, "sympy"))
    assert [symbol.name for symbol in expressions["x"]] == names
    assert len({symbol for symbol, _ in expressions["steps"]} - set(expressions["x"])) == len(names)
    latex = export(model, "latex")
    assert latex.count(r"\end{align*}") == 1
    assert all(ord(c) < 128 for target in TEXTS for c in export(model, target))


def test_hostile_names_are_harmless_in_python_and_latex():
    check_names(list(HOSTILE))


@settings(max_examples=15)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=3, unique=True))
def test_any_names_are_harmless_in_python_and_latex(names):
    check_names(names)


def bytes_of(name: str) -> bytes:
    return name.encode("utf-8", "replace")[:900]


@needs_compiler
def test_hostile_names_are_harmless_in_c(tmp_path):
    model = model_of(list(HOSTILE))
    (tmp_path / "m.c").write_text(export(model, "c"))
    (tmp_path / "names.c").write_text(
        "#include <stdio.h>\n#include <string.h>\nextern const char *const model_input_names[];\n"
        f"int main(void) {{ for (int i = 0; i < {len(HOSTILE)}; i++) "
        'printf("%lu %s%c", (unsigned long)strlen(model_input_names[i]), model_input_names[i], 1); return 0; }\n'
    )
    run([COMPILER, *FLAGS, "-Wno-overlength-strings", "m.c", "names.c", "-o", "m", "-lm"], cwd=tmp_path)
    parts = run([str(tmp_path / "m")]).split(b"\x01")[:-1]
    for part, name in zip(parts, HOSTILE, strict=True):
        assert part.split(b" ", 1)[1] == bytes_of(name).split(b"\0")[0]


@needs_node
def test_hostile_names_are_harmless_in_javascript(tmp_path):
    model = model_of(list(HOSTILE))
    text = export(model, "js")
    assert "<" not in text.split("export const inputs")[1].split("\n")[0]  # nor inside a page
    x = torch.zeros(2, len(HOSTILE), dtype=torch.float64)
    got = run_js(tmp_path, {"m": text}, {"m": x.numpy()}, {"m": 1})["m"]
    assert distance(model, x, got) <= 1e-12
    (tmp_path / "names.mjs").write_text("import { inputs } from './m.mjs'; console.log(JSON.stringify(inputs));")
    names = json.loads(run(["node", "names.mjs"], cwd=tmp_path))
    assert [name.encode("utf-8", "replace") for name in names] == [name.encode("utf-8", "replace") for name in HOSTILE]


@needs_node
def test_javascript_refuses_what_is_no_row(tmp_path):
    (tmp_path / "m.mjs").write_text(export(Case([2, 1]).model(), "js"))
    for wrong in ("[1]", "null", "3", "undefined", "[1, 2, 3]"):
        code = (
            f"import {{ predict }} from './m.mjs'; try {{ predict({wrong}); }} catch (e) {{ console.log(e.message); }}"
        )
        (tmp_path / "t.mjs").write_text(code)
        assert b"predict takes an array of 2 numbers" in run(["node", "t.mjs"], cwd=tmp_path)
