"""A Python environment for each package that is measured; torch and the rest come from the environment that runs the bench."""

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from benchmarks.speed.contenders import Contender
from splinework.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / ".venv-bench"
PEERS = {  # name in tables -> file
    "efficient-kan": "efficient_kan",
    "fast-kan": "fast_kan",
    "inkan": "inkan",
    "kanditioned": "kanditioned",
    "pykan": "pykan",
}


def contenders(
    names: list[str], checkouts: dict[str, Path], *, compiled: bool
) -> tuple[list[Contender], list[dict[str, object]]]:
    """The contenders of these names, and facts about those that cannot take part: their note says why.

    Args:
        names: Keys of `PEERS`.
        checkouts: Folders of the repositories that are on no index.
        compiled: Whether each comes behind `torch.compile` too.

    Raises:
        ConfigError: If a name is unknown, or a checkout is none.
    """
    found: list[Contender] = []
    absent: list[dict[str, object]] = []
    for name in names:
        if name not in PEERS:
            raise ConfigError(f"--peers knows {', '.join(PEERS)}; got {name!r}.")
        peer = import_module(f"benchmarks.kernels.peers.{PEERS[name]}")
        contender = Contender(name, peer.FAMILY, str(Path(peer.__file__).resolve()), note=peer.NOTE)
        try:
            contender = _at_home(contender, peer, checkouts)
        except RuntimeError as error:
            absent.append({**contender.facts(), "note": f"not measured: {error}"})
            continue
        found += [contender, contender.through_compiler()] if compiled else [contender]
    return found, absent


def _at_home(contender: Contender, peer: object, checkouts: dict[str, Path]) -> Contender:
    """The contender with the interpreter or the folder that has its package."""
    name = contender.name
    if not hasattr(peer, "FOLDER"):
        python = _environment(name, peer.REQUIREMENTS)
        return replace(contender, python=str(python))
    if name not in checkouts:
        raise RuntimeError(f"it is on no package index; clone it and give --{name} PATH")
    folder = checkouts[name] / peer.FOLDER
    if not folder.is_dir():
        raise ConfigError(
            f"--{name} {checkouts[name]} is no checkout of {name}; it holds no {peer.FOLDER or 'folder'}."
        )
    return replace(contender, paths=(str(folder.resolve()),), version=_commit(checkouts[name]))


def _environment(name: str, requirements: tuple[str, ...]) -> Path:
    """The interpreter of an environment that has the packages; made where it is missing.

    Raises:
        RuntimeError: If they cannot be installed.
    """
    folder = ENVIRONMENTS / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "installed.txt"
    wanted = "\n".join((*requirements, sys.version, sysconfig.get_path("purelib")))
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return python
    venv.create(folder, clear=True, with_pip=False, symlinks=os.name != "nt")
    own = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    packages = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [f"import site; site.addsitedir({path!r})" for path in sorted(own)]
    (Path(packages.stdout.strip()) / "shared.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # Without dependencies: torch and the others are there already, and a second torch would take gigabytes.
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", *requirements]
    ended = subprocess.run(install, capture_output=True, text=True)
    if ended.returncode:
        output = (ended.stderr or ended.stdout).strip().splitlines() or ["no reason given"]
        raise RuntimeError(f"it cannot be installed: {output[-1]}")
    done.write_text(wanted, encoding="utf-8")
    return python


def _commit(checkout: Path) -> str:
    """The commit of a checkout, short; empty where git does not know."""
    try:
        ended = subprocess.run(
            ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"], capture_output=True, text=True
        )
    except OSError:
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""
