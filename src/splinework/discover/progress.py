"""What is being done, on a terminal: a spinner, a sentence and a clock. Nothing where there is no terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def telling(wanted: bool, on_stage: Callable[[str], None] | None) -> Iterator[Callable[[str], None]]:
    """Who is told of every stage: the caller, where it wants to know; else the terminal, where that is wanted."""
    if on_stage is not None:
        yield on_stage
        return
    if not wanted or sys.stderr is None or not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda text: bar.update(task, description=text)
