"""The golden pictures: one of each kind, made from numbers that no random generator or fit decides.

`python -m tests.report.golden_pictures [NAME …]` writes them, or some, anew into `tests/report/golden`; look at each before it is
committed. `difference` compares two pictures and forgives what another version of a font or of matplotlib moves: a pixel is
missed where nothing like it lies within two pixels in the other picture, and only many missed pixels in one place count. Letters
are left out; what is written is in the file beside the picture, and compared as text.
"""

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import maximum_filter, uniform_filter

import splinework as sw
from splinework.interpret.importance.effect import Effect
from splinework.interpret.importance.explanation import Explanation
from splinework.interpret.importance.pairs import PairInteractions, pair_surface
from splinework.interpret.structure import find_structure
from splinework.report import plot
from splinework.report.plot.splines import plot_spline

FOLDER = Path(__file__).parent / "golden"
DPI = 60
REACH, TOLERANCE, WINDOW = 5, 0.15, 9
"""Pixels across within which the same may lie, difference of a colour that counts as none, and the side of a place in pixels."""
LETTER_MARGIN = 3
"""Pixels around letters in which nothing counts."""
MOST = 2.0
"""Missed pixels in one place, weighted by their difference, up to which pictures are equal."""
Floats = NDArray[np.float64]


def network(shape: list[Any], **options: Any) -> sw.KAN:
    """A network whose numbers are sines of their places, some of them small."""
    model = sw.KAN(shape, generator=torch.Generator(), dtype=torch.float64, **options)
    with torch.no_grad():
        for l, layer in enumerate(model.kan_layers):
            i, m, j = (torch.arange(n, dtype=torch.float64) for n in layer.coefficients.shape)
            place = 2.3 * i[:, None, None] + (0.9 + 0.35 * j) * m[:, None] + 1.7 * j + l
            layer.coefficients.copy_(torch.sin(place) * (0.15 + torch.cos(1.1 * i[:, None, None] + 0.8 * j) ** 2))
            layer.base_weight.copy_(0.4 * torch.cos(2.0 * i[:, None] - j))
            layer.bias.zero_()
    return model


def rows(inputs: int, count: int = 300) -> torch.Tensor:
    """Rows that fill the cube from -1 to 1 evenly: a Kronecker sequence."""
    steps = torch.sqrt(torch.tensor([2.0, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71]))
    share = (torch.arange(1, count + 1)[:, None] * steps[:inputs].double()) % 1
    return 2 * share.double() - 1


def law() -> sw.KAN:
    """exp(sin(3x) + y²) as a network of functions."""
    return sw.from_formula("exp(sin(3*angle) + size**2)", {"angle": (-1, 1), "size": (-1, 1)}, output_names=["energy"])


def noise(count: int) -> torch.Tensor:
    """Numbers that look like noise, of mean zero."""
    return torch.sin(12.9898 * torch.arange(count, dtype=torch.float64) ** 2)[:, None]


def edges() -> Figure:
    model, x = network([2, 3, 1], names=["angle", "size"]), rows(2)
    with torch.no_grad():
        y = model(x) + 0.3 * noise(300) + 0.6 * x[:, :1] ** 3
    return plot.plot_edges(model, x, y)[0].figure


def film() -> Figure:
    made = plot.Film(None, rows(2))
    for n in range(1, 13):
        step = SimpleNamespace(number=n, stage="grid 5", rmse_train=1.0 / n**2, rmse_validation=1.2 / n)
        made.watch(step, network([2, 3, 1]))
        made(step)
    return made.figure(5)


def pairs() -> PairInteractions:
    share, error = (np.array(values)[:, None] for values in ([0.31, 0.02, 0.0], [0.01, 0.004, 0.0]))
    names = ("dose", "age", "weight")
    return PairInteractions(
        names, ("effect",), ((0, 1), (0, 2), (1, 2)), share, error, np.array([[1e-9], [0.2], [0.61]])
    )


