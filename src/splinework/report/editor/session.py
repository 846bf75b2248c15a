"""A session of editing: a model, the edits made to it, undo and redo, and the script that repeats them. Nothing of the web.

Every state keeps its model, which no edit changes, so undoing is going back to it bit for bit. Every edit is a line of Python,
and the lines as a script give the same model as the session.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

import pandas as pd
import torch

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.nn.arrays import as_columns, check_finite
from splinework.nn.frame import FramedKAN
from splinework.nn.frame.framed import names_of
from splinework.nn.network import KAN
from splinework.report.editor.verbs import Call, call_of

N_DRAWN: Final = 512
"""Rows drawn from the domains of the grids where a session has none."""

Model = KAN | FramedKAN


@final
@dataclass
class SessionStep:
    """A state of the model, and the edit that led to it.

    Attributes:
        title: Name of the edit, for the list of steps.
        line: The statement that makes it; empty for the starting model.
        seconds: Time that it took.
        notes: Remarks on the edit, such as warnings of a fit.
        saved: Statements that wrote this state to files.
    """

    model: Model
    title: str
    line: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    saved: list[str] = field(default_factory=list)


@explained
@final
class EditSession:
    """A model under edit, with all its earlier states.

    Args:
        model: The starting model; unchanged by any edit.
        x: Rows in raw units, `(N, inputs)`; without any, edits that need rows are refused.
        y: Measured values of the outputs, `(N, outputs)`; without any, a refit is refused.
        shown: Rows for the pictures where x is not given; drawn from the domains of the grids by default.
        source: Statements of the script that define `model`, `x` and `y`.
        name: Name of the model, such as that of its file.
        notes: JSON values to store with the model when it is saved, see `save`.

    Raises:
        ShapeError: If x or y has another number of columns, or they have different numbers of rows.
        DataError: If x or y does not hold finite numbers.
        ConfigError: If y is given without x, or a network in a frame has no rows to show.

    Example:
        >>> import splinework as sw
        >>> session = EditSession(sw.KAN([2, 3, 1]), source=['model = sw.load("model.safetensors")'])
        >>> session.edit("widen", {"layer": 1, "count": 2})
        >>> session.model.config.shape, session.steps[-1].line
        ([2, 5, 1], 'model = sw.edit.widen(model, 1, 2)')
        >>> session.undo()
        >>> session.model.config.shape
        [2, 3, 1]
    """

    def __init__(
        self,
        model: Model,
        *,
        x: Any = None,
        y: Any = None,
        shown: Any = None,
        source: Sequence[str] = (),
        name: str = "model",
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        inputs, outputs = (list(names) for names in names_of(model))
        if y is not None and x is None:
            raise ConfigError("a session needs x together with y, got y alone; pass the rows that y belongs to.")
        self.rows: dict[str, pd.DataFrame | None] = {"x": _frame(x, inputs, "x"), "y": _frame(y, outputs, "y")}
        if x is not None and y is not None and len(self._x) != len(_of(self.rows["y"])):
            raise ConfigError(
                f"x and y have as many rows, got {len(self._x)} and {len(_of(self.rows['y']))}; pass the rows of one table."
            )
        self.shown: pd.DataFrame = (
            self._x if x is not None else _frame(drawn(model) if shown is None else shown, inputs, "x")
        )
        self.name, self.notes, self.source = name, dict(notes or {}), tuple(source)
        self.steps = [SessionStep(model, "as opened")]
        self.position = 0
        self.lock = threading.RLock()
        """Held while the session changes, as requests come from several threads."""

    @property
    def _x(self) -> pd.DataFrame:
        return _of(self.rows["x"])

    @property
    def model(self) -> Model:
        """The model as it is now."""
        return self.steps[self.position].model

    @property
    def step(self) -> SessionStep:
        """The present state."""
        return self.steps[self.position]

    @property
    def is_saved(self) -> bool:
        """Whether the present state is the one that was opened, or has been written to a file."""
        return self.position == 0 or bool(self.step.saved)

    def call(self, name: Any, arguments: Any) -> Call:
        """The edit that a request asks for, checked but not made.

        Raises:
            ConfigError: If there is no such edit, or an argument is not as it should be.
        """
        return call_of(name, arguments, self.model, self.rows)

    def edit(self, name: Any, arguments: Any) -> None:
        """Makes one edit; undone steps after the present state are dropped.

        Raises:
            SplineworkError: If the edit is refused; the session is then as before.
        """
        with self.lock:
            call, began = self.call(name, arguments), time.monotonic()
            answer = call.run(self.model, self.rows)
            self.commit(call, call.edited(answer), time.monotonic() - began)

    def commit(self, call: Call, model: Model, seconds: float, notes: Sequence[str] = ()) -> None:
        """Adds the result of an edit of the present state."""
        with self.lock:
            del self.steps[self.position + 1 :]
            self.steps.append(SessionStep(model, call.title, call.line, seconds, tuple(notes)))
            self.position += 1

    def undo(self) -> None:
        """Goes back one step."""
        self.go(self.position - 1)

    def redo(self) -> None:
        """Goes forward one step that was undone."""
        self.go(self.position + 1)

    def go(self, position: Any) -> None:
        """Goes to a state by its number; 0 is the starting model."""
        with self.lock:
            self.position = self.number(position)

    def number(self, position: Any) -> int:
        """The number of a state."""
        whole = isinstance(position, int) and not isinstance(position, bool)
        if not (whole and 0 <= position < len(self.steps)):
            raise ConfigError(f"there is no state {position!r:.40}; they are 0 to {len(self.steps) - 1}.")
        return int(position)

    def taken(self, model: Model, rows: pd.DataFrame) -> torch.Tensor:
        """Rows as a model of this session takes them, which may have fewer inputs than the first one, in float64."""
        names, _ = names_of(model)
        return as_columns(rows, len(names), "x", names, torch.zeros(0, dtype=torch.float64))

    def script(self) -> str:
        """The session up to the present state as a Python script, which defines the same `model`."""
        with self.lock:
            kept = self.steps[: self.position + 1]
            imports = [line for line in self.source if line.startswith(("import ", "from "))]
            lines = [f"# Edits of {' '.join(self.name.split())}, made with splinework open.", "import splinework as sw"]
            lines += [*imports, "", *(line for line in self.source if line not in imports)]
            for step in kept:
                lines += [step.line] if step.line else []
                lines += step.saved
        return "\n".join(lines) + "\n"


def drawn(model: Model, rows: int = N_DRAWN) -> pd.DataFrame:
    """Rows drawn evenly from the domains of the first layer's grids, in raw units, `(rows, inputs)`.

    Raises:
        ConfigError: If the model has a frame, which does not say where its inputs lie.
    """
    if isinstance(model, FramedKAN):
        raise ConfigError(
            "a network in a frame does not say in which ranges its inputs lie; pass x, rows to show it on."
        )
    layer = model.kan_layers[0]
    low, high = (end.detach().reshape(1, -1) for end in layer.basis.domain(layer.knots()))
    share = torch.rand(rows, model.inputs, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = model.input_scaling.inverse(torch.lerp(low, high, share.to(low))).detach().double().cpu()
    return pd.DataFrame(points.numpy(), columns=list(model.config.input_names))


def _frame(values: Any, names: list[str], what: str) -> Any:
    """Rows as a frame with the names of the model's columns."""
    if values is None:
        return None
    columns = as_columns(values, len(names), what, names, torch.zeros(0, dtype=torch.float64))
    check_finite(columns, what, names)
    return pd.DataFrame(columns.cpu().numpy(), columns=names)


def _of(frame: pd.DataFrame | None) -> pd.DataFrame:
    assert frame is not None
    return frame
