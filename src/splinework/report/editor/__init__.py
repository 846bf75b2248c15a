"""The editor of networks: a session of edits with undo and a script, and the page in which it is used.

`session.py` is the state machine, `verbs.py` the edits as calls of the library, `service.py` what a page may ask, `server.py`
the page on 127.0.0.1 (`splinework open`), `notebook.py` the same in a notebook. Not here: what an edit does
(`splinework.interpret.edit`).
"""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what `lazy` reads, too
    from splinework.report.editor.notebook import widget
    from splinework.report.editor.session import EditSession

__all__ = ["EditSession", "widget"]

__getattr__ = lazy(__name__)
