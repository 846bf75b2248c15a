"""Results as plain values: rows of a case, cases of a run, and the file that keeps them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from benchmarks.speed.cases import Job
from benchmarks.speed.contenders import Contender
from splinework.errors import ConfigError, FileError

FORMAT: Final = 1
TOLERANCE: Final = {"float32": 1e-3, "float64": 1e-9}
"""A contender that is farther from what it claims, relative to the largest value, is called wrong, however fast."""


@dataclass(frozen=True)
class Row:
    """One contender at one job.

    Attributes:
        contender: Its name.
        family: See `contenders.FAMILIES`.
        compiled: Whether behind `torch.compile`.
        status: `ok`, `wrong`, `skipped` or `failed`.
        why: Reason of any status but `ok`.
        minimum: Seconds of the quickest call.
        median: The median over rounds of a round's median.
        spread: The distance between the quartiles of the rounds' medians, over their median.
        rounds: Number of rounds.
        calls: Number of calls in all rounds.
        compile_seconds: Seconds that compiling added to the first call.
        error: Largest error of the output, divided by its largest value.
        gradient_error: The same of the gradient of the inputs.
        settings: Settings of the contender, where there was a choice.
        adam: `fused` or `foreach`.
        parameters: Trainable numbers.
        version: Version that was measured.
    """

    contender: str
    family: str
    compiled: bool
    status: str
    why: str = ""
    minimum: float | None = None
    median: float | None = None
    spread: float | None = None
    rounds: int = 0
    calls: int = 0
    compile_seconds: float | None = None
    error: float | None = None
    gradient_error: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    adam: str = ""
    parameters: int | None = None
    version: str = ""

    def with_rounds(self, rounds: Sequence[dict[str, float]]) -> Row:
        """The same, and its times."""
        medians = [one["median"] for one in rounds]
        middle = median(medians)
        quarters = quantiles(medians, n=4) if len(medians) > 1 else [middle] * 3
        return replace(
            self,
            minimum=min(one["minimum"] for one in rounds),
            median=middle,
            spread=(quarters[2] - quarters[0]) / middle,
            rounds=len(rounds),
            calls=int(sum(one["calls"] for one in rounds)),
        )


def row_of(contender: Contender, *, status: str, why: str = "", answer: dict[str, Any] | None = None) -> Row:
    """A row without times, from the worker's answer on its preparation."""
    answer = answer or {}
    known = {key: answer[key] for key in Row.__dataclass_fields__ if key in answer}
    row = Row(contender.name, contender.family, contender.compiled, status, why, **known)
    return replace(row, minimum=answer["seconds"]) if status == "skipped" and "seconds" in answer else row


@dataclass(frozen=True)
class Case:
    """All contenders at one job, and the load of the machine before and after (averages over 1, 5 and 15 minutes)."""

    job: Job
    rows: tuple[Row, ...]
    load_before: list[float] = field(default_factory=list)
    load_after: list[float] = field(default_factory=list)

    def judged(self) -> Case:
        """The same, with rows called wrong whose error is beyond the tolerance."""
        limit = TOLERANCE[self.job.dtype]
        return replace(self, rows=tuple(_judged(row, limit) for row in self.rows))

    def seconds(self, *families: str) -> float | None:
        """The least time of the families, behind `torch.compile` or not."""
        row = self.fastest(*families)
        return None if row is None else row.minimum

    def fastest(self, *families: str) -> Row | None:
        """The row with the least time of the families."""
        found = [row for row in self.rows if row.status == "ok" and row.family in families]
        return min(found, key=lambda row: row.minimum or float("inf"), default=None)


@dataclass(frozen=True)
class Memory:
    """Memory of a forward + backward above the model, its gradients, x and the output's gradient, in bytes."""

    job: Job
    contender: str
    family: str
    compiled: bool
    bytes: int | None
    why: str = ""


