"""Active learning: the points whose measurement is most informative for a fitted model, by its own posterior.

The posterior of the numbers is normal with the covariance `R Rᵀ` (`splinework.train.uncertainty`), so an answer at x has the
variance `‖Rᵀ g‖²`, g a row of the Jacobian, and one more measurement there takes away a term of rank one. Points are taken one
after the other, each where that gains most given the ones before: greedy D-optimal design (Fedorov 1972; MacKay 1992,
"Information-based objective functions"), in which no point comes twice because the first of two takes its gain with it.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from scipy.stats import qmc
from torch import Tensor

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.errors.foreign import explained
from splinework.knowledge.teach.fit import InformedResult
from splinework.knowledge.teach.query_points import check_ends
from splinework.knowledge.teach.results import plain_result
from splinework.nn.arrays import as_columns, check_finite
from splinework.nn.network import KAN
from splinework.train.ensembles import Ensemble
from splinework.train.fitting import FitResult
from splinework.train.jacobian import ParameterVector, linearise
from splinework.train.linear_model import LinearModel
from splinework.train.uncertainty import TrainingData, posterior

CRITERIA = ("widest", "mean")
"""The next point is where the interval is widest, or where a measurement lowers the mean variance over all candidates most."""
MAX_CANDIDATES, MAX_JACOBIAN_ENTRIES = 4096, 30_000_000
"""Points of a box to choose from, and numbers of their Jacobian at most, for which there may be fewer."""
MIN_DISTANCE_SHARE = 0.25
"""No point comes closer to another, or to a row, than this share of what lies between points spread evenly."""
DEFAULT_NOISE_SHARE = 0.01
"""Where rows are too few to tell the noise, it is taken for this share of the outputs' spread."""


@final
@dataclass(frozen=True)
class Suggestion:
    """Points to measure, the most telling first.

    Attributes:
        x: In raw units, `(n, inputs)`, float64.
        deviation: Standard deviation of the mean there before any measurement, the largest of the outputs', in network units,
            `(n,)`.
        left: Share of the mean variance over the candidates that is left after each measurement, `(n,)`.

    >>> Suggestion(torch.zeros(1, 2), torch.ones(1), torch.tensor([0.25])).left.tolist()
    [0.25]
    """

    x: Tensor
    deviation: Tensor
    left: Tensor


@torch.no_grad()
@explained
def suggest(
    result: FitResult | InformedResult,
    n: int,
    *,
    box: Any = None,
    pool: Any = None,
    committee: Ensemble | None = None,
    criterion: str = "widest",
    seed: int = 0,
) -> Suggestion:
    """The n points at which measurements would be most informative (greedy D-optimal design).

    Args:
        result: The result of `fit`: the model, and the rows that its posterior rests on.
        n: Number of points.
        box: `(low, high)` per input, as a list in the inputs' order or by name, in raw units; None takes the rows' range.
        pool: Points that can be measured, `(m, inputs)`, in place of a box.
        committee: An ensemble fitted to the same rows: the spread of its members counts as uncertainty, too.
        criterion: `widest`, or `mean` for the lowest mean variance over the candidates.
        seed: Seed of the candidates in the box.

    Returns:
        `Suggestion(.x, .deviation, .left)`.

    Raises:
        ConfigError: For a model without its rows, a box that makes no sense, more points than there are in the pool, or
            a loss that is not squared.
        ShapeError: If box or pool do not fit the model.
        DataError: If the pool has values that are not finite.

    >>> from splinework.train.fitting import fit
    >>> x = torch.tensor([[0.0], [0.1], [0.2], [0.3], [0.9], [1.0]], dtype=torch.float64)
    >>> result = fit(KAN([1, 1], grid=3, dtype=torch.float64), x, x**2, progress=False)
    >>> bool(0.3 < suggest(result, 1).x < 0.9)
    True
    """
    model, data = _checked(result, n, criterion)
    if pool is not None and box is not None:
        raise ConfigError("candidates come from a box or from a pool, got both; leave one of them out.")
    root, noise = _root(model, data)
    low, high = _box(model, data, box)
    if pool is None:
        most = MAX_JACOBIAN_ENTRIES // max(root.shape[1] * model.outputs, 1)
        u = _in_box(low, high, max(min(MAX_CANDIDATES, most), 2 * n, 16), seed)
    else:
        raw = as_columns(pool, model.inputs, "pool", model.config.input_names, root)
        u = model.input_scaling(raw)
        check_finite(u, "pool", model.config.input_names, scales=model.config.input_scales)
        if len(u) < n:
            raise ConfigError(f"the pool has {len(u)} points, fewer than the {n} asked for; ask for fewer.")
        low, high = torch.minimum(low, u.amin(0)), torch.maximum(high, u.amax(0))
    rays = linearise(model, ParameterVector.of(model), u)[1] @ root
    if committee is not None:
        rays = torch.cat([rays, _parted(committee, model, u)], 2)
    width = (high - low).clamp_min(1e-300)
    chosen, left = _greedy(rays, noise, (u - low) / width, (data.u.double() - low) / width, n, criterion)
    deviation = rays[chosen].square().sum(2).amax(1).sqrt()
    return Suggestion(model.input_scaling.inverse(u[chosen]), deviation, left)


