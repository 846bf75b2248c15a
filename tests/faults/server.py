"""A process with the library loaded that forks one process for each fault, so that hundreds take seconds.

Run with `LD_PRELOAD=shim.so`; reads a request a line and answers a line, both JSON.
"""

import contextlib
import ctypes
import hashlib
import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import splinework
from splinework.errors import SplineworkError
from tests.faults.long_tasks import ALL_TASKS

NOBODY = 65534
"""The user without any permission."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Runs a task in a process of its own, with a fault; says how it ended, and what it wrote to the streams.

    With `twin`, a second process runs the same task in the same folder at the same time, without the fault.
    """
    folder = Path(request["folder"])
    streams, place = os.pipe()  # no file, which a limit of the size of files would hold for
    began = time.monotonic()
    child = _started(folder, request, place, streams)
    twin = _started(folder, {"task": request["task"]}, place, streams) if request.get("twin") else None
    os.close(place)
    written: list[bytes] = []
    reader = threading.Thread(target=lambda: written.append(_read(streams)))
    reader.start()
    if request.get("signal"):
        time.sleep(request["after"])
        os.kill(child, request["signal"])
    _, status = os.waitpid(child, 0)
    seconds = time.monotonic() - began
    found: dict[str, Any] = {"code": os.waitstatus_to_exitcode(status), "seconds": seconds}
    if twin is not None:
        found["twin"] = os.waitstatus_to_exitcode(os.waitpid(twin, 0)[1])
    reader.join(timeout=60)  # programs that the process had started may hold the pipe a little longer
    return {**found, "streams": b"".join(written).decode("utf-8", "replace")}


def _started(folder: Path, request: dict[str, Any], place: int, streams: int) -> int:
    child = os.fork()
    if child == 0:
        os.close(streams)
        os.dup2(place, 1)
        os.dup2(place, 2)
        os.close(place)
        sys.stdout, sys.stderr = (open(n, "w", encoding="utf-8", buffering=1, closefd=False) for n in (1, 2))  # noqa: SIM115
        os._exit(_run(folder, request))
    return child


def _read(streams: int) -> bytes:
    with open(streams, "rb") as file:
        return file.read()


def _limit(folder: Path, request: dict[str, Any]) -> None:
    for name in ("RLIMIT_FSIZE", "RLIMIT_AS"):
        if name in request:
            used = (
                int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                if name == "RLIMIT_AS"
                else 0
            )
            resource.setrlimit(getattr(resource, name), (used + request[name], resource.RLIM_INFINITY))
    if request.get("readonly"):
        folder.chmod(0o555)
        if os.getuid() == 0:
            with contextlib.suppress(OSError):
                os.setresuid(NOBODY, NOBODY, NOBODY)


def _run(folder: Path, request: dict[str, Any]) -> int:
    shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    found: Any = None
    try:
        _limit(folder, request)
        shim.fault_arm(f"{folder}/".encode(), ctypes.c_long(request.get("at", 0)), request.get("errno", 0))
        found = ALL_TASKS[request["task"]].new(folder)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0
    except SplineworkError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except MemoryError:
        print("error: memory", file=sys.stderr)
        code = 1
    except BaseException:  # noqa: BLE001  # whatever it is, the test shows it
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    if "count" in request:
        print(shim.fault_count(), flush=True)
    if "digest" in request and hasattr(found, "model"):
        digest = hashlib.sha256()
        for name, tensor in found.model.state_dict().items():
            digest.update(f"{name}:".encode() + tensor.numpy().tobytes())
        print(digest.hexdigest(), flush=True)
    return code


def preload() -> None:
    """Imports everything that a task may import, so that a forked process need not."""
    for module in ("pandas", "pyarrow.csv", "pyarrow.dataset", "pyarrow.parquet", "matplotlib.figure", "rich.progress"):
        importlib.import_module(module)
    for each in pkgutil.walk_packages(splinework.__path__, "splinework."):
        if not each.name.startswith(("splinework.reproduce.", "splinework._native")) and not each.name.endswith(
            "__main__"
        ):
            with contextlib.suppress(ImportError):
                importlib.import_module(each.name)


if __name__ == "__main__":
    preload()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
