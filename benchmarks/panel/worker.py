"""A process that fits one model after another: each line of its input names a model and a folder with `rows.npz`.

It answers `started` once the model's packages are loaded and the clock runs, and `done` once `answer.json` and, if nothing went
wrong, `predicted.npy` are in the folder. Where the system can, a fit that uses more processor time than the question allows ends
the process, so that a busy machine stops no fit early. Run by `runner`, in the environment that has the packages.
"""

import gc
import json
import math
import os
import sys
import traceback
import warnings
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

resource: Any = None
with suppress(ImportError):  # not on Windows
    import resource

sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).resolve().parent]
PROBLEM = 300
"""Most letters of an error that are kept."""


def main() -> None:
    """Reads questions until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a package prints is no answer
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        question = json.loads(line)
        facts = _answer(question, Path(question["folder"]), answers)
        (Path(question["folder"]) / "answer.json").write_text(json.dumps(facts), encoding="utf-8")
        print("done", file=answers, flush=True)
        gc.collect()


def _answer(question: dict[str, Any], folder: Path, answers: Any) -> dict[str, Any]:
    """One fit and its predictions; the facts about it."""
    import numpy as np

    from benchmarks.panel.models import KNOWN
    from benchmarks.processes import loaded_versions, without_folders
    from benchmarks.tabular.part import Stopwatch

    facts: dict[str, Any] = {"problem": ""}
    model = question["model"]
    with np.load(folder / "rows.npz") as rows:
        x, y, fresh = rows["x"], rows["y"], rows["fresh"]
    watch = Stopwatch()
    try:
        for module in KNOWN[model].modules:
            import_module(module)
        facts["versions"] = loaded_versions()
        _allow(question["limit"])
        print("started", file=answers, flush=True)
        watch = Stopwatch()
        predicted = np.asarray(KNOWN[model].fit(x, y)(fresh), dtype=float)
        np.save(folder / "predicted.npy", predicted)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a model is its result
        traceback.print_exc()
        facts["problem"] = without_folders(" ".join(f"{type(error).__name__}: {error}".split()))[:PROBLEM]
    facts |= watch.facts()
    _allow(None)
    return facts


def _allow(seconds: float | None) -> None:
    """Lets the system end this process after that much more processor time; None lifts it."""
    if resource is None:
        return
    most, used = resource.getrlimit(resource.RLIMIT_CPU)[1], sum(os.times()[:2])
    allowed = resource.RLIM_INFINITY if seconds is None else math.ceil(used + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, most))


if __name__ == "__main__":
    main()
