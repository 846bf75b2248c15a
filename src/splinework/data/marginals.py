"""`Marginals`: a design that resamples given rows, such as those of a table of real inputs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
from numpy.typing import ArrayLike

from splinework.data.designs import BlockwiseDesign, checked_box, sizes_of
from splinework.data.random_streams import POINTS_STREAM, Floats, stream
from splinework.errors import ConfigError, ShapeError


@final
@dataclass(frozen=True)
class Marginals(BlockwiseDesign):
    """Rows distributed like given ones, whereas a box has most points in empty regions.

    Attributes:
        rows: The given rows, each a tuple of d numbers.
        method: `bootstrap` draws rows with replacement. `copula` draws each column from its empirical quantiles, linearly
            interpolated, with a Gaussian copula of the same rank correlations.
    """

    rows: tuple[tuple[float, ...], ...]
    method: Literal["bootstrap", "copula"] = "copula"
    boxed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.rows}
        if len(self.rows) < 2 or len(widths) != 1 or 0 in widths:
            raise ConfigError("Marginals takes at least 2 rows of the same number of columns.")
        if not np.isfinite(np.asarray(self.rows, dtype=np.float64)).all():
            raise ConfigError("Marginals takes finite numbers; drop rows with missing cells first.")

    def points(self, n: int, box: ArrayLike | None = None, *, seed: int = 0) -> Floats:
        """Points as in `Design.points`, clipped to the box, if given."""
        whole = np.concatenate(list(self.levels(n, len(self.rows[0]), seed=seed)))
        if box is None:
            return whole
        bounds = checked_box(box)
        if len(bounds) != whole.shape[1]:
            raise ShapeError(f"the given rows have {whole.shape[1]} columns, the box has {len(bounds)}.")
        return np.asarray(np.clip(whole, *bounds.T), dtype=np.float64)

    def _blocks(self, rows: int, dimension: int, seed: int) -> Iterator[Floats]:
        given = np.asarray(self.rows, dtype=np.float64)
        if dimension != given.shape[1]:
            raise ConfigError(f"the given rows have {given.shape[1]} columns, the inputs are {dimension}.")
        factor, ordered = np.linalg.cholesky(_latent(given)), np.sort(given, axis=0)
        for block, size in enumerate(sizes_of(rows)):
            generator = stream(seed, POINTS_STREAM, block)
            if self.method == "bootstrap":
                yield given[generator.integers(0, len(given), size)]
            else:
                yield _quantiles(ordered, np.einsum("ni,ji->nj", generator.standard_normal((size, dimension)), factor))


def _latent(given: Floats) -> Floats:
    """Correlation of the latent normal variables: 2 sin(π ρ/6) of the rank correlations ρ, made positive definite."""
    from scipy.stats import rankdata

    ranks = rankdata(given, axis=0)
    spread = np.where(ranks.std(axis=0) > 0, ranks.std(axis=0), 1.0)
    scaled = (ranks - ranks.mean(axis=0)) / spread
    matrix = 2 * np.sin(np.pi / 6 * (scaled.T @ scaled) / len(given))
    np.fill_diagonal(matrix, 1.0)
    values, vectors = np.linalg.eigh(matrix)
    matrix = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    scale = np.sqrt(np.diag(matrix))
    return np.asarray(matrix / np.outer(scale, scale), dtype=np.float64)


def _quantiles(ordered: Floats, normal: Floats) -> Floats:
    from scipy.special import ndtr

    place = ndtr(normal) * (len(ordered) - 1)
    below = np.minimum(place.astype(np.intp), len(ordered) - 2)
    columns = np.arange(ordered.shape[1])
    low, high = ordered[below, columns], ordered[below + 1, columns]
    return np.asarray(low + (place - below) * (high - low), dtype=np.float64)
