"""Confidence bands of effects: the posterior of the curves of a sum of curves, fitted to the rows of an estimator.

A curve with a penalty chosen by restricted maximum likelihood is the mean of a Gaussian posterior, whose bands cover the truth,
on average over the curve, about as often as they say (Nychka 1988; Marra and Wood 2012). They would not where a weak curve is
shrunk to nothing, so the bands are those of a free line and of a bend that is no more shrunk than by half in its smoothest
direction; and how far the estimator, which may have left a curve out, is from these curves is one more thing that it is off by.
An estimator with interactions has the bands of the curves beside them: what the interactions leave of the noise is the noise.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.stats import norm, t
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.tabular.additive import posteriors
from splinework.tabular.assembly import Standardisation
from splinework.tabular.curves import fit_curves
from splinework.tabular.design import DesignMatrix, make_design
from splinework.tabular.grids import curve_intervals, quantile_layer
from splinework.tabular.hyperparameters import Hyperparameters
from splinework.tabular.rows import Floats, WeightedRows
from splinework.tabular.tasks import Task, moments, targets_of

MIN_SHARE = 1e-9
"""What counts as nothing beside the rows' information."""


@dataclass(frozen=True)
class CurvePosterior:
    """The posterior of the curves of all inputs.

    Attributes:
        layer: The layer with their grids, in standardised units.
        design: Their design matrix, of which only the lifts and spans are used.
        scaling: The units.
        coefficients: Means of the coefficients, `(P, q)`, in the units of the outputs.
        roots: For each output `(P, P)`, with `root root'` the covariance of the coefficients, in the units of the output.
        degrees: Degrees of freedom of the noise, `(q,)`; infinite where its size is known.
    """

    layer: KANLayer
    design: DesignMatrix
    scaling: Standardisation
    coefficients: Tensor
    roots: tuple[Tensor, ...]
    degrees: Floats

    def widths(self, sets: Floats, reference: Floats, effects: Floats, level: float) -> Floats:
        """Half widths `(m, q)` of intervals of mean outputs over rows `(m, B, p)` less that over reference rows `(B, p)`.

        Args:
            sets: Rows `(m, B, p)`.
            reference: Rows `(B, p)`.
            effects: The differences by the estimator, `(m, q)`, about which the intervals lie.
            level: Probability that an interval covers.
        """
        base = self._mean(reference)
        contrasts = torch.stack([self._mean(rows) - base for rows in sets])
        deviations = torch.stack([(contrasts @ root).square().sum(1).sqrt() for root in self.roots], dim=1)
        off = torch.from_numpy(effects) - contrasts @ self.coefficients
        deviations = torch.hypot(deviations, off)
        share = (1 + level) / 2
        factors = np.where(np.isinf(self.degrees), norm.ppf(share), t.ppf(share, np.minimum(self.degrees, 1e9)))
        return np.asarray(deviations.numpy()) * factors

    def _mean(self, rows: Floats) -> Tensor:
        """Mean of the columns of the design matrix over rows, `(P,)`."""
        u = (torch.from_numpy(np.ascontiguousarray(rows)) - self.scaling.x_shift) / self.scaling.x_scale
        low, high = self.layer.basis.domain(self.layer.grid)
        table = self.layer.table()
        basis = table.basis.rows(torch.clamp(u, low, high), grid=table.grid, prepared=table.prepared, derivative=0)
        means = basis.mean(0)
        return torch.cat([means[i] @ lift for i, lift in enumerate(self.design.lift)])


@torch.no_grad()
def curve_posterior(
    rows: WeightedRows, task: Task, settings: Hyperparameters, groups: tuple[tuple[int, ...], ...], noise: Floats | None
) -> CurvePosterior:
    """The posterior of the curves that rows determine.

    Args:
        rows: The encoded rows of the fit.
        task: The likelihood.
        settings: Settings of the splines.
        groups: Inputs that are levels of one category.
        noise: Variance of the noise of each output in its units, `(q,)`, if that is known better than from the curves alone.
    """
    x, weights = torch.from_numpy(np.ascontiguousarray(rows.x)), torch.from_numpy(rows.weights / rows.weights.mean())
    y = targets_of(rows.y, task)
    scaling = Standardisation(*moments(x, weights), *task.units(y, weights))
    u, targets = (x - scaling.x_shift) / scaling.x_scale, task.in_units(y, scaling.y_shift, scaling.y_scale)
    layer = quantile_layer(u, targets.shape[1], curve_intervals(u, settings, task), settings.degree)
    design = make_design(layer, u, weights, groups)
    curves = fit_curves(design, targets, weights, task)
    known = None if noise is None else torch.from_numpy(noise) / scaling.y_scale**2
    found = posteriors(curves.whole, design, targets, weights, known)
    inverses = [
        (_root(gram, _loosened(gram, penalties, design)), moments, size) for gram, moments, penalties, size in found
    ]
    means = torch.stack([root @ (root.T @ moments) for root, moments, _ in inverses], dim=1) * scaling.y_scale
    roots = [root * size**0.5 * scale for (root, _, size), scale in zip(inverses, scaling.y_scale, strict=True)]
    free = len(rows) - 1 - np.asarray(curves.whole.degrees_of_freedom.numpy())
    degrees = np.maximum(free, 1.0) if curves.task.has_dispersion else np.full(len(roots), np.inf)
    return CurvePosterior(layer, replace(design, values=design.values[:0]), scaling, means, tuple(roots), degrees)


def _loosened(gram: Tensor, penalties: Tensor, design: DesignMatrix) -> Tensor:
    """Penalties `(P,)` that leave lines free, and bends half free at least in the direction that the rows know best."""
    found = penalties.clone()
    for span in design.spans:
        found[span.start] = MIN_SHARE * gram.diagonal()[span.start].clamp_min(MIN_SHARE)
        bent = slice(span.start + 1, span.stop)
        if span.stop > bent.start:
            found[bent] = found[bent].clamp_max(float(torch.linalg.eigvalsh(gram[bent, bent])[-1]) + MIN_SHARE)
    return found


def _root(gram: Tensor, penalties: Tensor) -> Tensor:
    """A root of the inverse of the penalised matrix, `(P, P)`."""
    values, vectors = torch.linalg.eigh(gram + torch.diag(penalties))
    root: Tensor = vectors * values.clamp_min(MIN_SHARE * values[-1]).rsqrt()
    return root
