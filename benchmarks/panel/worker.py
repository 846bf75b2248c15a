"""A process that fits one model after another: each line of its input names a model and a folder with `rows.npz`.

It answers `started` once the model's packages are loaded and the clock runs, and `done` once `answer.json` and, if nothing went
wrong, `predicted.npy` are in the folder. Run by `runner`, in the environment that has the packages.
"""

import gc
import json
import os
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

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
        facts = _answer(question["model"], Path(question["folder"]), answers)
        (Path(question["folder"]) / "answer.json").write_text(json.dumps(facts), encoding="utf-8")
        print("done", file=answers, flush=True)
        gc.collect()


def _answer(name: str, folder: Path, answers: Any) -> dict[str, Any]:
    """One fit and its predictions; the facts about it."""
    import numpy as np

    from benchmarks.panel.models import KNOWN
    from benchmarks.processes import loaded_versions
    from benchmarks.tabular.part import Stopwatch

    facts: dict[str, Any] = {"problem": ""}
    with np.load(folder / "rows.npz") as rows:
        x, y, fresh = rows["x"], rows["y"], rows["fresh"]
    watch = Stopwatch()
    try:
        for module in KNOWN[name].modules:
            import_module(module)
        facts["versions"] = loaded_versions()
        print("started", file=answers, flush=True)
        watch = Stopwatch()
        predicted = np.asarray(KNOWN[name].fit(x, y)(fresh), dtype=float)
        np.save(folder / "predicted.npy", predicted)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a model is its result
        traceback.print_exc()
        facts["problem"] = " ".join(f"{type(error).__name__}: {error}".split())[:PROBLEM]
    return facts | watch.facts()


if __name__ == "__main__":
    main()