def _checked(result: Any, n: Any, criterion: Any) -> tuple[KAN, TrainingData]:
    """The model in float64, and its rows."""
    result = plain_result(result)
    if not isinstance(result, FitResult):
        raise ConfigError(
            f"suggest needs the rows that the model was fitted to, so it takes the FitResult of fit; got "
            f"{type(result).__name__}. Call suggest(sw.fit(model, x, y), n)."
        )
    if result.training_data is None:
        raise ConfigError("this fit kept no rows, as solve does; suggest takes the result of sw.fit.")
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ConfigError(f"n is a number of points, at least 1, got {n!r}.")
    if criterion not in CRITERIA:
        raise ConfigError(f"criterion is one of {', '.join(CRITERIA)}, got {criterion!r}.")
    return copy.deepcopy(result.fitted_network).double(), result.training_data


def _root(model: KAN, data: TrainingData) -> tuple[Tensor, Tensor]:
    """A root of the covariance of the numbers, `(P, R)`, and the noise per output."""
    try:
        known = posterior(model, data)
    except DataError:  # as many numbers as rows: what the rows say of the noise is nothing
        u, t = data.u.double(), data.t.double()
        system = LinearModel.of(model, u, t, data.weights, data.penalties)
        noise = DEFAULT_NOISE_SHARE * t.std(0).clamp_min(1e-300)
        variance = noise.square().mean()
        return system.directions * (variance / (system.squares + variance)).sqrt(), noise
    return known.root, known.noise.clamp_min(1e-12)


def _box(model: KAN, data: TrainingData, box: Any) -> tuple[Tensor, Tensor]:
    """Ends in network units, `(p,)` each."""
    names, seen = model.config.input_names, data.u.double()
    if box is None:
        return seen.amin(0), seen.amax(0)
    if isinstance(box, Mapping):
        unknown = [name for name in box if name not in names]
        if unknown:
            raise ConfigError(f"box has {unknown[0]!r}, the model's inputs are {', '.join(names)}.")
        raw = model.input_scaling.inverse(torch.stack([seen.amin(0), seen.amax(0)])).T.tolist()
        box = [box.get(name, tuple(own)) for name, own in zip(names, raw, strict=True)]
    ends = np.asarray(list(box) if isinstance(box, Sequence) else box, dtype=float)
    if ends.shape != (model.inputs, 2):
        raise ShapeError(f"box has (low, high) for each of {model.inputs} inputs, got an array of shape {ends.shape}.")
    check_ends(ends)
    low, high = model.input_scaling(torch.as_tensor(ends.T.copy()))
    check_finite(torch.stack([low, high]), "box", names, scales=model.config.input_scales)
    return low, high


