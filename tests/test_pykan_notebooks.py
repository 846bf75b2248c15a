"""Every notebook of pykan's folders API, Example, Interp and Physics has a script, and the script reaches its result."""

import json

import pytest

from examples.pykan import run

NOTEBOOKS = run.notebooks()
NUMBERS = {
    "API": "1 2 3 4 5 6 7 8 9 10 11 12",
    "Example": "1 3 4 5 6 7 8 9 10 11 12 13 14 15",
    "Interp": "1 2 3 4 5 6 8 9 10 10A 10B 11",
    "Physics": "1 2A 2B 3 4A 4B 4C",
}
"""Numbers of the notebooks in the folder `tutorials` of pykan 0.2.8, besides hellokan."""


def test_every_notebook_has_one_script():
    names = ["_".join(each.name.split("_")[:2]) for each in NOTEBOOKS if each.name != "hellokan"]
    assert sorted(names) == sorted(
        f"{folder}_{number}" for folder, numbers in NUMBERS.items() for number in numbers.split()
    )
    assert sum(each.name == "hellokan" for each in NOTEBOOKS) == 1


def test_every_script_is_for_a_notebook():
    scripts = {path.stem for path in run.FOLDER.glob("*.py")} - {"common", "run", "__init__"}
    assert {f"pykan/{name}" for name in scripts} <= {each.script for each in NOTEBOOKS}


def test_the_table_is_that_of_the_results_and_every_result_is_reached():
    results = json.loads(run.RESULTS.read_text("utf-8"))
    assert run.page(results) == run.PAGE.read_text("utf-8")
    assert set(results) <= {each.script for each in NOTEBOOKS}
    assert [script for script, result in results.items() if not result["reached"]] == []
    assert sum(result["seconds"] for result in results.values()) < 20 * 60


def test_a_script_that_misses_its_result_is_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "FOLDER", tmp_path / "pykan")
    (tmp_path / "pykan").mkdir()
    for name, line in (("good", "print('half')\nassert 1 < 2"), ("bad", "print('half')\nassert 2 < 1, 'too large'")):
        (tmp_path / "pykan" / f"{name}.py").write_text(
            f'"""About {name}.\n\npykan\'s API_1_{name}: RMSE 1\n"""\n{line}\n'
        )
    assert [(each.name, each.theirs, each.about) for each in run.notebooks()] == [
        ("API_1_bad", "RMSE 1", "About bad"),
        ("API_1_good", "RMSE 1", "About good"),
    ]
    good, bad = run.run("pykan/good"), run.run("pykan/bad")
    assert (good["reached"], good["said"]) == (True, "half")
    assert (bad["reached"], bad["said"]) == (False, "AssertionError: too large")
    assert "| yes |" in run.table({"pykan/good": good})
    assert "not run" in run.table({"pykan/good": good})


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted({each.script for each in NOTEBOOKS if each.script.startswith("pykan/")}))
def test_a_script_reaches_the_result_of_its_notebook(script):
    found = run.run(script)
    assert found["reached"], found["said"]
