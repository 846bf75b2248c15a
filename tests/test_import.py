"""What `import splinework` costs, and what names it gives: few, documented, and the same for people and for tools."""

import doctest
import inspect
import json
import pkgutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, SimpleNamespace
from zipfile import ZipFile

import pytest

import splinework as sw
from tests.families import every

ROOT = Path(__file__).resolve().parent.parent
HEAVY = (
    "torch", "numpy", "scipy", "sklearn", "sympy", "matplotlib", "pandas", "polars", "pyarrow", "rich", "click",
    "safetensors", "triton",
)  # fmt: skip

SCRIPT = """
import json, sys
before = set(sys.modules)
import splinework
brought = sorted(set(sys.modules) - before)
splinework.kernels.use("reference")
backend = splinework.kernels.active()
json.dump({"brought": brought, "backend": backend, "names": dir(splinework), "all": splinework.__all__}, sys.stdout)
"""


@pytest.fixture(scope="module")
def report() -> dict:
    """What a fresh interpreter sees."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


# ------------------------------------------------------------------------------------------------------ the cost


def test_importing_brings_nothing_heavy(report):
    roots = {name.split(".")[0] for name in report["brought"]}
    assert "splinework" in roots
    assert not roots & set(HEAVY)


def test_importing_brings_little_at_all(report):
    ours = {name for name in report["brought"] if name.split(".")[0] == "splinework"}
    assert {name.split(".")[1] for name in ours if "." in name} == {"errors"}
    assert len(set(report["brought"]) - ours) < 30  # a handful of the standard library's


# ----------------------------------------------------------------------------------------------------- the names


def test_there_are_few_public_names():
    assert len(sw.__all__) == len(set(sw.__all__)) <= 40


def test_every_public_name_is_listed_by_dir(report):
    assert set(report["all"]) <= set(report["names"])
    assert "__version__" in report["names"]
    assert len(report["names"]) == len(set(report["names"]))


def test_a_star_import_gives_the_public_names():
    space: dict[str, object] = {}
    exec("from splinework import *", space)
    assert set(space) - {"__builtins__"} == set(sw.__all__)


@every("name", sw.__all__)
def test_a_public_name_is_documented_with_an_example_that_the_tests_run(name):
    value = getattr(sw, name)
    module = sys.modules[value.__module__]
    assert value.__module__.split(".")[0] == "splinework"
    assert inspect.getdoc(value)
    found = {each.name: each for each in doctest.DocTestFinder().find(module, module.__name__)}
    assert found[f"{value.__module__}.{value.__qualname__}"].examples, f"{name} has no example"


@every("name", sw.__all__)
def test_a_public_name_is_in_the_reference(name):
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8").splitlines()
    kinds = {"class": inspect.isclass, "exception": inspect.isclass, "function": inspect.isfunction}
    entries = {line.split()[-1]: line.split()[1] for line in page if line.startswith(".. auto")}
    kind = entries[f"splinework.{name}"].removeprefix("auto").removesuffix("::")
    assert kinds[kind](getattr(sw, name))


def test_the_reference_has_nothing_but_public_names():
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8").splitlines()
    assert {line.split()[-1] for line in page if line.startswith(".. auto")} == {f"splinework.{n}" for n in sw.__all__}


MODULES = ("axioms", "data", "derivatives", "edit", "hardware", "kernels", "reproduce", "symbolic", "teach", "train")


def test_a_type_checker_sees_the_public_names_and_the_modules_beside_them():
    homes = sw._homes("splinework")
    assert set(homes) == set(sw.__all__) - {"SplineworkError"} | set(MODULES)
    assert not [
        name
        for name, home in homes.items()
        if name not in MODULES and hasattr(import_module(home), "__path__") and find_spec(f"{home}.{name}")
    ]


# ------------------------------------------------------------------------------------------------ all other names


def test_a_verb_stays_a_verb_when_its_module_is_imported():
    for module in ("nn.trace", "interpret.scores", "nn.checkpoint", "report.plot", "report", "discover", "export"):
        import_module(f"splinework.{module}")  # some are named like a verb
    assert all(callable(getattr(sw, name)) for name in sw.__all__)


LAZY = (
    "", ".data", ".formula", ".hardware", ".interpret.edit", ".knowledge.teach", ".train", ".train.sources",
    ".tabular",
)  # fmt: skip


@every("package", LAZY)
def test_lazy_names_are_what_their_homes_have_though_a_module_is_called_the_same(package):
    module = import_module(f"splinework{package}")
    homes = sw._homes(module.__name__)
    assert homes
    assert set(homes) <= set(dir(module))
    for name, home in homes.items():
        lies_in = import_module(home)  # python binds it to the package, under its own name
        assert getattr(module, name) is getattr(lies_in, name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing


@every("package", LAZY[1:])
def test_a_lazy_package_offers_all_that_it_can_load(package):
    module = import_module(f"splinework{package}")
    assert sorted(module.__all__) == sorted(sw._homes(module.__name__))


def test_lazy_names_are_found_in_a_zip_archive_too(tmp_path):
    archive = tmp_path / "splinework.zip"
    folder = Path(sw.__file__).parent
    with ZipFile(archive, "w") as packed:
        for path in folder.rglob("*.py"):
            packed.write(path, Path("splinework") / path.relative_to(folder))
    script = "import splinework as sw; print(sw.__file__, sw.data.Input('x').name)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {[str(archive), *sys.path]!r}; {script}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    place, name = done.stdout.split()
    assert place.startswith(str(archive))
    assert name == "x"


def test_a_package_without_its_source_says_what_is_missing(monkeypatch):
    module = import_module("splinework.train.sources")
    monkeypatch.setattr(module, "__loader__", SimpleNamespace(get_source=lambda name: None))
    with pytest.raises(ImportError, match="install splinework with sources"):
        sw._homes.__wrapped__(module.__name__)


@every("name", MODULES)
def test_a_module_is_reached_without_an_import_of_its_own(name):
    assert getattr(sw, name) is import_module(f"{sw._homes('splinework')[name]}.{name}")


@every("name", sw._ELSEWHERE)
def test_a_name_that_is_elsewhere_says_where(name):
    home = f"splinework.{sw._ELSEWHERE[name]}"
    with pytest.raises(
        AttributeError, match=f"'splinework' has no attribute '{name}'; write: from {home} import {name}$"
    ):
        getattr(sw, name)
    assert hasattr(import_module(home), name)
    assert name not in sw.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'splinework' has no attribute 'symbolise'$"):
        _ = sw.symbolise
    assert not hasattr(sw, "symbolise")
    from splinework.nn.trace import trace

    assert sw.trace is trace


def test_the_version_is_the_installed_one():
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version("splinework")
    except PackageNotFoundError:
        pytest.skip("run from a tree that is not installed")
    assert sw.__version__ == installed


def test_the_backends_can_be_chosen_at_once(report):
    assert report["backend"] == "reference"


def test_type_checkers_are_told_that_the_package_has_types():
    spec = find_spec("splinework")
    assert spec is not None
    assert (Path(spec.origin or "").parent / "py.typed").is_file()


@every("package", LAZY)
def test_completion_offers_what_is_ours_only(package):
    package = import_module(f"splinework{package}")
    offered = [each for each in dir(package) if not each.startswith("_")]
    assert set(package.__all__) <= set(offered)
    for each in set(offered) - set(package.__all__):
        value = getattr(package, each)
        assert (getattr(value, "__module__", None) or getattr(value, "__name__", "")).startswith("splinework"), each


PACKAGES_OF_A_VERB = {
    *(
        f"splinework.{name}"
        for name in ("discover", "export", "report", "hardware.analog", "hardware.fpga", "hardware.mcu")
    )
}
"""Packages that are called like the verb in front of them: `import splinework.export as m` gives the verb."""


def test_importing_a_module_gives_the_module():
    taken = set()
    for module in pkgutil.walk_packages(sw.__path__, "splinework."):
        package, _, name = module.name.rpartition(".")
        if isinstance(getattr(import_module(package), name, None), FunctionType | type):
            taken.add(module.name)
    assert taken <= PACKAGES_OF_A_VERB
