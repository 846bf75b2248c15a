"""scikit-learn's `check_estimator` for the estimators of splinework and for others that say they are such: who passes how many.

Each estimator is made as its users make it, in a process of its own; each check has a time of its own, and one that takes longer
counts as out of time. For a package that cannot be imported, or that scikit-learn refuses to check, the reason stands below.
Array API dispatch is on.

Run: python benchmarks/bench_checks.py [--json] [--markdown] [--estimators KANRegressor,skorch-regressor] [--again]
Rivals: pip install skorch pytorch-tabnet interpret-core pygam imodelsx, here or in another environment, which --rivals-python
names; --python names another one for splinework, such as one with an older scikit-learn. Results: benchmarks/results/checks.json.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

RESULTS = Path(__file__).resolve().parent / "results" / "checks.json"
STATES = ("passed", "failed", "skipped", "out of time")
BAD = ("failed", "out of time")
REASON = 200
"""Most letters of a reason that are kept."""


@dataclass(frozen=True)
class Made:
    """An estimator."""

    name: str
    package: str
    code: str
    before: str


NET = """
import torch
from skorch import NeuralNet{kind}
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.LazyLinear(32), torch.nn.ReLU(), torch.nn.Linear(32, {outputs}), {last})
    def forward(self, x):
        return self.layers(x.float())
"""
"""A network that takes any number of columns, as skorch leaves the network to its user."""

KNOWN = {
    found.name: found
    for found in (
        *(
            Made(name, "splinework", f"{name}()", f"from splinework.tabular import {name}")
            for name in ("KANRegressor", "KANClassifier", "KANTransformer")
        ),
        Made(
            "skorch regressor",
            "skorch",
            "NeuralNetRegressor(Net, verbose=0)",
            NET.format(kind="Regressor", outputs=1, last="torch.nn.Identity()"),
        ),
        Made(
            "skorch classifier",
            "skorch",
            "NeuralNetClassifier(Net, verbose=0)",
            NET.format(kind="Classifier", outputs=10, last="torch.nn.Softmax(dim=-1)"),
        ),
        *(
            Made(
                f"TabNet{kind}", "pytorch-tabnet", f"TabNet{kind}(verbose=0)", "from pytorch_tabnet.tab_model import *"
            )
            for kind in ("Regressor", "Classifier")
        ),
        *(
            Made(
                f"ExplainableBoosting{kind}",
                "interpret-core",
                f"ExplainableBoosting{kind}(outer_bags=1, max_rounds=100)",  # with its defaults checks take minutes
                "from interpret.glassbox import *",
            )
            for kind in ("Regressor", "Classifier")
        ),
        *(Made(f"{kind}GAM", "pygam", f"{kind}GAM()", "from pygam import *") for kind in ("Linear", "Logistic")),
        *(
            Made(f"imodelsx {name}", "imodelsx", f"{name}()", f"from imodelsx import {name}")
            for name in ("KANRegressor", "KANClassifier")
        ),
    )
}


# ------------------------------------------------------------------------------------- in the process of an estimator


class OutOfTime(BaseException):
    """No `Exception`: what a check or an estimator catches would catch it."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raises `OutOfTime` in what takes longer; where there are no alarms, nothing happens."""

    def ring(*_: object) -> None:
        raise OutOfTime

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    old = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def work(name: str, path: Path, seconds: float) -> None:
    """Runs the checks, and writes what came after every one."""
    made = KNOWN[name]
    facts: dict[str, Any] = {"name": name, "package": made.package, "code": made.code, "refused": "", "checks": []}
    warnings.simplefilter("ignore")
    try:
        import sklearn
        from sklearn.utils import estimator_checks

        facts["scikit-learn"] = sklearn.__version__
        with suppress(PackageNotFoundError):
            facts["version"] = version(made.package)
        module = ModuleType("made")
        sys.modules[module.__name__] = module  # where pickle looks for a class that the text defines
        exec(made.before, module.__dict__)  # noqa: S102 - text of this file
        estimator = eval(made.code, module.__dict__)  # noqa: S307
        generator = getattr(estimator_checks, "estimator_checks_generator", None)  # since scikit-learn 1.6
        pairs = list((generator or partial(estimator_checks.check_estimator, generate_only=True))(estimator))
    except Exception as error:  # noqa: BLE001 - whatever it raises is why it cannot be checked
        facts["refused"] = f"{type(error).__name__}: {error}"[:REASON]
        _write(path, facts)
        return
    facts["checks"] = [{"check": _name(check), "state": "out of time", "reason": "not reached"} for _, check in pairs]
    for found, (estimator, check) in zip(facts["checks"], pairs, strict=True):
        found.update(_checked(estimator, check, seconds))
        _write(path, facts)


def _checked(estimator: Any, check: Any, seconds: float) -> dict[str, Any]:
    from unittest import SkipTest

    began = time.perf_counter()
    try:
        with at_most(seconds):
            check(estimator)
        state, reason = "passed", ""
    except SkipTest as error:
        state, reason = "skipped", str(error)
    except OutOfTime:
        state, reason = "out of time", f"it took more than {seconds:g} s"
    except Exception as error:  # noqa: BLE001 - that is what a failed check is
        state, reason = "failed", f"{type(error).__name__}: {error}"
    return {
        "state": state,
        "reason": " ".join(reason.split())[:REASON],
        "seconds": round(time.perf_counter() - began, 2),
    }


def _name(check: Any) -> str:
    while isinstance(check, partial):
        check = check.func
    return str(check.__name__)


