"""A case as a table on the terminal."""

from benchmarks.speed.results import Case, Results, Row
from splinework.cli.terminal import console


def show_case(case: Case, results: Results) -> None:
    """Prints one case, the fastest first."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(case.job.title, style="bold"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("contender", "minimum", "median", "spread", "of peak", "error", "compiling", "remark"):
        left = name in ("contender", "remark")
        table.add_column(name, justify="left" if left else "right", overflow="fold", no_wrap=not left)
    peak, fewest = results.peak(case.job), case.job.multiply_adds()
    for row in sorted(case.rows, key=lambda row: (row.status != "ok", row.minimum or 0.0)):
        spline = row.family not in ("linear", "mlp-width", "mlp-parameters")
        share = fewest / row.minimum / peak if spline and peak and row.minimum and row.status == "ok" else None
        table.add_row(
            row.contender,
            duration(row.minimum),
            duration(row.median),
            "–" if row.spread is None else f"{100 * row.spread:.0f} %",
            "–" if share is None else f"{100 * share:.2g} %",
            "–" if row.error is None else f"{_worst(row):.1e}",
            "–" if row.compile_seconds is None else f"{row.compile_seconds:.0f} s",
            Text(f"{row.status}: {row.why}" if row.status != "ok" else _settings(row)),
        )
    console().print(table)


def duration(seconds: float | None) -> str:
    """Three digits in the unit that suits.

    >>> duration(0.00123), duration(4.2e-5), duration(None)
    ('1.23 ms', '42.0 µs', '–')
    """
    if seconds is None:
        return "–"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size or unit == "µs":
            value = seconds / size
            return f"{value:.{max(0, 2 - len(str(int(value))) + 1)}f} {unit}"
    return "–"


def _worst(row: Row) -> float:
    return max(e for e in (row.error, row.gradient_error) if e is not None)


def _settings(row: Row) -> str:
    return ", ".join(f"{key}={value}" for key, value in row.settings.items())


def show_end(results: Results) -> None:
    """Prints the memory and the machine."""
    out = console()
    for job in dict.fromkeys(memory.job for memory in results.memory):
        entries = [memory for memory in results.memory if memory.job == job]
        figures = ", ".join(f"{m.contender} {m.bytes / 1e6:.1f} MB" for m in entries if m.bytes is not None)
        out.print(f"memory of {job.config} G={job.grid}, forward + backward: {figures or entries[0].why}")
    for entry in results.peaks:
        rates = [entry[key] for key in ("matmul", "loop") if entry[key]]
        if rates:
            out.print(
                f"peak of the machine: {max(rates) / 1e9:.0f}·10⁹ multiply-adds per second, {entry['dtype']}, "
                f"{entry['threads']} thread{'s' if entry['threads'] > 1 else ''}"
            )
