"""Regularisation of noisy fits: a smoothing penalty per edge whose smoothing parameters are estimated from the data.

The penalties on bend and slope are quadratic in an edge's coefficients. So near the present parameters the network is a linear
mixed model, and the smoothing parameters λ are ratios of its variance components. They maximise the restricted likelihood (REML)
by the fixed point of Fellner and Schall (Wood and Fasiolo 2017), in turn with steps of the fit.

A round multiplies `λ_j` by `σ² (tr(S⁻ S_j) - tr(V S_j)) / (cᵀ S_j c)`, S the sum of all penalties, V the inverse of `JᵀWJ + S`.
"""

import copy
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from splinework.interpret.edit.grid_refinement import refine_layer
from splinework.kernels import BasisTable
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.train.coordinates import MAX_JACOBIAN_ENTRIES, covariance_of, free_directions
from splinework.train.grid_adaptation import extend_grids
from splinework.train.jacobian import ParameterVector, edge_blocks
from splinework.train.objective import MAX_CHEAP_WORK, Objective
from splinework.train.optim import DampedLeastSquares, NewtonCG, Optimiser
from splinework.train.penalties import Penalty
from splinework.train.run import TrainingRun

MIN_UPDATES, MAX_UPDATES, STEPS_PER_UPDATE = 3, 12, 5
"""Least and most updates of the smoothing parameters, and steps after each; a single layer, which is linear, needs fewer."""
FREEDOM_TOLERANCE = 0.02
"""The updates end when the number of effective parameters changes by less than this share."""
MIN_SMOOTHING, MAX_SMOOTHING = 1e-12, 1e8
MAX_CARRIED_SMOOTHING = 1e-2
"""Largest smoothing parameter that a sample hands on: edges that are straight in it need not be so in all rows, and the fixed
point comes down from a large value slowly."""
MAX_UPDATE_FACTOR = 30.0
"""Largest factor by which one update changes a smoothing parameter."""
MIN_QUADRATURE_POINTS, POINTS_PER_INTERVAL = 65, 4
"""Evenly spaced points at which bends and slopes are averaged; a cell without any would be free to bend."""
_FORMS: WeakKeyDictionary[KANLayer, tuple[BasisTable, Tensor]] = WeakKeyDictionary()
"""The quadratic forms of layers, and the tables that they were worked out for."""
MAX_SMOOTHED_PARAMETERS = 2500
"""Most parameters for which smoothing parameters are estimated: each update inverts a matrix of that size."""
MIN_VALUES_PER_PARAMETER, INITIAL_FACTOR = 2.0, 1e3
"""Rows per parameter below which smoothing does not wait for noise to show; and by how much stronger it then begins."""


@final
@dataclass(frozen=True)
class Smoothing(Penalty):
    """`Σ λ_ij mean φ_ij''² + μ_ij (mean φ_ij')²`, in units of the domain's half width, with λ and μ for every edge.

    Attributes:
        strengths: Smoothing parameters λ and μ per layer, `(2, I, J)`.
        index: Number of the layer.
    """

    weight: float = 1.0
    strengths: tuple[Tensor, ...] = ()
    index: int = 0

    judged: ClassVar[bool] = False
    sees_activations: ClassVar[bool] = False

    def __post_init__(self) -> None:  # the numbers are found, not given
        pass

    def of_layer(self, index: int) -> "Smoothing":
        return replace(self, index=index)

    def value(self, layer: KANLayer, x: Tensor) -> Tensor:
        c = layer.edge_coefficients()
        sizes = torch.einsum("nij,kimn,mij->kij", c.transpose(0, 1), penalty_matrices(layer), c.transpose(0, 1))
        return self.weight * (self.strengths[self.index] * sizes).sum()

    def quadratic(self, layer: KANLayer, x: Tensor) -> tuple[Tensor, Tensor]:
        form = self.weight * torch.einsum("kij,kimn->ijmn", self.strengths[self.index], penalty_matrices(layer))
        return 2 * torch.einsum("ijmn,inj->ijm", form, layer.edge_coefficients()), form

    def __repr__(self) -> str:
        """Short, as the smoothing parameters are re-estimated where a fit is resumed."""
        return f"Smoothing(weight={self.weight})"


@torch.no_grad()
def penalty_matrices(layer: KANLayer) -> Tensor:
    """The quadratic forms of an edge's bend and slope in its coefficients, `(2, I, size, size)`; kept while its grid stays."""
    table = layer.table()
    known = _FORMS.get(layer)
    if known is not None:
        seen, forms = known
        if seen.prepared is table.prepared and (seen.basis, seen.base) == (table.basis, table.base):
            return forms
    forms = _penalty_matrices(table)
    _FORMS[layer] = table, forms
    return forms