@dataclass(frozen=True)
class Results:
    """A run, or several that were joined.

    Attributes:
        machine: Facts about it and the software.
        peaks: Multiply-adds per second: dicts of threads, dtype, `matmul` and `loop`.
        contenders: Facts about those who took part.
        cases: One per job.
        memory: One per job and contender.
    """

    machine: dict[str, Any]
    peaks: tuple[dict[str, Any], ...] = ()
    contenders: tuple[dict[str, Any], ...] = ()
    cases: tuple[Case, ...] = ()
    memory: tuple[Memory, ...] = ()

    def case(self, **wanted: Any) -> Case | None:
        """The case whose job has these values."""
        found = (c for c in self.cases if all(getattr(c.job, key) == value for key, value in wanted.items()))
        return next(found, None)

    def peak(self, job: Job) -> float | None:
        """The machine's multiply-adds per second at a job's dtype and threads: the better of the two measurements."""
        for entry in self.peaks:
            if (entry["threads"], entry["dtype"]) == (job.threads, job.dtype):
                return max(entry["matmul"] or 0.0, entry["loop"] or 0.0) or None
        return None

    def with_peak(self, entry: dict[str, Any]) -> Results:
        """The results with another measurement of the machine's peak; the best of all counts."""
        key = (entry["threads"], entry["dtype"])
        known = {(p["threads"], p["dtype"]): p for p in self.peaks}
        before = known.get(key, entry)
        best = {name: max(entry[name] or 0.0, before[name] or 0.0) or None for name in ("matmul", "loop")}
        known[key] = {**entry, **best}
        return replace(self, peaks=tuple(known.values()))

    def joined(self, newer: Results) -> Results:
        """Both; of what both have, the newer.

        Raises:
            ConfigError: If they are of different machines or versions of torch: their times cannot stand in one table.
        """
        for key in ("processor", "cores", "torch"):
            if self.machine[key] != newer.machine[key]:
                raise ConfigError(
                    f"the earlier results have {key} {self.machine[key]}, these {newer.machine[key]}; name another --out."
                )
        jobs = {case.job for case in newer.cases}
        weighed = {(memory.job, memory.contender) for memory in newer.memory}
        named = {c["name"]: c for c in (*self.contenders, *newer.contenders)}
        best = newer
        for entry in self.peaks:
            best = best.with_peak(entry)
        return Results(
            newer.machine,
            best.peaks,
            tuple(named.values()),
            (*(c for c in self.cases if c.job not in jobs), *newer.cases),
            (*(m for m in self.memory if (m.job, m.contender) not in weighed), *newer.memory),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values that `from_dict` takes back."""
        return {
            "format": FORMAT,
            "machine": self.machine,
            "peaks": list(self.peaks),
            "contenders": list(self.contenders),
            "cases": [
                {**asdict(case), "job": case.job.to_dict(), "rows": [_plain(row) for row in case.rows]}
                for case in self.cases
            ],
            "memory": [{**asdict(memory), "job": memory.job.to_dict()} for memory in self.memory],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Results:
        """The results that `to_dict` wrote."""
        cases = (
            Case(Job.from_dict(c["job"]), tuple(_row(row) for row in c["rows"]), c["load_before"], c["load_after"])
            for c in values["cases"]
        )
        memory = (Memory(**{**entry, "job": Job.from_dict(entry["job"])}) for entry in values["memory"])
        return cls(values["machine"], tuple(values["peaks"]), tuple(values["contenders"]), tuple(cases), tuple(memory))


def load(path: Path) -> Results:
    """Reads the results that were written as JSON.

    Raises:
        FileError: If there is no such file, or it holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise FileError(f"{path} has format {values['format']}, this version reads {FORMAT}; measure anew.")
        return Results.from_dict(values)
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FileError(f"{path} does not hold results of a bench; name another file.") from error


def _judged(row: Row, limit: float) -> Row:
    worst = max((e for e in (row.error, row.gradient_error) if e is not None), default=0.0)
    if row.status != "ok" or worst <= limit:
        return row
    return replace(row, status="wrong", why=f"off by {worst:.2g} of the largest value; {limit:g} is allowed")


_INFINITE: Final = "infinite"  # JSON has no word for it


def _plain(row: Row) -> dict[str, Any]:
    return {key: _INFINITE if value == float("inf") else value for key, value in asdict(row).items()}


def _row(values: dict[str, Any]) -> Row:
    fields: dict[str, Any] = {key: float("inf") if value == _INFINITE else value for key, value in values.items()}
    return Row(**fields)