def explanation() -> Explanation:
    terms = np.array([[[0.8], [-0.35], [0.05]]])
    joined = np.array([[[0.25]]])
    ends = 1.5 + terms.sum(axis=1) + joined[:, 0]
    return Explanation(
        ("dose", "age", "weight"), ("effect",), np.array([1.5]), terms, 0 * terms, ((0, 1),), joined, ends, "exact"
    )


def effect() -> Effect:
    x = np.linspace(-1, 1, 49)[:, None]
    return Effect("dose", ("effect",), x, np.sin(3 * x), 0.1 + 0.15 * x**2)


def table() -> SimpleNamespace:
    points = [(3, 0.5), (5, 0.31), (6, 0.4), (9, 0.04), (14, 0.038), (21, 0.011)]
    made = [SimpleNamespace(target="y", text="x", complexity=c, rmse=e) for c, e in points]
    return SimpleNamespace(rows=[made[3], *made[:3], *made[4:]])


def history() -> SimpleNamespace:
    stages = ["start 1 of 2"] * 4 + ["start 2 of 2"] * 4 + ["grid 5"] * 14 + ["grid 10"] * 10 + ["polish"] * 4
    steps = [
        SimpleNamespace(number=n, stage=stage, rmse_train=2.0 / n**1.5, rmse_validation=2.5 / n)
        for n, stage in enumerate(stages, 1)
    ]
    return SimpleNamespace(steps=steps, notes=[])


def tree() -> Figure:
    x = 0.6 + 0.3 * rows(4, 100)
    found = find_structure(lambda x: torch.sin(x[:, 0] * x[:, 1] + x[:, 2] ** 3) + x[:, 3] ** 2, x, names=list("abcd"))
    return plot.plot_structure(found).figure


def scattered() -> tuple[Floats, Floats]:
    at = np.linspace(0, 4, 200)
    return at + 0.3 * np.asarray(noise(200)[:, 0]) + 0.1 * at**2, at


def importance() -> Figure:
    found = sw.importance(lambda x: 2 * x[:, 0] * x[:, 1] + x[:, 2] + 0.2 * x[:, 3], rows(4, 200).numpy())
    return plot.plot_importance(replace(found, inputs=("dose", "age", "weight", "height"))).figure


PICTURES: dict[str, Callable[[], Figure]] = {
    "diagram_2_1": lambda: plot.plot(network([2, 1]), rows(2)).figure,
    "diagram_functions": lambda: plot.plot(law(), rows(2)).figure,
    "diagram_formulas": lambda: plot.plot(law(), rows(2), formulas=True).figure,
    "diagram_products": lambda: plot.plot(network([3, (2, [2, 3]), 2]), rows(3)).figure,
    "diagram_variance": lambda: plot.plot(network([2, 5, 1]), rows(2), metric="variance").figure,
    "diagram_5_10_5_1": lambda: plot.plot(network([5, 10, 5, 1]), rows(5)).figure,
    "diagram_20_20_5": lambda: plot.plot(network([20, 20, 5]), rows(20)).figure,
    "edges": edges,
    "activations": lambda: plot.plot_activations(network([2, 3, 1]), rows(2))[0].figure,
    "grids": lambda: plot.plot_grids(network([2, 3, 1]), 1.3 * rows(2))[0].figure,
    "film": film,
    "importance": importance,
    "interactions": lambda: plot.plot_interactions(pairs()).figure,
    "explanation": lambda: plot.plot_explanation(explanation()).figure,
    "effect": lambda: plot.plot_effect(effect()).figure,
    "surface": lambda: (
        plot.plot_surface(
            pair_surface(lambda x: np.sin(2 * x[:, 0]) * x[:, 1] + x[:, 1], rows(2).numpy(), 0, 1, points=21)
        ).figure
    ),
    "structure": tree,
    "pareto": lambda: plot.plot_pareto(table(), noise=0.02).figure,
    "history": lambda: plot.plot_history(history()).figure,
    "fit": lambda: plot.plot_fit(*scattered()).figure,
    "residuals": lambda: plot.plot_residuals(*scattered()).figure,
    "residual_histogram": lambda: plot.plot_residual_histogram(*scattered()).figure,
    "spline": lambda: (
        plot_spline(SimpleSpline(), at=np.linspace(-1, 1, 60) ** 3, name="spline_1", argument="2*x1 + 1").figure
    ),
}