def _penalty_matrices(table: BasisTable) -> Tensor:
    low, high = table.basis.domain(table.grid)
    half = (high - low) / 2
    count = max(MIN_QUADRATURE_POINTS, POINTS_PER_INTERVAL * table.basis.resolution + 1)
    share = torch.linspace(0, 1, count, dtype=low.dtype, device=low.device)[:, None]
    points = low * (1 - share) + high * share
    bend = table.rows(points, 2) * (half**2)[:, None]
    slope = (table.rows(points, 1) * half[:, None]).mean(0)
    return torch.stack([torch.einsum("bim,bin->imn", bend, bend) / count, torch.einsum("im,in->imn", slope, slope)])


def is_oversized(objective: Objective) -> bool:
    """Whether a network has more parameters than can be smoothed, and values do not determine them."""
    active = objective.model.parameter_count(active=True)
    return active > MAX_SMOOTHED_PARAMETERS and objective.n_values < MIN_VALUES_PER_PARAMETER * active


def smooth_edges(run: TrainingRun, objective: Objective, optimiser: Optimiser) -> Objective:
    """Estimates the smoothing parameters by REML and fits with them; returns the objective with this penalty."""
    model = _with_enough_intervals(objective)
    plain = replace(objective, penalties=tuple(p for p in objective.penalties if not isinstance(p, Smoothing)))
    optimiser = without_jump_penalty(optimiser)
    like = model.kan_layers[0].coefficients
    strengths = tuple(
        torch.stack([like.new_full((layer.inputs, layer.outputs), s) for s in (1e-4, 1e-6)]).detach()
        for layer in model.kan_layers
    )
    if lacks_judge(run, objective):
        # The model goes through all rows, noise and all: there is none to be seen until it has been made smooth.
        strengths = tuple(strength * INITIAL_FACTOR for strength in strengths)
        begun = replace(plain.on(model), penalties=(*plain.penalties, Smoothing(1.0, strengths)))
        run.advance(begun, optimiser, 2 * STEPS_PER_UPDATE, "smoothing")
    least = MIN_UPDATES
    scout = plain.on(model).subsample()
    if scout.count < plain.count:
        # The variance components do not depend on the number of rows; λ, which a mean of squares stands beside, falls with it.
        strengths, _ = _estimate(run, scout, optimiser, strengths, least)
        share, least = scout.count / plain.count, 2
        strengths = tuple((s * share).clamp_max(MAX_CARRIED_SMOOTHING) for s in strengths)
        extend_grids(model, plain.activations())
    strengths, freedom = _estimate(run, plain.on(model), optimiser, strengths, least)
    extend_grids(model, plain.activations())
    smoothed = replace(plain.on(model), penalties=(*plain.penalties, Smoothing(1.0, strengths)))
    run.advance(smoothed, optimiser, 6 * STEPS_PER_UPDATE, "smoothing", settles=1e-3)
    run.history.decide(
        "smoothing", f"each edge as smooth as its likelihood asks for: {freedom:.3g} effective parameters"
    )
    return smoothed


def _estimate(
    run: TrainingRun, plain: Objective, optimiser: Optimiser, strengths: tuple[Tensor, ...], least: int
) -> tuple[tuple[Tensor, ...], float]:
    """Updates the smoothing parameters in turn with steps, at least so often; returns them and the effective parameters."""
    freedom = now = float("inf")
    patience = None if plain.work <= MAX_CHEAP_WORK else 1  # an expensive step that gains nothing is the last
    for number in range(MAX_UPDATES):
        strengths, now = _update_smoothing(plain, strengths)
        smoothed = replace(plain, penalties=(*plain.penalties, Smoothing(1.0, strengths)))
        steps = STEPS_PER_UPDATE if len(plain.model.kan_layers) > 1 else 2
        run.advance(smoothed, optimiser, steps, "smoothing", patience=patience)
        if run.over or (number >= least and abs(now - freedom) <= FREEDOM_TOLERANCE * now):
            break
        freedom = now
    return strengths, now


