"""What `import splinework` costs, and what names it gives."""

import json
import subprocess
import sys

import pytest

HEAVY = (
    "scipy",
    "sklearn",
    "sympy",
    "matplotlib",
    "pandas",
    "polars",
    "pyarrow",
    "rich",
    "click",
    "safetensors",
    "triton",
)

SCRIPT = """
import json, sys
import torch
before = set(sys.modules)
import splinework
brought = sorted(set(sys.modules) - before)
import splinework.trace, splinework.scores, splinework.checkpoint  # some are named like a verb
verbs = {name: callable(getattr(splinework, name)) for name in ("trace", "attribution", "save", "load")}
json.dump({"brought": brought, "verbs": verbs, "names": dir(splinework), "all": splinework.__all__}, sys.stdout)
"""


@pytest.fixture(scope="module")
def report() -> dict:
    """What a fresh interpreter sees."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_importing_brings_nothing_heavier_than_torch(report):
    roots = {name.split(".")[0] for name in report["brought"]}
    assert "splinework" in roots
    assert not roots & set(HEAVY)


def test_importing_brings_little_at_all(report):
    ours = {name for name in report["brought"] if name.split(".")[0] == "splinework"}
    assert {name.split(".")[1] for name in ours if "." in name} == {"errors"}
    assert len(set(report["brought"]) - ours) < 30  # a handful of the standard library's


def test_a_verb_stays_a_verb_when_its_module_is_imported(report):
    assert report["verbs"] == {"trace": True, "attribution": True, "save": True, "load": True}


def test_every_public_name_is_listed_by_dir(report):
    assert set(report["all"]) <= set(report["names"])


def test_an_unknown_name_is_an_attribute_error():
    import splinework

    with pytest.raises(AttributeError, match=r"'splinework' has no attribute 'symbolise'"):
        _ = splinework.symbolise
    assert splinework.trace is not None
    from splinework.trace import trace

    assert splinework.trace is trace


def test_the_version_is_the_installed_one():
    from importlib.metadata import PackageNotFoundError, version

    import splinework

    try:
        installed = version("splinework")
    except PackageNotFoundError:
        pytest.skip("run from a tree that is not installed")
    assert splinework.__version__ == installed


def test_the_backends_can_be_chosen_at_once():
    script = "import splinework as sw; sw.kernels.use('reference'); print(sw.kernels.active())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["reference"]
