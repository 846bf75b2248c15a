"""An experiment of two parameters that takes no time, for the laws of the framework."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from splinework.reproduce import BoundCheck, ComparisonRow, Experiment, ExperimentCell, FinishedCell


@dataclass(frozen=True)
class Squares(Experiment):
    """The squares of numbers; `called` collects what was run."""

    numbers: tuple[int, ...] = (1, 2, 3)
    called: Callable[[int], None] = print

    name: ClassVar[str] = "squares"
    title: ClassVar[str] = "Squares"
    about: ClassVar[str] = "Squares of whole numbers."
    minutes: ClassVar[tuple[float, float]] = (0.1, 0.2)

    def cells(self, scale: str) -> Sequence[ExperimentCell]:
        numbers = self.numbers[:2] if scale == "quick" else self.numbers
        return [ExperimentCell(f"square of {number}", {"number": number}) for number in numbers]

    def run(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        self.called(settings["number"])
        return {"square": settings["number"] ** 2}

    def rows(self, finished: Sequence[FinishedCell]) -> list[ComparisonRow]:
        squares = {cell.settings["number"]: float(cell.result["square"]) for cell in finished}
        return [ComparisonRow(f"{n}", "square", float(n * n), squares.get(n), squares.get(n)) for n in self.numbers]

    def checks(self, finished: Sequence[FinishedCell]) -> list[BoundCheck]:
        return [BoundCheck("there is a result", f"{len(finished)}", bool(finished))]

    def draw(self, finished: Sequence[FinishedCell], figure: Any) -> None:
        figure.subplots().plot([cell.result["square"] for cell in finished])