def fellner_schall_update(strengths: Tensor, asked: Tensor, sizes: Tensor) -> Tensor:
    """One step of Fellner and Schall's fixed point, whose end maximises the restricted likelihood (Wood & Fasiolo 2017, eq. 7).

    `λ_j ← λ_j σ² (tr(S⁻S_j) - tr((JᵀJ + S)⁻¹S_j)) / θᵀS_jθ` with `S = Σ λ_j S_j` and `S⁻` its pseudo-inverse.

    Args:
        strengths: Smoothing parameters λ, of any shape.
        asked: σ² times the difference of traces.
        sizes: θᵀS_jθ.
    """
    return strengths * (asked.clamp_min(0) / sizes.clamp_min(1e-300)).clamp(1 / MAX_UPDATE_FACTOR, MAX_UPDATE_FACTOR)


def lacks_judge(run: TrainingRun, objective: Objective) -> bool:
    """Whether a model goes through nearly all rows, as these are few, and none are held out that tell what that is worth."""
    few = objective.n_values < MIN_VALUES_PER_PARAMETER * objective.model.parameter_count(active=True)
    return few and run.held_out is None


def without_jump_penalty(optimiser: Optimiser) -> Optimiser:
    """The same without a jump penalty: the penalty is the better one."""
    return replace(optimiser, jump_penalty=0.0) if isinstance(optimiser, (DampedLeastSquares, NewtonCG)) else optimiser


def _update_smoothing(objective: Objective, strengths: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], float]:
    """One step of the fixed point: the new smoothing parameters, and the effective parameters at the old ones."""
    model, parameters = objective.model, ParameterVector.of(objective.model)
    with torch.no_grad():
        loss, _ = objective.normal_equations(parameters, MAX_JACOBIAN_ENTRIES)
        matrix, values = loss.clone(), parameters.read(model)
        blocks = []
        for index, (layer, (i, j), (own, _)) in enumerate(
            zip(model.kan_layers, parameters.edges, parameters.spans(model), strict=True)
        ):
            if not len(i):
                continue
            both = penalty_matrices(layer)[:, i]
            lambdas = strengths[index][:, i, j]
            total = torch.einsum("ke,kemn->emn", lambdas, both)
            for part, form in edge_blocks(own, total):
                matrix[part, part] += form
            blocks.append((index, i, j, own, both, lambdas, total))
        covariance = covariance_of(model, parameters, matrix)
        directions = free_directions(model, parameters)
        freedom = float((covariance * loss).sum())
        noise = objective.noise(freedom) / objective.n_values
        fresh = [strength.clone() for strength in strengths]
        for index, i, j, own, both, lambdas, total in blocks:
            size = total.shape[-1]
            theta = values[own].reshape(-1, size)
            mine = torch.stack([covariance[a : a + size, a : a + size] for a in range(own.start, own.stop, size)])
            prior = _prior_trace(
                total, both, None if directions is None else directions[own].unflatten(0, (len(i), size))
            )
            posterior = (mine[None] * both).sum((-1, -2))
            bend = torch.einsum("em,kemn,en->ke", theta, both, theta)
            fresh[index][:, i, j] = fellner_schall_update(lambdas, noise * (prior - posterior), bend).clamp(
                MIN_SMOOTHING, MAX_SMOOTHING
            )
        return tuple(fresh), freedom


def _prior_trace(total: Tensor, both: Tensor, directions: Tensor | None) -> Tensor:
    """`tr(S⁻S_j)` of every edge, `(2, E)`; for shaped edges among the directions `(E, size, F)` in which they can still move."""
    if directions is None:
        every: Tensor = (torch.linalg.pinv(total, rtol=1e-10, hermitian=True)[None] * both).sum((-1, -2))
        return every
    found = []
    for edge, along in enumerate(directions):
        own = along[:, (along != 0).any(0)]
        inside = torch.linalg.pinv(own.T @ total[edge] @ own, rtol=1e-10, hermitian=True)
        found.append(torch.stack([(inside * (own.T @ form @ own)).sum() for form in both[:, edge]]))
    return torch.stack(found, dim=1)


@torch.no_grad()
def _with_enough_intervals(objective: Objective) -> KAN:
    """A copy with intervals enough that the penalty and not the grid says how an edge bends, where rows are enough."""
    model, u = copy.deepcopy(objective.model), objective.activations()
    wanted: Any = 10  # intervals of an edge, without harm: the penalty says how much of them is used
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        resolution = layer.basis.resolution
        factor = -(-wanted // resolution)
        richer = model.parameter_count(active=True) * factor <= objective.n_values
        if layer.basis.degree is not None and layer.basis.size > 2 and factor > 1 and richer:
            refine_layer(layer, factor * resolution, u)
        u = nodes.combine(layer(u))
    return model
