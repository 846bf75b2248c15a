"""A process with the library loaded that forks one process for each fault, so that hundreds take seconds.

Run with `LD_PRELOAD=shim.so`; reads a request a line and answers a line, both JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from splinework.errors import SplineworkError
from tests.faults.tasks import TASKS


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Runs a task in a process of its own, with a fault; says how it ended, and what it wrote to the streams."""
    folder = Path(request["folder"])
    streams, place = os.pipe()  # no file, which a limit of the size of files would hold for
    began, child = time.monotonic(), os.fork()
    if child == 0:
        os.dup2(place, 1)
        os.dup2(place, 2)
        sys.stdout, sys.stderr = (open(n, "w", encoding="utf-8", buffering=1, closefd=False) for n in (1, 2))  # noqa: SIM115
        os._exit(_run(folder, request))
    os.close(place)
    if request.get("signal"):
        time.sleep(request["after"])
        os.kill(child, request["signal"])
    _, status = os.waitpid(child, 0)
    code, seconds = os.waitstatus_to_exitcode(status), time.monotonic() - began
    with open(streams, encoding="utf-8") as written:
        return {"code": code, "seconds": seconds, "streams": written.read()}


def _run(folder: Path, request: dict[str, Any]) -> int:
    shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for name in ("RLIMIT_FSIZE", "RLIMIT_AS"):
            if name in request:
                used = (
                    int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                    if name == "RLIMIT_AS"
                    else 0
                )
                resource.setrlimit(getattr(resource, name), (used + request[name], resource.RLIM_INFINITY))
        shim.fault_arm(f"{folder}/".encode(), ctypes.c_long(request.get("at", 0)), request.get("errno", 0))
        TASKS[request["task"]].new(folder)
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
    return code


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
