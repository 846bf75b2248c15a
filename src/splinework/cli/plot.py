"""`splinework plot`: a picture of a fitted model, or a film of its fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from splinework.cli import common
from splinework.cli.complete import files_of
from splinework.cli.folder import check_file, check_order, write_file
from splinework.cli.json_output import json_text
from splinework.cli.options import argument, command, option, takes
from splinework.cli.progress import Stages
from splinework.errors import ConfigError, nearest

if TYPE_CHECKING:
    from splinework.cli.fitted import ModelFile
    from splinework.cli.sample import Floats
    from splinework.interpret.importance.row_function import RowFunction

SUFFIXES: Final = ("png", "svg", "pdf")
FILM_SUFFIXES: Final = ("gif", "mp4")
PICTURE_GROUP: Final = "Picture"


@dataclass(frozen=True, kw_only=True)
class PlotOptions:
    """The options as they were given."""

    model: str = argument(shell_complete=files_of)
    data: str | None = argument(required=False, shell_complete=files_of)
    max_unpacked: float | None = common.max_unpacked()
    held_out: bool = option(
        default=False, help="The rows of DATA were not used for training.", group=common.INPUT_GROUP
    )
    kind: Literal[
        "diagram", "edges", "activations", "grids", "importance", "effects", "interactions", "pair", "structure", "film"
    ] = option(default="diagram", help="What to draw.", group=PICTURE_GROUP)
    metric: Literal["attribution", "variance", "spread", "gain"] = option(
        default="attribution", help="Score of edges, for their opacity and order.", group=PICTURE_GROUP
    )
    most: int | None = option(
        within=(0, 400),
        metavar="N",
        help="Edges with curves at most.",
        show_default="by their number",
        group=PICTURE_GROUP,
    )
    formulas: bool = option(default=False, help="Write the formulas of edges that are functions.", group=PICTURE_GROUP)
    pair: tuple[str, ...] = option(
        default=(),
        metavar="COL,…",
        help="The two columns of a pair.",
        show_default="the strongest",
        group=PICTURE_GROUP,
    )
    budget: float = common.budget(20.0)
    seed: int = common.seed()
    out: str = common.out(
        "FILE", "The picture, by its suffix: " + ", ".join(f".{each}" for each in SUFFIXES) + ".", required=True
    )
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()


@command(no_args_is_help=True, short_help="Draw a picture of a fitted model, or a film of its fit.")
@takes(PlotOptions)
def plot(options: PlotOptions) -> None:
    """Draw MODEL, a file written by `fit`, `discover` or splinework.save, on the rows of DATA.

    The kinds are the network (diagram), its edges with the density of the data and, if DATA has the target, what the residuals
    ask of them (edges), histograms of the values of edges (activations) and of what the grids meet (grids), the importance of
    the columns, their effects, the shares of pairs (interactions; with --held-out and the target also their p-values), the
    surface of a pair, and the tree of modules (structure).
    Without DATA the model is drawn on rows drawn evenly from the ranges of its inputs.

    A film shows a new network of the shape of MODEL being fitted to DATA, for --budget seconds at most; FILE is a .gif, or an
    .mp4 where ffmpeg is installed.

    \b
    Examples:
      splinework plot splinework-data/model.safetensors --out network.svg
      splinework plot model.safetensors data.csv --kind edges --metric variance --out edges.png
      splinework plot model.safetensors data.csv --kind pair --pair dose,age --out pair.png
      splinework plot model.safetensors data.csv --kind film --out fit.gif
    """
    check_order(options.model, options.data)
    if options.held_out and options.data is None:
        raise ConfigError("--held-out is about the rows of DATA, but no DATA are given; name a file, or leave it out.")
    suffix = Path(options.out).suffix[1:].lower()
    allowed = FILM_SUFFIXES if options.kind == "film" else SUFFIXES
    if suffix not in allowed:
        raise ConfigError(
            f"--out {options.out} does not say what to write; a {'film' if options.kind == 'film' else 'picture'} ends in "
            f"{' or '.join(f'.{each}' for each in allowed)}."
        )
    if options.kind == "film" and options.data is None:
        raise ConfigError("--kind film fits the network to the rows of DATA, but no DATA are given; name a file.")
    if options.pair and (options.kind != "pair" or len(options.pair) != 2):
        raise ConfigError(
            f"--pair names two columns, for --kind pair, got {','.join(options.pair)} for {options.kind}."
        )
    check_file(options.out, [options.model, *([options.data] if options.data else [])], example=f"network.{allowed[0]}")
    with Stages(quiet=options.quiet) as stages:
        stages.stage("loading the model", after=1.0)
        from splinework.cli.fitted import ModelFile

        fitted = ModelFile(options.model)
        x, y, remarks = _rows(options, fitted, stages)
        stages.stage(f"drawing the {options.kind}", after=1.0)
        if options.kind == "film":
            _film(options, fitted, x, y)
        else:
            figure = _DRAWN[options.kind](options, fitted, x, y)
            write_file(Path(options.out), _content(figure, suffix))
    if options.as_json:
        click.echo(
            json_text({"kind": options.kind, "rows": len(x), "notes": remarks, "files": {"picture": options.out}}),
            nl=False,
        )
    elif not options.quiet:
        click.echo(f"open   {options.out}")
        for remark in remarks:
            click.echo(f"note: {remark}", err=True)


def _rows(options: PlotOptions, fitted: ModelFile, stages: Stages) -> tuple[Floats, Floats | None, list[str]]:
    """Inputs of the network in raw units, targets where DATA has them, and notes."""
    if options.data is None:
        return (
            fitted.drawn(),
            None,
            ["no data were given: the model is drawn on rows drawn evenly from the ranges of its inputs"],
        )
    from splinework.cli.pages import rows_of
    from splinework.tabular.tables import read_table

    stages.stage(f"reading {options.data}", after=1.0)
    table = read_table(options.data, tell=stages.share, max_unpacked=options.max_unpacked)
    rows = rows_of(table, fitted, held_out=False)
    if fitted.estimator is not None:
        if options.kind == "film":
            raise ConfigError(
                f"{fitted.path} holds a model of categories, classes or gaps, whose network is not fitted by itself; make a film "
                "of a network that `fit` found for columns of numbers."
            )
        targets = None if hasattr(fitted.estimator, "classes_") else rows.y
        return fitted.estimator.row_function(rows.x).x, targets, list(rows.remarks)
    return rows.x, rows.y, list(rows.remarks)


def _content(figure: Any, suffix: str) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    figure.savefig(buffer, format=suffix, dpi=150, metadata={"Date": None} if suffix == "svg" else None)
    return buffer.getvalue()


def _first(axes: Any) -> Any:
    """The figure of axes; ConfigError where there are none."""
    if not len(axes):
        raise ConfigError("the model has no active edges, so there is nothing to draw.")
    return axes[0].figure


def _diagram(options: PlotOptions, fitted: ModelFile, x: Floats, y: Floats | None) -> Any:
    from splinework.report.plot import plot as draw

    extra: dict[str, Any] = (
        {} if fitted.frame is not None else {"names": fitted.features, "output_names": fitted.targets}
    )
    return draw(fitted.model, x, metric=options.metric, most=options.most, formulas=options.formulas, **extra).figure


def _edges(options: PlotOptions, fitted: ModelFile, x: Floats, y: Floats | None) -> Any:
    from splinework.report.plot import plot_edges

    plain = fitted.estimator is None and (fitted.frame is None or not fitted.frame.after)
    targets = y if plain else None
    return _first(plot_edges(fitted.model, x, targets, metric=options.metric, **_most(options)))


def _activations(options: PlotOptions, fitted: ModelFile, x: Floats, y: Floats | None) -> Any:
    from splinework.report.plot import plot_activations

    return _first(plot_activations(fitted.model, x, metric=options.metric, **_most(options)))


def _grids(options: PlotOptions, fitted: ModelFile, x: Floats, y: Floats | None) -> Any:
    from splinework.report.plot import plot_grids

    return _first(plot_grids(fitted.model, x))


def _most(options: PlotOptions) -> dict[str, Any]:
    return {} if options.most is None else {"most": options.most}


def _function(fitted: ModelFile, x: Floats) -> RowFunction:
    """The function of the columns, by their names, for importance and effects."""
    from splinework.interpret.importance.row_function import row_function

    if fitted.estimator is not None:
        return replace(row_function(fitted.estimator, None), x=x)
    return replace(row_function(fitted.model, x), inputs=tuple(fitted.features), outputs=tuple(fitted.targets))


def _importance(options: PlotOptions, fitted: ModelFile, x: Floats, y: Floats | None) -> Any:
    from splinework.interpret.importance import importance
    from splinework.report.plot import plot_importance

    return plot_importance(importance(_function(fitted, x), x, seed=options.seed)).figure


def _effects(options: PlotOptions, fitted: ModelFile, x: Floats, y: Floats | None) -> Any:
    from splinework.interpret.importance import effects
    from splinework.report.plot import plot_effect
    from splinework.report.plot.style import gallery

    found = effects(_function(fitted, x), x)
    axes = gallery(len(found), width=2.7, height=2.1)
    for ax, effect in zip(axes, found, strict=True):
        plot_effect(effect, ax=ax)
    return axes[0].figure


def _interactions(options: PlotOptions, fitted: ModelFile, x: Floats, y: Floats | None) -> Any:
    from splinework.interpret.importance import interactions
    from splinework.report.plot import plot_interactions

    targets = y if options.held_out else None
    return plot_interactions(interactions(_function(fitted, x), x, targets, seed=options.seed)).figure


def _pair(options: PlotOptions, fitted: ModelFile, x: Floats, y: Floats | None) -> Any:
    from splinework.interpret.importance import interactions, pair_surface
    from splinework.report.plot import plot_surface

    asked = _function(fitted, x)
    names = list(asked.inputs)
    if unknown := [name for name in options.pair if name not in names]:
        raise ConfigError(f"--pair: the model has no column {unknown[0]!r}; {nearest(unknown[0], names)}")
    if len(names) < 2:
        raise ConfigError("the model has one input, so there is no pair.")
    pair = options.pair or tuple(interactions(asked, x, seed=options.seed).table.iloc[0][["input", "with"]])
    return plot_surface(pair_surface(asked, x, *pair)).figure


def _structure(options: PlotOptions, fitted: ModelFile, x: Floats, y: Floats | None) -> Any:
    import numpy as np

    from splinework.interpret.structure import find_structure
    from splinework.report.plot import plot_structure

    if fitted.estimator is not None:
        raise ConfigError(f"{fitted.path} holds a model of categories, classes or gaps; the tree is one of numbers.")
    from splinework.cli.figures import model_values

    names = fitted.input_names
    found = find_structure(
        lambda rows: model_values(fitted.model, np.asarray(rows))[:, 0], x[:: -(-len(x) // 1000)], names=names
    )
    return plot_structure(found).figure


_DRAWN: Final[dict[str, Callable[[PlotOptions, Any, Any, Any], Any]]] = {
    "diagram": _diagram,
    "edges": _edges,
    "activations": _activations,
    "grids": _grids,
    "importance": _importance,
    "effects": _effects,
    "interactions": _interactions,
    "pair": _pair,
    "structure": _structure,
}


def _film(options: PlotOptions, fitted: ModelFile, x: Floats, y: Floats | None) -> None:
    """Fits a network of the configuration of the model's, with new numbers, and writes the film."""
    if y is None:
        raise ConfigError(f"--kind film needs the target {fitted.target!r} in DATA; add the column.")
    if fitted.frame is not None:
        raise ConfigError(f"{fitted.path} holds a network in a frame of formulas; make a film of a plain network.")
    import torch

    from splinework.knowledge.teach.fit import fit
    from splinework.nn.network import KAN
    from splinework.report.plot import Film

    generator = torch.Generator().manual_seed(options.seed)
    config = fitted.network.config
    film = Film(options.out, x, metric=options.metric, names=fitted.features)
    model = KAN(config, generator=generator, dtype=torch.float64)
    fit(model, x, y, budget=options.budget, seed=options.seed, progress=False, callbacks=[film])
