"""What goes out is in order: metadata that agree, workflows that call what exists, the oldest packages that are promised."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.families import every

yaml = pytest.importorskip("yaml")
if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# https://semver.org, in the form that Python packages may have: no build number, and before a release a, b or rc.
SEMANTIC = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)((a|b|rc)(0|[1-9]\d*))?")


def read_yaml(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step of every job, with a name for messages."""
    for path in WORKFLOWS:
        for name, job in read_yaml(path)["jobs"].items():
            for number, step in enumerate(job["steps"]):
                yield f"{path.stem}/{name}/{number}", step


STEPS = dict(steps())
COMMANDS = {name: step["run"] for name, step in STEPS.items() if "run" in step}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------------------ metadata


def test_the_version_is_semantic_and_in_the_changelog():
    version = PROJECT["project"]["version"]
    assert SEMANTIC.fullmatch(version)
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_citation_is_valid_and_of_this_version():
    """The rules of Citation File Format 1.2.0 for what is in it: https://github.com/citation-file-format."""
    citation = read_yaml(ROOT / "CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # all that is required
    allowed = (
        "abstract authors cff-version commit contact date-released doi identifiers keywords license license-url message"
    )
    allowed += " preferred-citation references repository repository-artifact repository-code title type url version"
    assert set(citation) <= set(allowed.split())
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] in {"software", "dataset"}
    assert citation["license"] == PROJECT["project"]["license"]
    assert str(citation["version"]) == PROJECT["project"]["version"]
    for source in (citation, *citation["references"]):
        assert source["authors"], "nobody wrote it"
        for author in source["authors"]:  # a person, or an entity
            assert set(author) <= {"family-names", "given-names", "orcid", "affiliation"} or set(author) <= {
                "name",
                "website",
            }
            assert all(isinstance(value, str) and value for value in author.values())
    for reference in citation["references"]:
        assert {"authors", "title", "type"} <= set(reference)
        assert all(entry["type"] in {"doi", "url", "swh", "other"} for entry in reference["identifiers"])
    assert len(set(citation["keywords"])) == len(citation["keywords"])


def test_the_licence_is_here_and_is_the_one_that_is_declared():
    assert PROJECT["project"]["license"] == "MIT"
    for name in PROJECT["project"]["license-files"]:
        assert (ROOT / name).read_text(encoding="utf-8").startswith("MIT License")


def test_the_extras_are_those_of_the_design():
    extras = PROJECT["project"]["optional-dependencies"]
    assert {"onnx", "boost", "tune", "track", "docs", "test"} <= set(extras)


def test_what_the_library_names_as_an_extra_is_one():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")]
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")]
    named = {
        extra for text in texts for group in re.findall(r"splinework\[([a-z,]+)\]", text) for extra in group.split(",")
    }
    named |= {extra for text in texts for extra in re.findall(r'_package\([^)]*"([a-z]+)"\)', text)}
    assert named - {"extra"} <= set(PROJECT["project"]["optional-dependencies"])


