"""`fit` with prior knowledge: data and axioms in, a model out that fulfils the hard axioms by construction."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final, overload

import torch
from typing_extensions import Unpack

from splinework.errors import FitWarning
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN
from splinework.train import fit as fit_rows
from splinework.train.options import FitKeywords, TrainingOptions, options_of, with_options

if TYPE_CHECKING:  # loaded where there are axioms: a plain fit needs none of it
    from splinework.knowledge.axioms import Axiom
    from splinework.knowledge.axioms.verify import Certificate
    from splinework.knowledge.teach.features import FeaturedResult
    from splinework.train.fitting import FitResult
    from splinework.train.history import History

PROOF_EFFORT = 2.0
"""Seconds for proofs after a fit; more are to be had from `verify`."""


@final
@dataclass(frozen=True)
class InformedResult:
    """A model fitted to data under axioms.

    Attributes:
        model: A `KAN`, or a `FramedKAN` where an axiom needs formulas before or after the network.
        history: Steps and decisions.
        axioms: All axioms that were given, as recipes.
        certificate: Proofs and refutations of the axioms, for hard ones too by the parameters of the model.
        violations: How much each soft axiom is still violated, in standard deviations of y: root mean square and worst.
        rows: The fit of the network itself, in the units that the frame hands it.

    >>> from splinework import KAN
    >>> x = [[0.1 * k] for k in range(10)]
    >>> fit(KAN([1, 1]), x, x, axioms=["monotone(x1)"], steps=2, progress=False).certificate.status
    'proved'
    """

    model: KAN | FramedKAN
    history: History
    axioms: tuple[Axiom, ...]
    certificate: Certificate
    violations: Mapping[str, tuple[float, float]]
    rows: FitResult = field(repr=False)


@overload
def fit(
    model: KAN, x: Any, y: Any = None, *, options: TrainingOptions | None = None, **keywords: Unpack[FitKeywords]
) -> FitResult: ...


@overload
def fit(
    model: KAN,
    x: Any,
    y: Any = None,
    *,
    axioms: Sequence[Axiom | str],
    options: TrainingOptions | None = None,
    **keywords: Unpack[FitKeywords],
) -> InformedResult: ...


@overload
def fit(
    model: FramedKAN, x: Any, y: Any = None, *, options: TrainingOptions | None = None, **keywords: Unpack[FitKeywords]
) -> FeaturedResult: ...


@overload
def fit(
    model: KAN,
    x: Any,
    y: Any = None,
    *,
    features: Sequence[str],
    options: TrainingOptions | None = None,
    **keywords: Unpack[FitKeywords],
) -> FeaturedResult: ...


@with_options(FitKeywords)
def fit(
    model: KAN | FramedKAN,
    x: Any,
    y: Any = None,
    *,
    axioms: Sequence[Axiom | str] = (),
    features: Sequence[str] = (),
    options: TrainingOptions | None = None,
    **keywords: Unpack[FitKeywords],
) -> FitResult | InformedResult | FeaturedResult:
    """Fits a copy of the model to rows of data; with axioms, so that these hold. The model handed in is left unchanged.

    Without axioms this is `splinework.train.fit`, bit for bit. Hard axioms, the usual ones, are true
    by construction: edges get shapes, inputs share edges or become features, the network gets a frame of formulas. Soft ones are
    penalties. All are checked afterwards, and the result has a certificate. Axioms that contradict each other are refused
    before anything is trained; a misspecification test warns of those that the data contradict (`FitWarning`).

    Args:
        model: The network, of the raw inputs, or one that `KAN(…, features=[…])` made. Inputs without names take those of a
            frame's columns. Where hard axioms ask for other inputs, or edges without a base function, its numbers are reset.
        x: `(N, inputs)`: a tensor, an array or a frame, in raw units.
        y: `(N, outputs)`, or `(N,)` for one output.
        axioms: Recipes of `splinework.knowledge.axioms`, or their texts, such as `"monotone(age)"`.
        features: Formulas in the inputs, such as `["x1/x2"]`, which are the last inputs of the network.
        **keywords: Fields of `TrainingOptions`.
        options: These as one object; what is named beside it counts instead.

    Returns:
        A `FitResult`; with axioms an `InformedResult`, with features a `FeaturedResult`.

    Raises:
        ConfigError: If an axiom names what does not exist, two contradict each other, or one cannot be hard here.
        ShapeError: If x and y do not fit the model or each other.
        DataError: If there are no rows, or some are not finite.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> x = torch.linspace(0, 1, 40)[:, None]
        >>> result = sw.fit(sw.KAN([1, 1], names=["age"]), x, x[:, 0] ** 3, axioms=["monotone(age)"], progress=False)
        >>> result.certificate.status
        'proved'
    """
    chosen = options_of(fit, options, keywords, TrainingOptions)
    if isinstance(model, FramedKAN) or len(features):
        from splinework.knowledge.teach.features import fit_features

        return fit_features(model, x, y, features, axioms, chosen)
    if isinstance(axioms, (list, tuple)) and not axioms:
        return fit_rows(model, x, y, options=chosen)
    from splinework.knowledge.axioms.language import axioms_of

    if isinstance(model, KAN):
        model = copy.deepcopy(model)
        model.take_names(x)
    return _informed(model, x, y, axioms_of(axioms), chosen)


def _informed(model: KAN, x: Any, y: Any, axioms: tuple[Axiom, ...], options: TrainingOptions) -> InformedResult:
    from splinework.knowledge.axioms.contradictions import check_axioms
    from splinework.knowledge.axioms.verify import verify
    from splinework.knowledge.teach.informed import (
        build,
        fit_with_penalties,
        given_rows,
        learns_under_penalties,
        violations_of,
        with_implied,
    )
    from splinework.knowledge.teach.misspecification import axiom_tests
    from splinework.knowledge.teach.smooth_rows import smooth_rows
    from splinework.nn.frame import network_of

    rows = given_rows(model, x, y, options.loss)
    names, outputs = model.config.input_names, model.config.output_names
    box = torch.stack(rows.ends, dim=1)
    check_axioms(axioms, names, outputs, extrapolation=model.config.extrapolation, box=box)
    built = build(model, with_implied(axioms, names, outputs), rows)
    smooth = smooth_rows(model, rows, options) if learns_under_penalties(built, axioms) else None
    fitted, weights = fit_with_penalties(built, axioms, rows, options, smooth)
    result = fitted.result
    if smooth is not None:
        result.history.decide(
            "axiom", f"learned from {len(smooth.x)} points of a smooth estimate, as the rows are noisy"
        )
    if len(network_of(built).kan_layers) < len(model.kan_layers):
        result.history.decide(
            "axiom", "no inputs may meet, so there is no hidden layer: a spline of each input says all"
        )
    for text, weight in weights.items():
        result.history.decide("axiom", f"{text} has the weight {weight:g}")
    for test in axiom_tests(fitted.model, axioms, rows):
        result.history.decide("warning", test.text)
        warnings.warn(FitWarning(test.text), stacklevel=3)
    certificate = verify(fitted.model, axioms, box=rows.box(), effort=PROOF_EFFORT)
    violations = violations_of(fitted.model, axioms, rows)
    return InformedResult(fitted.model, result.history, axioms, certificate, violations, result)