class SimpleSpline:
    """A function with a table, as `plot_spline` takes it."""

    def __call__(self, raw: Floats) -> Floats:
        return np.asarray(np.exp(raw))

    def table(self) -> tuple[Floats, Floats]:
        at = np.linspace(-1, 1, 9)
        return at, np.exp(at)


def written(figure: Figure) -> str:
    """What is written in a figure, but for the numbers at axes, a text a line."""
    found = []
    for ax in figure.axes:
        found += [*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label]
    return "\n".join(text.get_text() for text in found if text.get_text())


def letters(figure: Figure) -> NDArray[np.bool_]:
    """Where there are letters, `(height, width)`, with a margin for those of another font."""
    figure.set_dpi(DPI)
    figure.canvas.draw()
    width, height = (int(size) for size in figure.bbox.size)
    mask = np.zeros((height, width), dtype=bool)
    for text in figure.findobj(Text):
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            pad = LETTER_MARGIN + 0.1 * box.width
            top, bottom = (
                int(np.clip(height - y, 0, height)) for y in (box.y1 + LETTER_MARGIN, box.y0 - LETTER_MARGIN)
            )
            left, right = (int(np.clip(x, 0, width)) for x in (box.x0 - pad, box.x1 + pad))
            mask[top:bottom, left:right] = True
    return mask


def pixels(figure: Figure) -> Floats:
    """A figure as colours from 0 to 1, `(height, width, 3)`."""
    buffer = io.BytesIO()
    with mpl.rc_context(mpl.rcParamsDefault):
        figure.savefig(buffer, format="png", dpi=DPI)
    return opened(buffer)


def opened(source: Any) -> Floats:
    """A file as colours from 0 to 1, `(height, width, 3)`."""
    with Image.open(source) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float64) / 255


def difference(one: Floats, other: Floats, ignored: NDArray[np.bool_] | None = None) -> float:
    """The largest weighted count of pixels in one place that one picture has and the other has not; infinite for other sizes.

    Args:
        one: A picture.
        other: Another one.
        ignored: Pixels that do not count.
    """
    if max(abs(a - b) for a, b in zip(one.shape, other.shape, strict=True)) > REACH:
        return float("inf")
    height, width = (min(a, b) for a, b in zip(one.shape[:2], other.shape[:2], strict=True))
    dark = [1 - each[:height, :width] for each in (one, other)]
    near = [maximum_filter(each, (REACH, REACH, 1)) for each in dark]
    missed = [np.clip(dark[n] - near[1 - n] - TOLERANCE, 0, None).max(axis=2) for n in (0, 1)]
    if ignored is not None:
        missed = [np.where(ignored[:height, :width], 0.0, each) for each in missed]
    return max(float(uniform_filter(each, WINDOW, mode="constant").max()) for each in missed) * WINDOW**2


def write(names: list[str]) -> None:
    """Writes the pictures and their texts."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or PICTURES:
        figure = PICTURES[name]()
        colours = np.round(255 * pixels(figure)).astype(np.uint8)
        Image.fromarray(colours).save(FOLDER / f"{name}.png", optimize=True)
        (FOLDER / f"{name}.txt").write_text(written(figure) + "\n", encoding="utf-8")
        print(f"{FOLDER / name}.png")


if __name__ == "__main__":
    write(sys.argv[1:])