def test_every_python_that_is_promised_is_tested():
    python = re.compile(r"Programming Language :: Python :: (3\.\d+)")
    promised = {match[1] for line in PROJECT["project"]["classifiers"] if (match := python.fullmatch(line))}
    matrix = read_yaml(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["test"]["strategy"]["matrix"]
    wheels = {f"3.{minor}" for minor in re.findall(r"cp3(\d+)-", PROJECT["tool"]["cibuildwheel"]["build"])}
    assert promised == set(matrix["python"]) == wheels
    assert PROJECT["project"]["requires-python"] == f">={min(promised, key=lambda v: int(v.split('.')[1]))}"


def test_the_oldest_packages_are_the_lower_bounds():
    lower = r"([a-z-]+)>=([\d.]+)(?:; .*)?"
    promised = dict(re.fullmatch(lower, line).groups() for line in PROJECT["project"]["dependencies"])
    lines = (ROOT / ".ci" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    tested = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert set(tested) == set(promised)
    for name, version in tested.items():
        assert [*map(int, version.split("."))][: promised[name].count(".") + 1] == [
            *map(int, promised[name].split("."))
        ]


def test_the_makefile_installs_what_is_promised():
    command = [sys.executable, str(ROOT / ".ci" / "requirements.py"), "test,docs"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    extras = PROJECT["project"]["optional-dependencies"]
    assert printed == [*PROJECT["project"]["dependencies"], *extras["test"], *extras["docs"]]


def test_every_page_is_in_the_index_once():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```{toctree}\n(.*?)```", index, re.DOTALL)
    listed = [line for block in blocks for line in block.splitlines() if line and not line.startswith(":")]
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}
    packages = re.findall(
        r'^    "splinework\.([\w.]+)": ', (ROOT / "docs" / "public_names.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(listed) == sorted(pages | {f"api/{package}" for package in packages})


# ----------------------------------------------------------------------------------------------------- workflows


def test_there_are_workflows_for_tests_wheels_and_pages():
    assert {path.stem for path in WORKFLOWS} == {"tests", "wheels", "docs"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_says_when_and_where_it_runs_and_may_do_little(path):
    workflow = read_yaml(path)
    assert workflow["name"] == path.stem
    assert workflow[True]  # `on`, which is a truth value to YAML 1.1
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert {"runs-on", "steps", "timeout-minutes"} <= set(job)
        assert set(job.get("needs", []) if isinstance(job.get("needs", []), list) else [job["needs"]]) <= set(
            workflow["jobs"]
        )


@every("name", STEPS)
def test_a_step_runs_a_command_or_an_action_of_a_version(name):
    step = STEPS[name]
    assert ("run" in step) != ("uses" in step)
    if "uses" in step:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@(v\d+(\.\d+)*|release/v\d+)", step["uses"])


@every("name", COMMANDS)
def test_what_a_workflow_calls_exists(name):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake ((?:[a-z0-9]+-)*[a-z0-9]+)", COMMANDS[name]):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"no make {target}"
    for variable in re.findall(r"\b([A-Z]+)=\S", COMMANDS[name]):
        assert re.search(rf"^{variable} \?=", makefile, re.MULTILINE), f"the Makefile does not ask for {variable}"
    for file in re.findall(r"\.ci/[\w.]+", COMMANDS[name]):
        assert (ROOT / file).is_file()
    for group in re.findall(r"\.\[([a-z,]+)\]|EXTRAS=([a-z,]+)", COMMANDS[name]):
        assert set("".join(group).split(",")) <= set(PROJECT["project"]["optional-dependencies"])


def test_what_the_wheels_are_tested_with_exists():
    files = re.findall(r"\{project\}/(\S+)", PROJECT["tool"]["cibuildwheel"]["test-command"])
    assert files
    assert all((ROOT / file).is_file() for file in files)


def test_every_target_of_the_makefile_is_explained():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = {word for line in re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE) for word in line.split()}
    assert phony == set(re.findall(r"^([a-z0-9-]+):.*## \S", makefile, re.MULTILINE))


# ---------------------------------------------------------------------------------------------------------- image


def test_the_image_has_the_command_and_runs_as_nobody_special():
    words = [line.split() for line in DOCKERFILE.splitlines()]
    assert [line[1] for line in words if line[:1] == ["USER"]] == ["1000"]
    assert 'ENTRYPOINT ["splinework"]' in DOCKERFILE
    assert len([line for line in words if line[:1] == ["FROM"]]) == 2


def test_the_builder_of_the_image_is_sent_what_the_wheel_is_made_of():
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in sent
    needed = {"CMakeLists.txt", "LICENSE", "README.md", "csrc", "pyproject.toml", "src"}
    assert {line[1:] for line in sent if line.startswith("!") and "/" not in line} == needed
    assert all((ROOT / name).exists() for name in needed)
