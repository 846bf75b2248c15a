"""A process that fits one contender after another: each line of its input is a question, with a module and a folder.

The module's `ready(question, folder)` loads packages and rows and returns a function that fits and predicts. `started` is
answered once that function is there and the clock runs, and `done` once `answer.json` and, if nothing went wrong, `predicted.npy`
are in the folder. Where the system can, a fit that uses more processor time than the question allows ends the process, so that a
busy machine stops no fit early. Run by `benchmarks.processes.Worker`, in the environment that has the packages.
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

    from benchmarks.processes import Stopwatch, loaded_versions, without_folders

    facts: dict[str, Any] = {"problem": ""}
    watch = Stopwatch()
    try:
        fitted = import_module(question["module"]).ready(question, folder)
        facts["versions"] = loaded_versions()
        os.chdir(folder)  # some leave files where they run
        _allow(question["limit"])
        print("started", file=answers, flush=True)
        watch = Stopwatch()
        predicted, further = fitted()
        np.save(folder / "predicted.npy", np.asarray(predicted, dtype=float))
        facts |= further
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a contender is its result
        traceback.print_exc()
        facts["problem"] = without_folders(" ".join(f"{type(error).__name__}: {error}".split()))[:PROBLEM]
    facts |= watch.facts()
    _allow(None)
    os.chdir(folder.parent)
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
