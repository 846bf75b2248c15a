"""No command opens a connection; a release has hashes and a bill of materials; SECURITY.md names what exists."""

import hashlib
import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import splinework as sw
from splinework.cli import COMMANDS, main
from tests.cli.stand_in import Pipeline
from tests.loop.parts import ROOT

RUNS = {
    "fit": ["fit", "d.csv", "--target", "y", "--out", "o"],
    "discover": ["discover", "d.csv", "--target", "y", "--out", "p"],
    "predict": ["predict", "m.safetensors", "d.csv", "--out", "-"],
    "plot": ["plot", "m.safetensors", "--out", "n.svg"],
    "show": ["show", "m.safetensors"],
    "report": ["report", "m.safetensors", "d.csv", "--out", "r.html"],
    "export": ["export", "m.safetensors", "--to", "c", "--out", "m.c"],
    "verify": ["verify", "m.safetensors", "--axiom", "bounded(-99, 99)", "--effort", "1"],
    "data": ["data", "nguyen:1", "--rows", "5", "--out", "-"],
    "doctor": ["doctor"],
    "demo": ["demo", "--out", "demo"],
    "distil": ["distil", "t.onnx", "d.csv", "--features", "a,b", "--points", "64", "--out", "s.safetensors"],
    "hardware": ["hardware", "mcu", "m.safetensors", "--data", "d.csv", "--out", "h", "--vectors", "50"],
    "reproduce": ["reproduce", "--list"],
    "completion": ["completion", "bash"],
}
ANSWERS = {"open"}
"""Commands that listen themselves, on 127.0.0.1, and connect nowhere; their help only is asked for."""


class Network(BaseException):
    """Somebody opened a connection."""


def refuse(*arguments: object, **words: object) -> None:
    raise Network(str(arguments)[:200])