def _write(path: Path, facts: dict[str, Any]) -> None:
    path.with_suffix(".tmp").write_text(json.dumps(facts), encoding="utf-8")
    os.replace(path.with_suffix(".tmp"), path)


# -------------------------------------------------------------------------------------------- in the process that asks


def ask(made: Made, python: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Runs one estimator's process and counts what came."""
    from benchmarks.processes import ROOT, commit, stop

    paths = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, "PYTHONPATH": paths, "SCIPY_ARRAY_API": "1", "PYTHONWARNINGS": "ignore"}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "checks.json"
        command = [python, __file__, "--work", made.name, "--to", str(path), "--seconds", str(chosen.seconds)]
        began = time.monotonic()
        with (Path(name) / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=output, env=environment, cwd=name, start_new_session=True
            )
            with suppress(subprocess.TimeoutExpired):
                process.wait(chosen.limit)
            stop(process)
        if not path.exists():
            last = (Path(name) / "output.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            reason = ": ".join([f"its process ended with {process.returncode}", *last])[:REASON]
            facts = {"name": made.name, "package": made.package, "code": made.code, "refused": reason, "checks": []}
        else:
            facts = json.loads(path.read_text(encoding="utf-8"))
    counts = Counter(check["state"] for check in facts["checks"])
    facts |= {state: counts[state] for state in STATES}
    return {**facts, "seconds": round(time.monotonic() - began, 1), "commit": commit()}


def page(found: list[dict[str, Any]]) -> str:
    """The counts, then what fails, in Markdown."""
    from benchmarks.tabular.tables import table

    rows, lines = [], []
    for facts in found:
        of = facts["package"] + (f" {facts['version']}" if facts.get("version") else "")
        counts = ["–"] * len(STATES) if facts["refused"] else [str(facts[state]) for state in STATES]
        rows.append((facts["name"], of, f"`{facts['code']}`", facts.get("scikit-learn", "–"), *counts))
        names = [check["check"].removeprefix("check_") for check in facts["checks"] if check["state"] in BAD]
        if facts["refused"]:
            lines.append(f"- {facts['name']} cannot be checked: {facts['refused']}")
        elif names:
            repeated = Counter(names)
            lines.append(
                f"- {facts['name']}: " + ", ".join(n + (f" ({c} times)" if c > 1 else "") for n, c in repeated.items())
            )
    head = ("estimator", "package", "made by", "scikit-learn", *STATES)
    return "\n\n".join([table(head, rows), *(["Failed, or out of time:\n\n" + "\n".join(lines)] if lines else [])])


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--estimators", default=None, help=f"of {', '.join(KNOWN)}; all")
    made.add_argument("--python", default=sys.executable, help="interpreter for splinework's")
    made.add_argument("--rivals-python", default=sys.executable, help="interpreter for the others")
    made.add_argument("--seconds", type=float, default=60.0, help="for each check")
    made.add_argument("--limit", type=float, default=1800.0, help="seconds for all checks of an estimator")
    made.add_argument("--again", action="store_true", help="anew, even what is there")
    made.add_argument("--json", action="store_true", help="print the results as JSON")
    made.add_argument("--markdown", action="store_true", help="write the table into docs/tabular.md")
    made.add_argument("--results", type=Path, default=RESULTS)
    made.add_argument("--table", action="store_true", help="print what is there and run nothing")
    made.add_argument("--work", default=None, help=argparse.SUPPRESS)
    made.add_argument("--to", type=Path, default=None, help=argparse.SUPPRESS)
    return made


def sklearn_of(python: str) -> str:
    """The version of scikit-learn that an interpreter has; empty if none."""
    command = [python, "-c", "import sklearn; print(sklearn.__version__)"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def main() -> int:
    made = parser()
    chosen = made.parse_args()
    if chosen.work:
        work(chosen.work, chosen.to, chosen.seconds)
        return 0
    from benchmarks.processes import say
    from benchmarks.tabular import tables

    names = list(KNOWN) if chosen.estimators is None else [name.strip() for name in chosen.estimators.split(",")]
    if unknown := [name for name in names if name not in KNOWN]:
        made.error(f"--estimators knows {', '.join(KNOWN)}; got {unknown[0]!r}.")
    kept = json.loads(chosen.results.read_text(encoding="utf-8")) if chosen.results.exists() else []
    found = {(facts["name"], facts.get("scikit-learn")): facts for facts in kept}
    for name in () if chosen.table else names:
        python = chosen.python if KNOWN[name].package == "splinework" else chosen.rivals_python
        if (name, sklearn_of(python)) in found and not chosen.again:
            continue
        facts = ask(KNOWN[name], python, chosen)
        found[name, facts.get("scikit-learn")] = facts
        ordered = sorted(found.values(), key=lambda facts: list(KNOWN).index(facts["name"]))
        chosen.results.parent.mkdir(parents=True, exist_ok=True)
        chosen.results.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        say(f"{name}: {facts['refused'] or ', '.join(f'{facts[state]} {state}' for state in STATES)}")
    shown = [
        facts for facts in sorted(found.values(), key=lambda f: list(KNOWN).index(f["name"])) if facts["name"] in names
    ]
    text = page(shown) if shown else "Nothing checked yet."
    if chosen.markdown:
        print(tables.write(text, tables.PAGE, "checks"))
    else:
        print(json.dumps(shown, indent=1, ensure_ascii=False) if chosen.json else text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
