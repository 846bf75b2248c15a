"""The page of the documentation that holds what was measured, in Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks.kernels.targets import targets
from benchmarks.speed.cases import CONFIGS, MODES
from benchmarks.speed.results import Case, Results, Row
from benchmarks.speed.show import duration


def page(results: Results, pictures: Sequence[tuple[str, str]]) -> str:
    """The whole page."""
    parts = [
        "# Kernels, measured\n\nWritten by `benchmarks/bench_kernels.py`; do not edit. "
        "Every contender has a process of its own and they take turns. Each cell is the quickest call (in brackets the "
        "median); an error is the largest deviation from what the contender claims to compute, evaluated by scipy in "
        "float64 from its own numbers, relative to the largest value.",
        _machine(results),
        "## Targets\n\nfloat32, the most threads that were measured; of everyone the faster of eager and compiled.\n\n"
        + table(
            ("target", "wanted", "measured", ""),
            ((t.what, t.wanted, t.measured or "not measured", t.status) for t in targets(results)),
        ),
        *(f"![{caption}]({path})\n\n{caption}" for path, caption in pictures),
        "## Who took part\n\n"
        + table(
            ("contender", "version", "remark"),
            ((c["name"], c["version"] or "–", c["note"] or "–") for c in results.contenders if not c["compiled"]),
        ),
        *_times(results),
        _memory(results),
        _absent(results),
    ]
    return "\n\n".join(part for part in parts if part).rstrip() + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _machine(results: Results) -> str:
    facts = results.machine
    loads = [case.load_before[0] for case in results.cases if case.load_before]
    rows = [
        ("processor", f"{facts['processor']}, {facts['cores']} cores"),
        ("instruction sets", ", ".join(facts["flags"]) or "–"),
        ("system", f"{facts['system']}, {facts['architecture']}; {facts['day']}"),
        *((name, str(facts[name])) for name in ("python", "splinework", "torch", "numpy", "scipy") if facts[name]),
        ("load average before a case", f"{min(loads):.1f} to {max(loads):.1f}" if loads else "–"),
    ]
    for peak in results.peaks:
        rates = [f"{peak[key] / 1e9:.0f} ({name})" for key, name in _RATES if peak[key]]
        rows.append(
            (f"10⁹ multiply-adds per second, {peak['dtype']}, threads: {peak['threads']}", ", ".join(rates) or "–")
        )
    return "## Machine\n\n" + table(("", ""), rows)


_RATES = (("matmul", "matrix product"), ("loop", "loop of multiply-adds"))


def _times(results: Results) -> Iterable[str]:
    """A section per letter of the configurations, a table per mode and dtype."""
    for letter in dict.fromkeys(case.job.config[0] for case in results.cases):
        cases = [case for case in results.cases if case.job.config[0] == letter]
        names = {case.job.config for case in cases}
        what = dict.fromkeys(config.what for config in CONFIGS if config.name in names)
        yield f"## {letter}: {'; '.join(what)}"
        for mode, dtype in dict.fromkeys((case.job.mode, case.job.dtype) for case in cases):
            columns = [case for case in cases if (case.job.mode, case.job.dtype) == (mode, dtype)]
            yield _table_of_times(f"**{MODES[mode]}**, {dtype}", columns)


def _table_of_times(title: str, cases: Sequence[Case]) -> str:
    """A column per shape, batch, number of threads and grid; what all columns share stands in the title."""
    cases = sorted(cases, key=lambda case: (case.job.shape, -case.job.batch, -case.job.threads, case.job.grid))
    facts = [(str(list(j.shape)), f"B={j.batch}", f"threads: {j.threads}") for j in (case.job for case in cases)]
    shared = [values[0] for values in zip(*facts, strict=True) if len(set(values)) == 1]
    heads = [
        ", ".join([*(fact for fact in own if fact not in shared), f"G={case.job.grid}"])
        for own, case in zip(facts, cases, strict=True)
    ]
    names = dict.fromkeys(row.contender for case in cases for row in case.rows)
    by_name = [{row.contender: row for row in case.rows} for case in cases]
    lines = []
    for name in names:
        rows = [rows[name] for rows in by_name if name in rows]
        errors = [e for row in rows for e in (row.error, row.gradient_error) if e is not None]
        spreads = [row.spread for row in rows if row.spread is not None]
        compiling = [row.compile_seconds for row in rows if row.compile_seconds is not None]
        mark = " (linear)" if rows[0].family == "linear" else ""
        lines.append(
            (
                f"**{name}**" if rows[0].family == "ours" else name + mark,
                *(_cell(mapping.get(name)) for mapping in by_name),
                f"{100 * max(spreads):.0f} %" if spreads else "–",
                f"{max(errors):.1e}" if errors else "–",
                f"{max(compiling):.0f} s" if compiling else "–",
            )
        )
    head = ("", *heads, "spread up to", "error up to", "compiling up to")
    return f"{', '.join([title, *shared])}\n\n" + table(head, lines)


def _cell(row: Row | None) -> str:
    if row is None:
        return "–"
    if row.status != "ok":
        return row.status
    return f"{duration(row.minimum)} ({duration(row.median)})"


def _memory(results: Results) -> str:
    if not results.memory:
        return ""
    jobs = list(dict.fromkeys(memory.job for memory in results.memory))
    names = dict.fromkeys(memory.contender for memory in results.memory)
    found = {(memory.job, memory.contender): memory for memory in results.memory}

    def cell(job: object, name: str) -> str:
        memory = found.get((job, name))
        return "–" if memory is None else "failed" if memory.bytes is None else f"{memory.bytes / 1e6:.3g}"

    head = ("", *(f"{job.config}, G={job.grid}" for job in jobs))
    return (
        "## Memory\n\nMB that a forward + backward takes at its peak, above parameters, their gradients, x and the "
        "gradients of output and inputs, in a fresh process.\n\n"
        + table(head, ((name, *(cell(job, name) for job in jobs)) for name in names))
    )


def _absent(results: Results) -> str:
    """Why a cell holds no time; equal reasons together."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for case in results.cases:
        for row in case.rows:
            if row.status != "ok":
                job = case.job
                where = f"{job.config} G={job.grid} {job.mode} {job.dtype} threads {job.threads}"
                reasons.setdefault((row.contender, f"{row.status}: {row.why}"), []).append(where)
    for memory in results.memory:
        if memory.bytes is None:
            key = (memory.contender, f"memory: {memory.why}")
            reasons.setdefault(key, []).append(f"{memory.job.config} G={memory.job.grid}")
    if not reasons:
        return ""
    lines = [
        f"- {name}, {why.replace('|', '/')} ({', '.join(places[:4])}{f' and {len(places) - 4} more' if places[4:] else ''})"
        for (name, why), places in reasons.items()
    ]
    return "## Why some have no time\n\n" + "\n".join(lines)
