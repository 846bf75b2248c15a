"""The process of one cell: `python worker.py PEER.py FOLDER` reads rows from the folder and writes its predictions there.

It runs in the environment of the contender, which needs numpy, pandas with pyarrow and its own package.
"""

import importlib.util
import json
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).resolve().parent]


def main(peer: Path, folder: Path) -> None:
    """Loads the contender, then starts the clock."""
    import numpy as np
    import pandas as pd

    from benchmarks.processes import loaded_versions
    from benchmarks.tabular.part import Part, Stopwatch

    warnings.simplefilter("ignore")
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    train, test = (pd.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))
    spec = importlib.util.spec_from_file_location("contender", peer)
    if spec is None or spec.loader is None:
        raise ImportError(f"{peer} is no file of Python")
    part = Part(train, np.load(folder / "y.npy"), request["classes"])
    facts: dict[str, Any] = {"error": ""}
    watch = Stopwatch()
    try:
        contender = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(contender)
        facts["versions"] = loaded_versions()
        os.chdir(folder)  # some leave files where they run
        watch = Stopwatch()
        predict, further = contender.answer(part, request["seed"])
        predicted = np.asarray(predict(test), dtype=float)
        facts |= further
        np.save(folder / "predicted.npy", predicted)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a contender is its result
        traceback.print_exc()
        facts["error"] = f"{type(error).__name__}: {error}"[:300]
    facts |= watch.facts()
    (folder / "answer.tmp").write_text(json.dumps(facts), encoding="utf-8")
    os.replace(folder / "answer.tmp", folder / "answer.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