def _in_box(low: Tensor, high: Tensor, count: int, seed: int) -> Tensor:
    """Points spread evenly, `(≥ count, p)`, of which some are moved onto the faces: there a model knows least."""
    drawn = qmc.Sobol(len(low), seed=seed).random_base2(math.ceil(math.log2(count)))
    points = torch.as_tensor(drawn)
    faces, sides = points[::4], torch.as_tensor(np.random.default_rng(seed).integers(0, len(low), len(points[::4])))
    rows = torch.arange(len(faces))
    faces[rows, sides] = faces[rows, sides].round()
    return low + (high - low) * points.to(low)


def _parted(committee: Ensemble, model: KAN, u: Tensor) -> Tensor:
    """How the members part at rows, `(m, outputs, members)`, with the squares' sum the variance; in the model's units."""
    if not isinstance(committee, Ensemble):
        raise ConfigError(f"committee is an Ensemble, from sw.ensemble; got {type(committee).__name__}.")
    raw = model.input_scaling.inverse(u)
    values = [model.output_scaling(copy.deepcopy(member).double()(raw)) for member in committee.models]
    seen = torch.stack(values, 2)
    return (seen - seen.mean(2, keepdim=True)) / math.sqrt(max(len(values) - 1, 1))


def _greedy(rays: Tensor, noise: Tensor, places: Tensor, rows: Tensor, n: int, criterion: str) -> tuple[Tensor, Tensor]:
    """Numbers of the points chosen, in order, and the share of the mean variance left after each.

    Args:
        rays: `Rᵀ g` of every candidate and output, `(m, q, R)`.
        noise: `(q,)`.
        places: Candidates in the unit box, `(m, p)`.
        rows: Present rows in the same units, `(N, p)`.
        n: How many.
        criterion: One of `CRITERIA`.
    """
    rays, chosen, left = rays.clone(), [], []
    begun = float(rays.square().mean()) or 1.0
    apart = MIN_DISTANCE_SHARE * (len(rows) + n) ** (-1 / places.shape[1])
    near = torch.cat([torch.cdist(part, rows).amin(1) for part in places.split(1024)]) < apart
    taken = torch.zeros(len(places), dtype=torch.bool, device=places.device)
    for _ in range(n):
        gain = _GAINS[criterion](rays, noise)
        allowed = ~(near | taken)
        gain = torch.where(allowed if bool(allowed.any()) else ~taken, gain, -math.inf)
        best = int(gain.argmax())
        chosen.append(best)
        taken[best] = True
        near |= torch.linalg.norm(places - places[best], dim=1) < apart
        for output in range(rays.shape[1]):
            ray = rays[best, output].clone()
            length = float(ray.square().sum())
            if length > 0:
                share = (1 - math.sqrt(float(noise[output]) ** 2 / (float(noise[output]) ** 2 + length))) / length
                rays -= share * (rays @ ray)[..., None] * ray
        left.append(float(rays.square().mean()) / begun)
    return torch.tensor(chosen), torch.tensor(left, dtype=rays.dtype)


def _widest(rays: Tensor, noise: Tensor) -> Tensor:
    """Information of a measurement at each candidate: `Σ_j log(1 + v_j/σ_j²) / 2`, `(m,)`."""
    return 0.5 * torch.log1p(rays.square().sum(2) / noise.square()).sum(1)


def _lowering(rays: Tensor, noise: Tensor) -> Tensor:
    """How much a measurement at each candidate lowers the variance summed over all, `(m,)`."""
    flat = rays.flatten(0, 1)
    through = ((rays @ (flat.T @ flat)) * rays).sum(2)
    return (through / (noise.square() + rays.square().sum(2))).sum(1)


_GAINS = {"widest": _widest, "mean": _lowering}
