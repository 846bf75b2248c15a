"""The process of one answer: `python worker.py PEER.py FOLDER` reads rows from the folder and writes its answers there.

It runs in the environment of the contender, which may have nothing but numpy and its own package. Every formula replaces the last
one in `answer.json`, so that a process that is stopped leaves what it had.
"""

import importlib.util
import json
import os
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).resolve().parent]


def main(peer: Path, folder: Path) -> None:
    """Loads the contender, then starts the clock."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    if request["processors"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, request["processors"])
    import numpy as np

    warnings.simplefilter("ignore")
    rows = np.load(folder / "rows.npz")
    spec = importlib.util.spec_from_file_location("contender", peer)
    if spec is None or spec.loader is None:
        raise ImportError(f"{peer} is no file of Python")
    contender = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(contender)
    os.chdir(folder)  # some leave files where they run
    began = time.perf_counter()

    def say(formula: str, **facts: Any) -> None:
        values = {name: np.asarray(facts.pop(name), dtype=float) for name in ("fresh", "wide") if name in facts}
        if values:
            np.savez(folder / "values.npz", **values)
        write({"formula": formula, "seconds": time.perf_counter() - began, **facts})

    def write(facts: dict[str, Any]) -> None:
        (folder / "answer.tmp").write_text(json.dumps(facts), encoding="utf-8")
        os.replace(folder / "answer.tmp", folder / "answer.json")

    wanted = {"x": rows["x"], "y": rows["y"], "fresh": rows["fresh"], "wide": rows["wide"]}
    options = {key: request[key] for key in ("names", "budget", "seed", "threads")}
    if request["effort"]:
        os.environ["BENCH_EFFORT"] = str(request["budget"])
    try:
        contender.answer(say=say, **wanted, **options)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a contender is its result
        (folder / "trace.txt").write_text(traceback.format_exc(), encoding="utf-8")
        last = folder / "answer.json"
        facts = json.loads(last.read_text(encoding="utf-8")) if last.exists() else {"formula": ""}
        write({"seconds": time.perf_counter() - began, **facts, "error": f"{type(error).__name__}: {error}"[:300]})


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