@pytest.mark.parametrize(
    "command",
    [pytest.param(name, marks=[pytest.mark.slow] if name in ("hardware", "reproduce") else []) for name in COMMANDS],
)
def test_no_command_opens_a_connection(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("d.csv").write_text("a,b,y\n" + "".join(f"{i / 20},{(7 * i) % 20 / 20},{i}\n" for i in range(20)))
    sw.save(sw.KAN([2, 1], names=["a", "b"], generator=torch.Generator().manual_seed(0)), "m.safetensors")
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    if command in ("fit", "discover", "demo"):
        Pipeline().replace_modules(monkeypatch)
    if command == "distil":
        _teacher()
    if command == "hardware" and shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    assert (command in RUNS) != (command in ANSWERS)
    result = CliRunner().invoke(main, RUNS.get(command, [command, "--help"]), prog_name="splinework")
    assert result.exit_code == 0, (result.output, result.exception)


def _teacher() -> None:
    """An ONNX file that adds two columns."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    double = onnx.TensorProto.DOUBLE
    x, y = (onnx.helper.make_tensor_value_info(name, double, ["n", size]) for name, size in (("x", 2), ("y", 1)))
    weights = onnx.helper.make_tensor("w", double, [2, 1], [1.0, 2.0])
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = onnx.helper.make_graph([node], "sum", [x], [y], [weights])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8), "t.onnx")


def test_nothing_imports_a_client_of_the_network():
    clients = re.compile(
        r"^\s*(?:import|from) (?:urllib\.request|http\.client|requests|httpx|aiohttp|ftplib|socket)\b", re.MULTILINE
    )
    server = ROOT / "src/splinework/report/editor/server.py"  # which listens on 127.0.0.1
    found = [path for path in (ROOT / "src").rglob("*.py") if clients.search(path.read_text("utf-8"))]
    assert found == [server]


def release(folder: Path) -> str:
    done = subprocess.run([sys.executable, ROOT / ".ci/release.py", folder], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_release_has_hashes_and_a_bill_of_materials_that_follow_from_it(tmp_path):
    wheel, sources = tmp_path / "splinework-1.0-py3-none-any.whl", tmp_path / "splinework-1.0.tar.gz"
    sources.write_bytes(b"sources")
    with zipfile.ZipFile(wheel, "w") as archive:
        needs = ["torch>=2.7", "tomli>=2; python_version < '3.11'", "onnx>=1; extra == 'onnx'"]
        lines = [
            "Name: splinework",
            "Version: 1.0",
            "License-Expression: MIT",
            *(f"Requires-Dist: {each}" for each in needs),
        ]
        archive.writestr("splinework-1.0.dist-info/METADATA", "\n".join(lines) + "\n\n")
        archive.writestr("splinework/_native.abi3.so", b"")
    text = release(tmp_path)
    content = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {line.split()[1] for line in text.splitlines()} == {name for name in content if name != "SHA256SUMS"}
    for line in content["SHA256SUMS"].decode().splitlines():
        found, name = line.split()
        assert found == hashlib.sha256(content[name]).hexdigest()
    bill = json.loads(content["splinework-1.0-py3-none-any.cdx.json"])
    assert [part["name"] for part in bill["components"]] == ["torch", "tomli", "nanobind", "tsl::robin_map"]
    assert bill["metadata"]["component"]["hashes"][0]["content"] == hashlib.sha256(content[wheel.name]).hexdigest()
    release(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == content


def test_what_security_says_is_there():
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    for target in re.findall(r"`make (\w+)`", text):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE), target
    for path in re.findall(r"`(tests/\w+)`", text):
        assert (ROOT / path).is_dir(), path
    from splinework.errors import MAX_MESSAGE_LENGTH
    from splinework.tabular.tables.source import MAX_RATIO, MIN_UNPACKED_BYTES

    assert f"at most {MAX_MESSAGE_LENGTH} characters" in text
    assert f"unpacks to {MIN_UNPACKED_BYTES >> 20} MiB or {MAX_RATIO} times" in text


AUDIT = runpy.run_path(str(ROOT / ".ci/audit.py"))


def test_no_required_release_has_a_known_weakness():
    assert AUDIT["admitted"](AUDIT["advisories"]()) == []


def test_the_audit_finds_a_bound_and_an_installed_package_below_a_mended_release(monkeypatch):
    known = [
        ("torch", "9999.1", "CVE-0", "planted"),
        ("numpy", "0.1", "CVE-1", "mended long ago"),
        ("none", "9", "CVE-2", "not here"),
    ]
    declared, installed = AUDIT["admitted"](known), AUDIT["installed"](known)
    assert declared
    assert all(line.startswith("torch>=") and "CVE-0" in line for line in declared)
    assert len(installed) == 1
    assert installed[0].startswith(f"torch {torch.__version__.split('+')[0]}")
    assert (
        AUDIT["numbers"]("1.2") == AUDIT["numbers"]("1.2.0") < AUDIT["numbers"]("1.2.1rc1") < AUDIT["numbers"]("1.10")
    )
    assert AUDIT["name_of"]("Scikit_Learn") == "scikit-learn"


def copied(folder: Path) -> Path:
    """A copy of the files of the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / "tree" / name)
    return folder


def built(folder: Path, *, native: bool) -> dict[str, bytes]:
    """The wheel and the sources, built from the copy in a folder."""
    settings = {"SPLINEWORK_NATIVE" if native else "SPLINEWORK_PURE": "1", "SOURCE_DATE_EPOCH": "1700000000"}
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", folder / "tree"]
    done = subprocess.run(
        words, env={**os.environ, **settings}, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    return {path.name: path.read_bytes() for path in sorted((folder / "dist").iterdir())}


@pytest.mark.slow
@pytest.mark.parametrize("native", [False, True])
def test_two_builds_in_different_folders_at_different_times_are_equal_to_the_byte(tmp_path, native):
    if native and (shutil.which("cmake") is None or shutil.which("c++") is None):
        pytest.skip("needs cmake and a compiler")
    for module in ("build.__main__", "scikit_build_core", "nanobind"):
        pytest.importorskip(module)
    folders = [copied(tmp_path / name) for name in ("a", "another-and-longer-name")]
    first, second = (built(folder, native=native) for folder in folders)
    assert len(first) == 2
    assert {name: hashlib.sha256(content).hexdigest() for name, content in first.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in second.items()
    }
    for name, content in first.items():
        if name.endswith(".whl"):
            path = tmp_path / name
            path.write_bytes(content)
            with zipfile.ZipFile(path) as archive:
                members = {member: archive.read(member) for member in archive.namelist()}
            assert any(member.startswith("splinework/_native") for member in members) == native
            assert all(str(tmp_path).encode() not in member for member in members.values())
