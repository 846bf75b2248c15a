"""Sections on the model: diagram, edges, notes and usage. Each returns its content, possibly empty."""

import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from splinework.nn.frame import FramedKAN
from splinework.nn.naming import edge_names
from splinework.report.facts import ReportData
from splinework.report.html import NOTHING, Html, bullets, code, element, join, number, paragraph, table, text
from splinework.report.plot.curves import edge_curves
from splinework.report.plot.orientation import function_names

MAX_EDGE_ROWS = 200
PACKAGES = ("splinework", "torch", "numpy", "scipy", "sympy", "matplotlib")


def subject(facts: ReportData) -> str:
    """The subject of the page, in one sentence."""
    if facts.network is None:
        return f"Formulas found with {_named('splinework')}."
    shape = ", ".join(str(entry) for entry in facts.network.config.shape)
    framed = " in a frame of formulas" if isinstance(facts.model, FramedKAN) else ""
    return f"A Kolmogorov–Arnold network of shape [{shape}]{framed}, fitted with {_named('splinework')}."


def frame(facts: ReportData) -> Html:
    """The formulas before and after a network in a frame."""
    if not isinstance(facts.model, FramedKAN):
        return NOTHING
    held = facts.model.frame
    before = [[text(n + 1), element("code", text(feature.text))] for n, feature in enumerate(held.before)]
    after = [
        [text(name), element("code", text(answer.text))]
        for name, answer in zip(held.output_names, held.after, strict=False)
    ]
    parts = []
    if before:
        parts.append(table("The network's inputs as formulas.", ("input", "formula"), before, words=(0, 1)))
    if after:
        caption = f"The outputs as formulas of the network's outputs {', '.join(held.hidden_names)}."
        parts.append(table(caption, ("output", "formula"), after, words=(0, 1)))
    return join(*parts)


def edge_table(facts: ReportData) -> Html:
    """A table of the active edges."""
    model, x = facts.network, facts.seen
    if model is None or x is None or not model.active_edges():
        return NOTHING
    curves = edge_curves(model, x, points=64)
    keys, labels = curves.keys, function_names(model)
    names = edge_names(model, keys)
    order = sorted(range(len(keys)), key=lambda e: -curves.score[e])[:MAX_EDGE_ROWS]
    lines = [
        [
            text(f"{names[e][0]} → {names[e][1]}"),
            text(labels.get(keys[e], "spline")),
            text(keys[e][0] + 1),
            number(float(curves.score[e]), 3),
            *(
                number(float(value))
                for value in (curves.x[e, 0], curves.x[e, -1], curves.y[e].min(), curves.y[e].max())
            ),
        ]
        for e in order
    ]
    head = ("edge", "function", "layer", "score", "from", "to", "smallest value", "largest value")
    caption = "Active edges, most important first, in network units."
    if len(keys) > len(lines):
        caption += f" The first {len(lines)} of {len(keys)}."
    listing = table(caption, head, lines, words=(0, 1))
    return element("details", element("summary", text(f"{len(lines)} edges in numbers")), listing)


def notes(facts: ReportData) -> Html:
    """Notes on decisions."""
    return bullets(facts.notes)


def usage(facts: ReportData) -> Html:
    """How to use the saved model from Python and from the command line."""
    model = facts.model
    if model is None:
        return NOTHING
    command = "splinework predict model.safetensors data.csv --out predictions.csv"
    if facts.task.columns:
        return _usage_of_estimator(facts, command)
    python = [
        "import torch, splinework as sw",
        'model = sw.load("model.safetensors")  # written by sw.save, splinework fit or discover',
    ]
    dtype = next(model.parameters()).dtype
    if facts.train is not None and len(facts.train) and model.inputs <= 8:
        row = [float(f"{value:.4g}") for value in facts.train.x[0]]
        with torch.no_grad():
            own = next(model.parameters())
            result = model(torch.tensor([row], dtype=own.dtype, device=own.device))[0].tolist()
        shown = ", ".join(f"{value:.4g}" for value in result)
        python.append(f"y = model(torch.tensor([{row}], dtype={dtype}))  # about {shown}")
    else:
        python.append(f"y = model(torch.zeros(1, {model.inputs}, dtype={dtype}))  # rows in raw units")
    columns = "Columns of x, in this order: " + ", ".join(facts.names) + "."
    return join(
        paragraph(columns),
        code("\n".join(python), "How to use the model from Python"),
        paragraph("For a table with these columns, in any order:"),
        code(command, "How to use the model from the command line"),
    )


def _usage_of_estimator(facts: ReportData, command: str) -> Html:
    python = [
        "import pandas as pd",
        "from splinework.tabular import load",
        'model = load("model.safetensors")  # written by its save method or by splinework fit',
        'table = pd.read_csv("data.csv")',
        "y = model.predict(table)",
        *(["shares = model.predict_proba(table)"] if facts.classes else []),
    ]
    columns = (
        "Columns of the table, in this order in Python: " + ", ".join(column.name for column in facts.columns) + "."
    )
    return join(
        paragraph(columns),
        code("\n".join(python), "How to use the model from Python"),
        paragraph("From the command line, with the columns in any order:"),
        code(command, "How to use the model from the command line"),
    )


def versions(facts: ReportData) -> Html:
    """The seed of the fit, how to make this page again, and versions of the packages that made it."""
    held = [_named(name) for name in PACKAGES]
    seed = facts.metric("seed")
    stated = "" if seed is None else f"The fit used the seed {int(seed)}. "
    stated += "With the same model, rows and versions this page is the same, byte for byte."
    command = "splinework report model.safetensors data.csv --out report.html"
    again = code(command, "How to make this page again from the command line") if facts.model is not None else NOTHING
    return join(paragraph(stated), again, paragraph(f"{', '.join(held)}, Python {platform.python_version()}.", "aside"))


def _named(package: str) -> str:
    """A package with its version, if it is installed."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package
