"""No command opens a connection; a release has hashes and a bill of materials; SECURITY.md names what exists."""

from __future__ import annotations

import hashlib
import json
import re
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
    "show": ["show", "m.safetensors"],
    "report": ["report", "m.safetensors", "d.csv", "--out", "r.html"],
    "export": ["export", "m.safetensors", "--to", "c", "--out", "m.c"],
    "verify": ["verify", "m.safetensors", "--axiom", "bounded(-99, 99)", "--effort", "1"],
    "data": ["data", "nguyen:1", "--rows", "5", "--out", "-"],
    "doctor": ["doctor"],
}


class Network(BaseException):
    """Somebody opened a connection."""


def refuse(*arguments: object, **words: object) -> None:
    raise Network(str(arguments)[:200])


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_opens_a_connection(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("d.csv").write_text("a,b,y\n" + "".join(f"{i / 20},{(7 * i) % 20 / 20},{i}\n" for i in range(20)))
    sw.save(sw.KAN([2, 1], names=["a", "b"], generator=torch.Generator().manual_seed(0)), "m.safetensors")
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    if command in ("fit", "discover"):
        Pipeline().replace_modules(monkeypatch)
    result = CliRunner().invoke(main, RUNS.get(command, [command, "--help"]), prog_name="splinework")
    assert result.exit_code == 0, (result.output, result.exception)


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
