"""Requests that the editor answers, as functions from JSON values to JSON values; the server and the widget call them."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, final

from splinework.errors import ConfigError, nearest
from splinework.interpret.edit.pruning import kept_edges
from splinework.interpret.symbolic.suggestions import ROUNDING
from splinework.nn.arrays import data_of
from splinework.nn.edge_formula import edge_text
from splinework.nn.files import write_whole
from splinework.nn.frame import network_of
from splinework.nn.naming import edge_names
from splinework.nn.network import KAN
from splinework.report.editor.arguments import literal
from splinework.report.editor.measures import MAX_SHOWN, comparison, difference, errors, outputs, thinned
from splinework.report.editor.places import WorkingFolder
from splinework.report.editor.refit import Refit, check_idle
from splinework.report.editor.session import EditSession, SessionStep
from splinework.report.editor.verbs import VERBS, function_of
from splinework.report.graph import graph_of
from splinework.report.plot.curves import inside

EXPORTS: Final = {"onnx": ".onnx", "torch": ".pt2", "numpy": ".py", "c": ".c", "js": ".mjs", "latex": ".tex"}
"""Target of an export → suffix of its file."""
MAX_EDGES: Final = 300
"""Most edges in the picture."""
_MOST_SUGGESTIONS: Final = 8

Json = dict[str, Any]


@final
class EditorService:
    """The questions and commands of a page, by name.

    Example:
        >>> import splinework as sw
        >>> service = EditorService(EditSession(sw.KAN([2, 3, 1])), ".")
        >>> state = service.answer("edit", {"name": "widen", "arguments": {"layer": 1, "count": 2}, "at": 0})
        >>> state["shape"], state["steps"][1]["line"]
        ([2, 5, 1], 'model = sw.edit.widen(model, 1, 2)')
    """

    def __init__(self, session: EditSession, folder: str | os.PathLike[str]) -> None:
        self.session, self.folder = session, WorkingFolder(folder)
        self.refit: Refit | None = None
        self._measured: dict[int, tuple[SessionStep, Any, Any]] = {}
        self.requests: Mapping[str, Callable[[Json], Json]] = {
            "state": lambda request: self.state(),
            "edit": self.edit,
            "undo": self._moved(session.undo),
            "redo": self._moved(session.redo),
            "go": lambda request: self._moved(lambda: session.go(request.get("to")))(request),
            "suggest": self.suggest,
            "preview": self.preview,
            "progress": lambda request: self.progress(),
            "cancel": self.cancel,
            "compare": lambda request: comparison(session, request.get("first"), request.get("second")),  # type: ignore[arg-type]
            "script": lambda request: {"script": session.script()},
            "save": self.save,
            "export": self.export,
        }

    def answer(self, name: str, request: Any) -> Json:
        """The answer to a request.

        Raises:
            SplineworkError: If it is refused; nothing has changed then.
        """
        if name not in self.requests:
            raise ConfigError(f"there is no request {name!r:.60}; {nearest(name[:60], self.requests)}")
        if not isinstance(request, dict):
            raise ConfigError(f"a request is an object, got {type(request).__name__}.")
        with self.session.lock:
            return self.requests[name](request)

    # ------------------------------------------------------------------------------------------- the state

    def state(self) -> Json:
        """Everything that the page shows of the present state."""
        session, model = self.session, self.session.model
        network, seen = inside(model, session.taken(model, thinned(session.shown, MAX_SHOWN)))
        graph = graph_of(network, seen, most=MAX_EDGES)
        _describe(graph, network)
        error, values = self._measures(session.position)
        before = self._measures(max(session.position - 1, 0))[1]
        return {
            "name": session.name,
            "position": session.position,
            "steps": [
                {"title": s.title, "line": s.line, "seconds": s.seconds, "notes": list(s.notes), "saved": list(s.saved)}
                for s in session.steps
            ],
            "saved": session.is_saved,
            "graph": graph,
            "shape": [list(entry) if isinstance(entry, tuple) else entry for entry in network.config.shape],
            "grids": [layer.basis.resolution for layer in network.kan_layers],
            "edges": network.active_edges(),
            "parameters": network.parameter_count(),
            "framed": network is not model,
            "rows": {
                "x": session.rows["x"] is not None,
                "y": session.rows["y"] is not None,
                "count": len(session.shown),
            },
            "errors": error,
            "change": {"last": difference(before, values), "start": difference(self._measures(0)[1], values)},
            "refit": self.progress()["refit"],
            "folder": str(self.folder.folder),
            "verbs": {name: list(verb.needs) for name, verb in VERBS.items()},
            "exports": EXPORTS,
        }

    def _measures(self, number: int) -> tuple[Any, Any]:
        """Errors and values of a state, worked out once."""
        step = self.session.steps[number]
        if number not in self._measured or self._measured[number][0] is not step:
            self._measured[number] = (step, errors(self.session, step.model), outputs(self.session, step.model))
        return self._measured[number][1:]

    # --------------------------------------------------------------------------------------------- editing

    def edit(self, request: Json) -> Json:
        """Makes an edit, or begins a refit, of the state that the page shows (`at`)."""
        check_idle(self.refit)
        self._check_place(request)
        name, arguments = request.get("name"), request.get("arguments", {})
        if name == "refit":
            self.refit = Refit(self.session, self.session.call(name, arguments))
        else:
            self.session.edit(name, arguments)
        return self.state()

    def _check_place(self, request: Json) -> None:
        """Checks that the page shows the present state: another page may have gone on."""
        if request.get("at") != self.session.position:
            raise ConfigError(
                f"the page shows state {request.get('at')!r:.20}, and the session is at {self.session.position}, as another page "
                "has changed it; look at it and try again."
            )

    def _moved(self, move: Callable[[], None]) -> Callable[[Json], Json]:
        def moved(request: Json) -> Json:
            check_idle(self.refit)
            move()
            return self.state()

        return moved

    def suggest(self, request: Json) -> Json:
        """Functions that an edge may be, with the curves for small pictures."""
        session, rows = self.session, thinned(self.session.shown, MAX_SHOWN)
        found = function_of("sw.suggest")(
            session.model, session.taken(session.model, rows), _edge(request), rows=_MOST_SUGGESTIONS
        )
        return {
            "edge": list(found.edge),
            "names": list(found.names),
            "drawn": session.rows["x"] is None,
            "u": found.u.tolist(),
            "values": found.values.tolist(),
            "functions": [
                {
                    "name": row.name,
                    "r2": row.r2,
                    "length": row.length,
                    "probability": row.probability,
                    "text": row.text,
                    "curve": [value if abs(value) < float("inf") else None for value in curve.tolist()],
                }
                for row, curve in zip(found, found.curves, strict=True)
            ],
        }

    def preview(self, request: Json) -> Json:
        """The edges that a pruning would remove, and its cost; nothing changes."""
        session, model = self.session, self.session.model
        call = session.call("prune", request.get("arguments", {}))
        network, seen = inside(model, session.taken(model, session.shown))
        options = {name: value for name, value in call.keywords.items() if name != "drop_inputs"}
        keep = kept_edges(network, data_of(network, seen), **options)
        gone = [
            f"{l}:{i}:{j}"
            for l, (layer, mask) in enumerate(zip(network.kan_layers, keep, strict=True))
            for i, j in (layer.alive & ~mask).nonzero().tolist()
        ]
        pruned = call.edited(call.run(model, session.rows))
        return {
            "gone": gone,
            "left": network_of(pruned).active_edges(),
            "change": difference(self._measures(session.position)[1], outputs(session, pruned)),
            "errors": errors(session, pruned),
        }

    def progress(self) -> Json:
        """How far the refit is that is going on, or the last one; None if there was none."""
        return {"refit": None if self.refit is None else self.refit.progress()}

    def cancel(self, request: Json) -> Json:
        """Cancels the refit that is going on."""
        if self.refit is None or not self.refit.running:
            raise ConfigError("no refit is going on.")
        self.refit.cancel()
        return self.progress()

    # ----------------------------------------------------------------------------------------------- files

    def save(self, request: Json) -> Json:
        """Writes the present model, or the script of the session, into the working folder."""
        script = request.get("what") == "script"
        suffixes = (".py",) if script else (".safetensors",)
        path = self.folder.place(request.get("path"), suffixes, replace=request.get("replace") is True)
        if script:
            write_whole(path, self.session.script().encode())
        else:
            function_of("sw.save")(self.session.model, path, notes=self.session.notes)
            notes = f", notes={literal(self.session.notes)}" if self.session.notes else ""
            self._written(f"sw.save(model, {literal(self._relative(path))}{notes})")
        return {"written": self._relative(path), "state": self.state()}

    def export(self, request: Json) -> Json:
        """Writes the present model for another program into the working folder."""
        target = request.get("target")
        if target not in EXPORTS:
            raise ConfigError(f"there is no target {target!r:.40}; {nearest(str(target)[:40], EXPORTS)}")
        path = self.folder.place(request.get("path"), (EXPORTS[target],), replace=request.get("replace") is True)
        function_of("sw.export")(self.session.model, target, path)
        self._written(f"sw.export(model, {literal(target)}, {literal(self._relative(path))})")
        return {"written": self._relative(path), "state": self.state()}

    def _written(self, line: str) -> None:
        if line not in self.session.step.saved:
            self.session.step.saved.append(line)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.folder.folder).as_posix()


def _edge(request: Json) -> Any:
    edge = request.get("edge")
    if not isinstance(edge, list):
        raise ConfigError(f"edge is [layer, input, sum] or two names, got {edge!r:.60}.")
    return edge


def _describe(graph: Json, network: KAN) -> None:
    """Adds to every edge of a graph its names, its role and, of a function, its formula with numbers."""
    for edge in graph["edges"]:
        place = tuple(int(part) for part in edge["id"].split(":"))
        layer, i, j = place
        edge["names"] = list(edge_names(network, [(layer, i, j)])[0])
        held = network.kan_layers[layer].functions
        own = None if held is None else held.edge(i, j)
        edge["frozen"] = own is not None and not any(own.free)
        if own is None:
            continue
        if edge["frozen"]:
            edge["state"] = "frozen"
        if own.family.text:
            edge["formula"] = edge_text(own.family.text, _shown(own.numbers.tolist()))


def _shown(numbers: list[float]) -> list[float]:
    """The numbers of a function with four digits, shifts that are nothing but rounding as zero."""
    a, b, c, d, *own = numbers
    kept = (a, b if abs(b) > ROUNDING else 0.0, c, d if abs(d) > ROUNDING * abs(c) else 0.0, *own)
    return [float(f"{value:.4g}") for value in kept]
