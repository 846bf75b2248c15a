"""A fitted model in words and numbers: its shape, columns, edges with their curves, and formulas."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from splinework.cli.fitted import ModelFile
from splinework.cli.json_output import finite
from splinework.cli.knowledge import show_axiom_status
from splinework.cli.sample import Floats
from splinework.cli.terminal import console, share, shortened, show_table
from splinework.formula.figures import figure, plural

_N_POINTS: Final = 64
_CURVE_WIDTH: Final = 16  # of a curve in the terminal
_BARS: Final = "▁▂▃▄▅▆▇█"
_MIN_SIMILARITY: Final = 0.98
"""R² from which a function of the library is named beside an edge."""


def describe(fitted: ModelFile, *, most: int, tell: Callable[[float], None]) -> dict[str, Any]:
    """The description of a model as JSON values."""
    model = fitted.network
    config = model.config
    used = set(fitted.used())
    scales = fitted.scales
    inputs = [
        {"name": column, "called": name, "scale": scale, "low": finite(low), "high": finite(high), "used": name in used}
        for name, column, scale, (low, high) in zip(
            fitted.input_names, fitted.features, scales[0], fitted.limits(), strict=True
        )
    ]
    outputs = [
        {"name": column, "called": name, "scale": scale}
        for name, column, scale in zip(fitted.output_names, fitted.targets, scales[1], strict=True)
    ]
    frame = fitted.frame
    return {
        "file": fitted.path,
        "version": fitted.version,
        "shape": config.shape,
        "dtype": str(next(model.parameters()).dtype).removeprefix("torch."),
        "parameters": model.parameter_count(),
        "parameters_in_use": model.parameter_count(active=True),
        "active_edges": model.active_edges(),
        "edges_in_all": sum(layer.mask.numel() for layer in model.kan_layers),
        "layers": [
            {"basis": layer.basis.to_dict(), "base": layer.base, "grid": layer.grid_kind} for layer in model.kan_layers
        ],
        "inputs": inputs,
        "outputs": outputs,
        "frame": None if frame is None else {"features": list(frame.features), "answers": list(frame.answers)},
        "axioms": fitted.axioms,
        "edges": _edges(fitted, most, tell),
        "formulas": fitted.formulas,
        "notes": fitted.remarks,
    }


def show_description(described: Mapping[str, Any]) -> None:
    """Prints a description."""
    out = console()
    shape = ", ".join(str(part).replace(" ", "") for part in described["shape"])
    basis = described["layers"][0]["basis"]
    kind = ", ".join(f"{value}" if key == "name" else f"{key} {value}" for key, value in basis.items())
    rows = {
        "model": f"{described['file']}, written by splinework {described['version']}",
        "shape": f"[{shape}], {described['active_edges']} of {plural(described['edges_in_all'], 'edge')} active",
        "numbers": f"{described['parameters_in_use']} of {described['parameters']} parameters in use, {described['dtype']}",
        "splines": f"{kind}; base function {described['layers'][0]['base']}",
        "outputs": ", ".join(_named(column) for column in described["outputs"]),
    }
    for name, text in rows.items():
        out.print(f"{name:<9}{text}")
    for number, column in enumerate(described["inputs"]):
        idle = "" if column["used"] else "; not used"
        reach = f"from {figure(column['low'])} to {figure(column['high'])}"
        out.print(f"{'inputs' if not number else '':<9}{_named(column)} {reach}{idle}")
    frame = described["frame"] or {"features": [], "answers": []}
    for number, text in enumerate(frame["features"], start=1):
        out.print(f"{'before' if number == 1 else '':<9}input {number} of the network is {text}")
    for number, text in enumerate(frame["answers"]):
        name = described["outputs"][number]["name"]
        out.print(f"{'' if number else 'after':<9}{name} = {text}, z{number + 1} being the network's output")
    show_axiom_status(described["axioms"])
    _show_edges(described)
    _show_formulas(described["formulas"])
    for note in described["notes"]:
        out.print(f"  · {note}")


def _edges(fitted: ModelFile, most: int, tell: Callable[[float], None]) -> list[dict[str, Any]]:
    """The edges that matter most, strongest first."""
    from splinework.nn.naming import edge_names
    from splinework.report.plot.curves import edge_curves

    network = fitted.network
    if not network.active_edges() or not most:
        return []
    curves = edge_curves(network, fitted.inside(fitted.drawn()).x, points=_N_POINTS)
    names = edge_names(network, curves.keys)
    chosen = np.argsort(-curves.score, kind="stable")[:most].tolist()
    found = []
    for done, edge in enumerate(chosen, start=1):
        kind, r2 = _kind(curves.x[edge], curves.y[edge])
        layer = network.kan_layers[int(curves.layer[edge])]
        found.append(
            {
                "from": names[edge][0],
                "to": names[edge][1],
                "layer": int(curves.layer[edge]) + 1,
                "score": finite(curves.score[edge]),
                "like": kind,
                "like_r2": r2,
                "intervals": layer.basis.resolution,
                "x": [finite(value) for value in curves.x[edge]],
                "y": [finite(value) for value in curves.y[edge]],
            }
        )
        tell(done / len(chosen))
    return found


def _kind(x: Floats, y: Floats) -> tuple[str | None, float | None]:
    """The function of the library that is closest to a curve, by description length, and its R²."""
    from splinework.interpret.symbolic.edges import edge_candidates
    from splinework.interpret.symbolic.library import IDENTITY, LIBRARY

    if not np.isfinite(y).all() or np.ptp(y) <= 1e-9 * max(np.abs(y).max(), 1e-300):
        return "a constant", None
    best = next(iter(edge_candidates(x, y, np.ones_like(x), LIBRARY, floor=1e-6)), None)
    if best is None:
        return None, None
    return ("a straight line" if best.function is IDENTITY else best.function.name), finite(1 - best.unexplained)


def _show_edges(described: Mapping[str, Any]) -> None:
    edges = described["edges"]
    if not edges:
        return
    rows = [
        (f"{edge['from']} → {edge['to']}", figure(edge["score"]), curve_of(edge["y"]), _likeness(edge))
        for edge in edges
    ]
    columns: dict[str, Any] = {"edge": {}, "score": {"justify": "right"}, "curve": {"no_wrap": True}, "like": {}}
    show_table("edges, those that matter most first", columns, rows)
    if (more := described["active_edges"] - len(edges)) > 0:
        console().print(f"and {plural(more, 'edge')} more, see --edges")


def curve_of(values: Sequence[float | None]) -> str:
    """A curve as a line of block characters; a flat one lies in the middle, and a gap is a blank.

    >>> curve_of([0.0, 0.5, 1.0])
    '▁▅█'
    """
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, reach = min(known), max(known) - min(known)
    places = np.linspace(0, len(values) - 1, min(_CURVE_WIDTH, len(values))).round().astype(int)
    flat = reach <= 1e-9 * max(map(abs, known))
    letters = []
    for value in (values[place] for place in places):
        level = 0.5 if flat or value is None else (value - low) / reach
        letters.append(" " if value is None else _BARS[min(int(level * len(_BARS)), len(_BARS) - 1)])
    return "".join(letters)


def _likeness(edge: Mapping[str, Any]) -> str:
    if edge["like"] is None:
        return "–"
    if edge["like_r2"] is None:
        return str(edge["like"])
    if edge["like_r2"] < _MIN_SIMILARITY:
        return f"no function of the library; nearest {edge['like']} (R² {share(edge['like_r2'])})"
    return f"{edge['like']} (R² {share(edge['like_r2'])})"


def _show_formulas(formulas: Sequence[Mapping[str, Any]]) -> None:
    out = console()
    if not formulas:
        return
    out.print("formulas that were found with it, best first (rounded)", style="bold")
    for row in formulas:
        test = row.get("r2_test")
        quality = f"   (R² test {share(test)})" if isinstance(test, (int, float)) else ""
        out.print(f"  {row.get('target', 'y')} = {shortened(row['formula'])}{quality}")


def _named(column: Mapping[str, Any]) -> str:
    """A column, with its name in formulas and its scale if these are not the usual ones."""
    called = f" (in formulas {column['called']})" if column["called"] != column["name"] else ""
    scale = ", logarithmic" if column["scale"] == "log" else ""
    return f"{column['name']}{called}{scale}"
