"""The entry point `verify`: proves or refutes axioms of a model."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from splinework.errors import ArgumentError, ConfigError
from splinework.errors.foreign import explained, not_a_model
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.checker.certificates import faults_of
from splinework.knowledge.axioms.checker.formulas import Unreadable
from splinework.knowledge.axioms.verify.branch import BranchAndBoundResult, search
from splinework.knowledge.axioms.verify.certificate import Certificate, ClaimResult, new, status_of
from splinework.knowledge.axioms.verify.claim import Claim, enclose, reach
from splinework.knowledge.axioms.verify.exact import ExactModel
from splinework.knowledge.axioms.verify.falsification import candidates, refute
from splinework.knowledge.axioms.verify.identity import least
from splinework.knowledge.axioms.verify.integer import IntegerNetwork, is_integer, verify_integer
from splinework.knowledge.axioms.verify.integrals import integral_result
from splinework.knowledge.axioms.verify.network import Enclosure
from splinework.knowledge.axioms.verify.numbers import Model, digest
from splinework.knowledge.axioms.verify.subject import Subject, subject_of
from splinework.knowledge.axioms.verify.work import WorkBudget

_BUDGET_SHARE: Final = 0.5
"""The share of the remaining work for the next of several claims."""
_SLACK_PER_SCALE: Final = 1e-3
_SLACK_SHARE: Final = 0.5
_MAX_TREE_SIZE: Final = 400_000
"""The maximum size of an unfinished division in a certificate; a larger one is dropped together with its bound."""


@explained
def verify(
    model: Model | IntegerNetwork, axioms: Axiom | str | Sequence[Any], *, box: Any = None, effort: float = 30.0
) -> Certificate:
    """Proves or refutes axioms of a model, independent of how it was trained.

    Formulas and signs of coefficients are tried first, in milliseconds; then branch and bound, with a search for counterexamples.
    Bounds hold for the exact real function of the model; rounding is accounted for.

    Args:
        model: A KAN, a FramedKAN, or an integer model of `splinework.hardware`.
        axioms: One axiom, its text, or several.
        box: Ranges of raw inputs, by name or in order; by default those of the model's grids.
        effort: Units of work for all axioms together, about a second of one core each; the result does not depend on how fast
            they are done.

    Returns:
        A certificate; `.status` is `proved`, `refuted` or `unknown`.

    Raises:
        ConfigError: If the model, the box or an axiom cannot be used.
        FormulaError: If a text cannot be parsed.

    Example:
        >>> import splinework as sw
        >>> verify(sw.KAN([1, 1], base="identity"), "bounded(-100, 100)").status
        'proved'
    """
    start = time.monotonic()
    from splinework.knowledge.axioms.language import axioms_of

    if isinstance(model, str):
        raise ArgumentError(not_a_model("verify", model, "axioms"))
    listed = axioms_of(axioms)
    if not listed:
        raise ConfigError("verify takes at least one axiom, such as 'monotone(a)'; got none.")
    if not effort > 0:
        raise ConfigError(f"effort is a positive number of units of work, about a second each, got {effort}.")
    if is_integer(model):
        return confirmed(model, verify_integer(model, listed, box=box))  # type: ignore[arg-type]
    subject = subject_of(model, box)  # type: ignore[arg-type]
    prover = Prover(subject)
    pending = [(axiom, claim) for axiom in listed for claim in axiom.claims(subject)]
    found: list[ClaimResult | None] = [prover.quick(axiom, claim) for axiom, claim in pending]
    left = [number for number, result in enumerate(found) if result is None]
    work, refused = WorkBudget(effort), dict[int, ClaimResult]()
    ranges = {
        name: (float(low), float(high)) for name, low, high in zip(subject.inputs, subject.lo, subject.hi, strict=True)
    }
    while True:
        for place, number in enumerate(left):
            part = work.share(1.0 if place == len(left) - 1 else _BUDGET_SHARE)
            found[number] = prover.slow(*pending[number], work=part)
            work.returned(part)
        results = [result for result in found if result is not None]
        certificate = new(
            results,
            axioms=tuple(axiom.text() for axiom in listed),
            model=digest(subject.model),
            box=ranges,
            seconds=0.0,
        )
        certificate = confirmed(model, certificate)
        # The checker's ranges on the undivided box may be too wide.
        pairs = enumerate(zip(results, certificate.claims, strict=True))
        left = [number for number, (one, other) in pairs if one.method == "structure" != other.method]
        if not left:
            break
        refused = {number: certificate.claims[number] for number in left}
    claims = tuple(
        refused.get(number, each) if each.status == "unknown" else each
        for number, each in enumerate(certificate.claims)
    )
    return replace(certificate, claims=claims, seconds=round(time.monotonic() - start, 4))


def confirmed(model: Any, certificate: Certificate) -> Certificate:
    """A certificate with only those results that the checker confirms; the others become unknown, and say so.

    What is proved with a bound that the checker does not confirm may be so with the least one that proves it. What is unknown
    anyway only loses its bound.
    """
    faults = _faults(model, certificate)
    weaker = tuple(
        replace(result, bound=-result.tolerance) if fault and result.status == "proved" else result
        for result, fault in zip(certificate.claims, faults, strict=True)
    )
    if weaker != certificate.claims:
        certificate = replace(certificate, claims=weaker)
        faults = _faults(model, certificate)
    claims = tuple(
        replace(
            result,
            status="unknown",
            method="none",
            bound=-float("inf"),
            tree="",
            counterexample=None,
            value="",
            reason=result.reason
            or ("" if result.status == "unknown" else f"found {result.status}, but not confirmed: {fault}"),
        )
        if fault
        else result
        for result, fault in zip(certificate.claims, faults, strict=True)
    )
    return replace(certificate, claims=claims, status=status_of(claims))


def _faults(model: Any, certificate: Certificate) -> list[str]:
    try:
        return list(faults_of(model, certificate.to_dict()))
    except Unreadable as error:
        return [str(error)] * len(certificate.claims)


@dataclass
class Prover:
    """Proofs about one model and box; enclosures are shared between claims."""

    subject: Subject

    def __post_init__(self) -> None:
        self._enclosures: dict[tuple[bytes, bytes], Enclosure] = {}

    def enclosure(self, claim: Claim) -> Enclosure:
        """The enclosure of the model for all inputs of a claim."""
        wide = reach([claim])
        key = (wide.lo.tobytes(), wide.hi.tobytes())
        if key not in self._enclosures:
            self._enclosures[key] = Enclosure(self.subject.model, wide)
        return self._enclosures[key]

    @cached_property
    def exact(self) -> ExactModel:
        """The model in 60 digits."""
        return ExactModel(self.subject.model)

    def quick(self, axiom: Axiom, claim: Claim) -> ClaimResult | None:
        """A proof by formula, or by bounds on the undivided box; None if neither succeeds."""
        result = _result(axiom, claim)
        if claim.total is None:
            bound = least(claim, self.subject.model, claim.vanishing)
            if bound >= -claim.tolerance and (claim.equation or not self._undefined(claim)):
                bound = 0.0 if bound == 0 else _with_slack(_down(bound), claim)
                return replace(result, status="proved", method="formula", bound=bound)
        if claim.reason or claim.total is not None:
            return None
        found = enclose(claim, self.enclosure(claim), claim.lo[None], claim.hi[None], gradient=False)
        lower = float(found.value.lo[0]) if not found.outside[0] else float("inf")
        if lower >= -claim.tolerance:
            bound = _with_slack(lower, claim)
            return replace(result, status="proved", method="structure", bound=bound, tree=".", boxes=1)
        return None

    def _undefined(self, claim: Claim) -> bool:
        """Whether the function may have no value somewhere in the box."""
        found = enclose(claim, self.enclosure(claim), claim.lo[None], claim.hi[None], gradient=False)
        return bool(found.undefined.any())

    def slow(self, axiom: Axiom, claim: Claim, *, work: WorkBudget) -> ClaimResult:
        """The result of branch and bound and of the search for counterexamples."""
        result = _result(axiom, claim)
        if claim.total is not None:
            return integral_result(claim, claim.total, self.enclosure(claim), result, work)
        if claim.reason:
            return replace(result, reason=claim.reason)
        if not (np.isfinite(claim.lo).all() and np.isfinite(claim.hi).all()):
            return self._everywhere(claim, result)
        enclosure = self.enclosure(claim)
        refuted = self._refuted(claim, enclosure, claim.lo[None] / 2 + claim.hi[None] / 2, result)
        if refuted is not None:
            return refuted
        found = search(claim, enclosure, target=-claim.tolerance, work=work)
        if not found.proved:
            near = np.concatenate([found.point[None], found.open[0] / 2 + found.open[1] / 2])
            if found.singular is not None:
                near = np.concatenate([found.singular, near])
            refuted = self._refuted(claim, enclosure, near, result)
            return refuted or _unknown(found, claim, result)
        return replace(
            result,
            status="proved",
            method="bounds",
            bound=_with_slack(found.lower, claim),
            tree=found.tree.text(),
            boxes=found.boxes,
            least=found.upper,
        )

    def _refuted(self, claim: Claim, enclosure: Enclosure, near: Any, result: ClaimResult) -> ClaimResult | None:
        points, values = candidates(claim, enclosure, near)
        found = refute(claim, self.exact, points, values)
        if found is None:
            return None
        return replace(
            result,
            status="refuted",
            method="point",
            counterexample=found.point,
            value=found.value,
            least=float(found.value),
        )

    def _everywhere(self, claim: Claim, result: ClaimResult) -> ClaimResult:
        """Searches for a counterexample of a claim on an unbounded domain that could not be proved by structure."""
        subject = self.subject
        width = subject.hi - subject.lo
        extra = len(claim.lo) - claim.inputs
        wide = (np.concatenate([subject.lo - width, claim.lo[claim.inputs :]]), subject.hi + width)
        lo = np.maximum(wide[0], claim.lo) if extra == 0 else wide[0]
        hi = np.minimum(np.concatenate([wide[1], claim.hi[claim.inputs :]]), claim.hi)
        part = replace(claim, lo=np.where(np.isfinite(claim.lo), claim.lo, lo), hi=hi)
        low_end = np.where(part.lo <= 0, part.hi * 1e-3, part.lo) if (claim.lo == 0).any() else part.lo
        part = replace(part, lo=np.where(claim.lo == 0, low_end, part.lo))
        refuted = self._refuted(part, self.enclosure(part), part.lo[None] / 2 + part.hi[None] / 2, result)
        reason = "it cannot be proved for all numbers; on a box it can be decided, omit domain='all'"
        return refuted or replace(result, reason=reason)


def _result(axiom: Axiom, claim: Claim) -> ClaimResult:
    return ClaimResult(
        axiom=axiom.text(),
        text=claim.text,
        status="unknown",
        method="none",
        bound=-float("inf"),
        tolerance=claim.tolerance,
        names=claim.names,
        lo=tuple(claim.lo.tolist()),
        hi=tuple(claim.hi.tolist()),
    )


def _unknown(found: BranchAndBoundResult, claim: Claim, result: ClaimResult) -> ClaimResult:
    """The result of an unfinished search; the division so far proves its bound."""
    kept = found.tree if found.tree.size <= _MAX_TREE_SIZE else None
    bound = found.lower - _SLACK_PER_SCALE * claim.scale if kept is not None else -float("inf")
    tree = kept.text() if kept is not None and bound > -float("inf") else ""
    if found.singular is not None:
        at = ", ".join(f"{name}={x:.6g}" for name, x in zip(claim.names, found.singular.mean(0), strict=True))
        result = replace(
            result, reason=f"a part of the model may have no value near {at}; give a box without that point"
        )
    return replace(result, bound=bound, boxes=found.boxes, least=found.upper, tree=tree)


def _with_slack(lower: float, claim: Claim) -> float:
    """A bound with slack for the checker, whose arithmetic differs; slopes of one sign need none."""
    if lower == 0 and claim.order == 1:
        return lower
    spare = lower + claim.tolerance
    return max(lower - _SLACK_PER_SCALE * claim.scale - _SLACK_SHARE * spare, -claim.tolerance) if spare >= 0 else lower


def _down(bound: Any) -> float:
    value = float(bound)
    return value if value <= bound else float(np.nextafter(value, -np.inf))
