"""The editor as a widget of a notebook, by anywidget (the extra `notebook`), with the front end of the page."""

import os
from functools import cache
from typing import Any

from splinework.errors import ConfigError, SplineworkError
from splinework.errors.foreign import explained
from splinework.report.editor.page import script, style
from splinework.report.editor.places import FileExists
from splinework.report.editor.service import EditorService
from splinework.report.editor.session import EditSession, Model


@explained
def widget(model: Model, x: Any = None, y: Any = None, *, folder: str | os.PathLike[str] = ".") -> Any:
    """The editor of a model in a notebook, as `splinework open` shows it in a browser.

    Its `session` is an `EditSession`: `session.model` is the model as edited, `session.script()` the lines that make it.

    Args:
        model: The network; unchanged.
        x: Rows in raw units, `(N, inputs)`; without any, edits that need rows are refused.
        y: Measured values of the outputs, `(N, outputs)`; without any, a refit is refused.
        folder: The folder in which models, exports and scripts are saved.

    Returns:
        The widget; the last line of a cell shows it.

    Raises:
        ConfigError: If anywidget is not installed, or y is given without x.
        ShapeError: If x or y has another number of columns.
        DataError: If x or y does not hold finite numbers.

    Example:
        >>> import splinework as sw
        >>> from splinework.report.editor import widget
        >>> shown = widget(sw.KAN([2, 3, 1]))
        >>> shown.session.edit("widen", {"layer": 1, "count": 2})
        >>> shown.session.model.config.shape
        [2, 5, 1]
    """
    source = [
        "# model: the network that was passed to widget()"
        + (", x" if x is not None else "")
        + (" and y: its rows" if y is not None else "")
    ]
    session = EditSession(model, x=x, y=y, source=source, name="the model")
    return _widget_class()(EditorService(session, folder))


@cache
def _widget_class() -> Any:
    """The class of the widget; anywidget is loaded here only.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        from anywidget import AnyWidget
    except ImportError as error:
        raise ConfigError("the widget needs anywidget; install it with: pip install 'splinework[notebook]'") from error

    class EditorWidget(AnyWidget):
        """The view of a session."""

        _esm = script("notebook")
        _css = style()

        def __init__(self, service: EditorService) -> None:
            super().__init__()
            self.service = service
            self.on_msg(self._asked)

        @property
        def session(self) -> EditSession:
            """The session."""
            return self.service.session

        def _asked(self, widget: Any, content: Any, buffers: Any) -> None:
            self.send(answered(self.service, content))

    return EditorWidget


def answered(service: EditorService, content: Any) -> dict[str, Any]:
    """The answer to one message of the front end, with its `id`."""
    asked = content if isinstance(content, dict) else {}
    try:
        return {"id": asked.get("id"), "answer": service.answer(str(asked.get("name")), asked.get("values"))}
    except SplineworkError as error:
        return {"id": asked.get("id"), "error": str(error), "exists": isinstance(error, FileExists)}
