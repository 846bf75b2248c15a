"""Functions that one edge of a fitted network may be, ranked, with their numbers and small pictures."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, final, overload

import numpy as np
import torch

from splinework.errors import ConfigError, ShapeError
from splinework.errors.foreign import explained
from splinework.interpret.symbolic.chosen_function import formula_of
from splinework.interpret.symbolic.edges import EdgeCandidate, edge_candidates, posterior, score
from splinework.interpret.symbolic.library import LIBRARY
from splinework.interpret.symbolic.library_function import Array, LibraryFunction
from splinework.interpret.symbolic.net import MAX_CANCELLATION
from splinework.interpret.symbolic.own_functions import library_of
from splinework.nn.arrays import data_of
from splinework.nn.edge_formula import edge_text
from splinework.nn.frame import FramedKAN
from splinework.nn.naming import Place, edge_names, edge_place
from splinework.nn.network import KAN
from splinework.nn.trace import trace

MAX_POINTS: Final = 4000
"""Rows, evenly spaced among the sorted inputs, that functions are fitted to."""
FLOOR: Final = 1e-9
"""Unexplained share of variance below which functions are equally good: edges of a network deviate where that is free."""
ROUNDING: Final = 1e-9
"""Shifts below it, relative to the factor c outside, are not written."""
N_DRAWN: Final = 60
"""Points of a picture."""
WIDTH, HEIGHT = 96, 40
"""Size of a picture in pixels."""


@final
@dataclass(frozen=True)
class EdgeSuggestion:
    """A function fitted to an edge.

    Attributes:
        name: Its name in the library, as `fix` takes it.
        r2: Share of the edge's variance that it explains.
        length: Description length of the edge by it, in nats up to a constant: misfit, numbers and choice of the function.
        probability: Posterior probability among the functions that were tried.
        numbers: a, b, c, d of `c F(a u + b) + d`, in network units.
        text: The function with its numbers, over u.

    Example:
        >>> import splinework as sw
        >>> model = sw.fix(sw.KAN([1, 1], dtype=torch.float64), (0, 0, 0), "tanh", numbers=(3, 1, 2, 0))
        >>> suggest(model, torch.linspace(-1, 1, 50, dtype=torch.float64)[:, None], (0, 0, 0))[0].text
        '2.0*tanh(3.0*u + 1.0)'
    """

    name: str
    r2: float
    length: float
    probability: float
    numbers: tuple[float, float, float, float]
    text: str


@final
@dataclass(frozen=True, eq=False)
class EdgeSuggestions(Sequence[EdgeSuggestion]):
    """Functions for an edge, best first; in a notebook a table with pictures.

    Attributes:
        edge: Layer, input and sum.
        names: Names of the input and the sum.
        rows: The functions.
        u: Points of the pictures, `(P,)`.
        values: The edge there, `(P,)`.
        curves: The functions there, `(K, P)`.

    Example:
        >>> import splinework as sw
        >>> model = sw.fix(sw.KAN([1, 1], dtype=torch.float64), (0, 0, 0), "exp", numbers=(1, 0, 1, 0))
        >>> found = suggest(model, torch.linspace(-1, 1, 50, dtype=torch.float64)[:, None], ("x1", "y"), rows=3)
        >>> len(found), found.names, found.picture(0)[:4]
        (3, ('x1', 'y'), '<svg')
    """

    edge: Place
    names: tuple[str, str]
    rows: tuple[EdgeSuggestion, ...]
    u: Array
    values: Array
    curves: Array

    @overload
    def __getitem__(self, place: int) -> EdgeSuggestion: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[EdgeSuggestion, ...]: ...
    def __getitem__(self, place: int | slice) -> EdgeSuggestion | tuple[EdgeSuggestion, ...]:
        return self.rows[place]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[EdgeSuggestion]:
        return iter(self.rows)

    def __str__(self) -> str:
        lines = [f"edge {self.edge}, {self.names[0]} → {self.names[1]}"]
        width = max((len(row.name) for row in self.rows), default=0)
        lines += [f"{row.name:{width}}  R² {row.r2:.6f}  length {row.length:9.1f}  {row.text}" for row in self.rows]
        return "\n".join(lines)

    def picture(self, row: int) -> str:
        """The edge in grey and a function in colour, as an SVG element."""
        both = np.concatenate([self.values, self.curves[row]])
        both = both[np.isfinite(both)]
        low, span = float(both.min()), float(np.ptp(both)) or 1.0
        left, reach = float(self.u.min()), float(np.ptp(self.u)) or 1.0

        def line(values: Array, style: str) -> str:
            x = 2 + (WIDTH - 4) * (self.u - left) / reach
            y = HEIGHT - 2 - (HEIGHT - 4) * (values - low) / span
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if np.isfinite(b))
            return f'<polyline points="{points}" fill="none" {style}/>'

        name = html.escape(self.rows[row].name)
        edge = line(self.values, 'stroke="#bbb" stroke-width="4"')
        own = line(self.curves[row], 'stroke="#d55e00" stroke-width="1.5"')
        return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{name}">{edge}{own}</svg>'

    def _repr_html_(self) -> str:
        heading = html.escape(f"edge {self.edge}, {self.names[0]} → {self.names[1]}")
        titles = "".join(f"<th>{title}</th>" for title in ("", "function", "R²", "length", "a", "b", "c", "d"))
        lines = [f"<table><caption>{heading}</caption><tr>{titles}</tr>"]
        for n, row in enumerate(self.rows):
            cells = [html.escape(row.name), f"{row.r2:.6f}", f"{row.length:.1f}", *(f"{v:.5g}" for v in row.numbers)]
            shown = "".join(f"<td>{cell}</td>" for cell in cells)
            lines.append(f'<tr title="{html.escape(row.text)}"><td>{self.picture(n)}</td>{shown}</tr>')
        return "".join([*lines, "</table>"])


@torch.no_grad()
@explained
def suggest(
    model: KAN | FramedKAN,
    x: Any,
    edge: Sequence[int | str],
    *,
    library: Sequence[str | LibraryFunction] = LIBRARY,
    rows: int = 8,
) -> EdgeSuggestions:
    """Functions of the library that an edge may be, each with its numbers fitted to the edge on the data.

    Ranked by description length, `n/2 ln(1 - R²) + numbers/2 ln n + choice`. Left out are functions that over these inputs are
    indistinguishable from simpler ones, act by the cancellation of large numbers, or are not defined.

    Args:
        model: The network; of one in a frame, the network inside.
        x: Data in raw units, `(N, inputs)`.
        edge: `(layer, input, sum)` by index or name, or two names, such as `("x1", "h2")`.
        library: Functions to try, by name, as formulas over z, or `LibraryFunction` objects.
        rows: Most functions in the answer.

    Returns:
        The functions, best first; none for an edge that is constant.

    Raises:
        ConfigError: If there is no such edge or function, or rows is not positive.
        ShapeError: If x has another number of columns, or no rows.
        DataError: If x does not hold numbers.

    References:
        Liu et al., "KAN: Kolmogorov-Arnold Networks", arXiv 2404.19756, §2.5.1; the score of `splinework.interpret.symbolic`.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> x = torch.linspace(-1, 1, 400, dtype=torch.float64)[:, None]
        >>> model = sw.fit(sw.KAN([1, 1]), x, torch.exp(2 * x), validation=None).model
        >>> suggest(model, x, ("x1", "y"))[0].name
        'exp'
    """
    if rows < 1:
        raise ConfigError(f"rows is the most functions to suggest, at least 1, got {rows}.")
    if isinstance(model, FramedKAN):
        x, model = model.inside(x).detach(), model.network
    place = edge_place(model, edge)
    functions = LIBRARY if library is LIBRARY else library_of(library)
    data = data_of(model, x)
    if not len(data):
        raise ShapeError("suggest looks at an edge on data, and x has no rows; pass some.")
    u, values = (part.double().cpu().numpy() for part in trace(model, data).edge(*place))
    order = np.argsort(u, kind="stable")
    chosen = order[np.linspace(0, len(u) - 1, min(len(u), MAX_POINTS)).astype(int)]
    u, values = u[chosen], values[chosen]
    spread = float(np.ptp(values))
    varies = spread > 1e-9 * float(np.abs(values).max())
    found = edge_candidates(u, values, np.ones(len(u)), functions, floor=FLOOR) if varies else []
    found = [each for each in found if np.abs(each(u) - each.d).max() <= MAX_CANCELLATION * spread]
    shown = np.linspace(u[0], u[-1], N_DRAWN)
    likely = posterior(found, len(u), floor=FLOOR)
    kept = list(zip(found, likely.tolist(), strict=True))[:rows]
    with np.errstate(all="ignore"):
        curves = np.array([candidate(shown) for candidate, _ in kept]).reshape(len(kept), N_DRAWN)
    suggestions = tuple(_suggestion(candidate, len(u), share) for candidate, share in kept)
    return EdgeSuggestions(
        place, edge_names(model, [place])[0], suggestions, shown, np.interp(shown, u, values), curves
    )


def _suggestion(candidate: EdgeCandidate, n: int, probability: float) -> EdgeSuggestion:
    function = candidate.function
    numbers = (candidate.a, candidate.b, candidate.c, candidate.d)
    own = () if function.shape is None else (function.shape,)
    a, b, c, d = numbers
    shown = (a, b if abs(b) > ROUNDING else 0.0, c, d if abs(d) > ROUNDING * abs(c) else 0.0, *own)
    rounded = [float(f"{value:.6g}") for value in shown]
    return EdgeSuggestion(
        function.name,
        1 - candidate.unexplained,
        score(candidate, n, FLOOR) / 2,
        probability,
        numbers,
        edge_text(formula_of(function), rounded),
    )
