"""Checks a certificate against a model without a search: every box of the proof, every counterexample.

Claims are derived again from the texts of the axioms; the encoding of the division guarantees that boxes cover the whole; bounds
are computed in the arithmetic of `recheck.py`. If these are a little wider than the prover's, a box is halved a few times.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from splinework.errors import FileError, SplineworkError
from splinework.knowledge.axioms.verify.certificate import Certificate, ClaimResult, from_dict, status_of
from splinework.knowledge.axioms.verify.claim import Claim
from splinework.knowledge.axioms.verify.exact import ExactModel
from splinework.knowledge.axioms.verify.falsification import exact_value
from splinework.knowledge.axioms.verify.identity import least
from splinework.knowledge.axioms.verify.integer import IntegerNetwork, is_integer, verify_codes
from splinework.knowledge.axioms.verify.numbers import Model, digest
from splinework.knowledge.axioms.verify.recheck import Floats, Range, exact
from splinework.knowledge.axioms.verify.recheck_model import CheckedModel, CheckEnvironment
from splinework.knowledge.axioms.verify.subject import Subject, subject_of
from splinework.knowledge.axioms.verify.tree import halves, leaves_of

_BATCH_SIZE: Final = 2048
_MAX_HALVINGS: Final = 48
_MAX_BOXES: Final = 20_000
_MAX_BOXES_PER_LEAF: Final = 20


@dataclass(frozen=True)
class CertificateCheck:
    """The result of checking a certificate; true if the certificate is valid.

    Attributes:
        valid: Whether the certificate is valid for the model.
        reason: Why it is not.
        status: The status that the certificate states: `proved`, `refuted`, `unknown`.
    """

    valid: bool
    reason: str
    status: str

    def __bool__(self) -> bool:
        return self.valid


class _InvalidCertificate(Exception):
    """A certificate is invalid."""


def check(
    model: Model | IntegerNetwork, certificate: Certificate | dict[str, Any] | str | os.PathLike[str]
) -> CertificateCheck:
    """Checks a certificate against a model.

    Args:
        model: The model to which it refers.
        certificate: A certificate, its JSON values, or the path of its file.

    Returns:
        The result, which is true if the certificate is valid.
    """
    status = ""
    try:
        if isinstance(certificate, Certificate):
            held = certificate
        else:
            held = from_dict(certificate) if isinstance(certificate, dict) else Certificate.load(certificate)
        status = held.status
        if is_integer(model):
            _check_integer(model, held)  # type: ignore[arg-type]
        else:
            _check(model, held)  # type: ignore[arg-type]
    except (_InvalidCertificate, SplineworkError, FileError) as error:
        return CertificateCheck(False, str(error), status)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return CertificateCheck(False, f"it is inconsistent ({error!r})", status)
    return CertificateCheck(True, "", status)


def _demand(condition: bool, reason: str) -> None:
    if not condition:
        raise _InvalidCertificate(reason)


def _check(model: Model, certificate: Certificate) -> None:
    from splinework.knowledge.axioms.language import parse_axiom

    _demand(certificate.model == digest(model), "it refers to another model: the digests differ")
    _demand(certificate.status == status_of(certificate.claims), "its status is not that of its claims")
    subject = subject_of(model, dict(certificate.box))
    _demand(set(certificate.box) == set(subject.inputs), "its box is not one range per input")
    axioms = [parse_axiom(text) for text in certificate.axioms]
    expected = [(axiom.text(), claim) for axiom in axioms for claim in axiom.claims(subject)]
    _demand(len(axioms) > 0 and len(expected) == len(certificate.claims), "its claims are not those of its axioms")
    checker = _Checker(model, subject)
    for (axiom, claim), result in zip(expected, certificate.claims, strict=True):
        checker.claim(axiom, claim, result)


def _check_integer(model: IntegerNetwork, certificate: Certificate) -> None:
    from splinework.knowledge.axioms.language import parse_axiom

    axioms = [parse_axiom(text) for text in certificate.axioms]
    again = verify_codes(model, axioms, _codes(model, certificate.box))
    for key in ("status", "claims", "axioms", "model", "margin"):
        _demand(getattr(again, key) == getattr(certificate, key), f"its {key} is not what the tables give")


def _codes(model: IntegerNetwork, box: Mapping[str, tuple[float, float]]) -> list[tuple[int, int]]:
    """The box of a certificate of an integer model, as codes."""
    _demand(set(box) == {wire.name for wire in model.inputs}, "its box is not one range per input")
    found = []
    for wire in model.inputs:
        low, high = box[wire.name]
        sound = float(low).is_integer() and float(high).is_integer()
        _demand(sound and wire.format.low <= low <= high <= wire.format.high, f"its range of {wire.name} has no codes")
        found.append((int(low), int(high)))
    return found


class _Checker:
    """Checks the claims of one model."""

    def __init__(self, model: Model, subject: Subject) -> None:
        self.model, self.subject = model, subject

    @cached_property
    def checked(self) -> CheckedModel:
        """The model in the checker's arithmetic."""
        return CheckedModel(self.model)

    def claim(self, axiom: str, claim: Claim, result: ClaimResult) -> None:
        """Raises an error unless a result is valid."""
        about = f"the claim {claim.text!r}"
        _demand(result.axiom == axiom and result.text == claim.text, f"{about} is not that of the axiom")
        same = (
            result.names == claim.names and np.array_equal(result.lo, claim.lo) and np.array_equal(result.hi, claim.hi)
        )
        _demand(same, f"{about} refers to another box")
        _demand(math.isclose(result.tolerance, claim.tolerance, rel_tol=1e-6), f"{about} has another tolerance")
        if result.status == "refuted":
            if claim.total is not None:
                self._integral(claim, claim.total, result, about)
            else:
                self._refuted(claim, result, about)
            return
        _demand(result.counterexample is None and not result.value, f"{about} has a counterexample, but is not refuted")
        if result.status == "unknown":
            _demand(result.method == "none", f"{about} is unknown, but has a method")
        else:
            _demand(result.status == "proved", f"{about} has the status {result.status!r}")
            _demand(result.bound >= -result.tolerance, f"{about} has a bound that does not prove it")
        if result.method == "formula":
            _demand(result.tree == "", f"{about} has boxes, but is proved by formula")
            found = least(claim, self.model, claim.vanishing)
            _demand(found >= result.bound, f"{about}: its formula gives {float(found):.3g}, not {result.bound:.3g}")
        elif claim.total is not None:
            self._integral(claim, claim.total, result, about)
        elif result.status == "proved":
            _demand(result.method in ("structure", "bounds"), f"{about} has the method {result.method!r}")
            _demand(not claim.reason, f"{about} cannot be proved on boxes")
            self._boxes(claim, result, about)
        elif result.bound > -math.inf:
            self._boxes(claim, result, about)

    def _refuted(self, claim: Claim, result: ClaimResult, about: str) -> None:
        _demand(result.tree == "", f"{about} has boxes, but is refuted by a point")
        point = result.counterexample
        _demand(result.method == "point" and point is not None, f"{about} is refuted, but has no counterexample")
        assert point is not None
        _demand(tuple(point) == claim.names, f"{about}: the counterexample has other variables")
        values = np.array(list(point.values()))
        finite = np.isfinite(claim.lo) & np.isfinite(claim.hi)
        inside = (values >= claim.lo) & (values <= claim.hi)
        _demand(bool(inside.all() and (np.isfinite(values) | finite).all()), f"{about}: the counterexample is outside")
        found = exact_value(claim, ExactModel(self.model), values)
        _demand(found is not None, f"{about} holds at the counterexample")
        _demand(math.isclose(float(found), float(result.value), rel_tol=1e-12), f"{about} has another value there")
        _demand(result.bound == -math.inf, f"{about} is refuted, but has a bound")

    def _boxes(self, claim: Claim, result: ClaimResult, about: str) -> None:
        """Checks every leaf and every face of the division."""
        leaves = leaves_of(result.tree, claim.lo, claim.hi)
        low = self._confirmed(
            lambda a, b, _: self._good(claim, a, b, result.bound), leaves.lo, leaves.hi, np.arange(len(leaves.lo))
        )
        _demand(low, f"{about}: the bound {result.bound:.6g} could not be confirmed on one of its boxes")
        lo, hi, variable, sign = leaves.faces
        _demand(
            self._slopes(claim, lo, hi, variable, sign), f"{about}: a slope does not have the sign that its boxes state"
        )

    def _values(self, claim: Claim, lo: Floats, hi: Floats, order: int) -> tuple[Range, Range | None, np.ndarray]:
        env = CheckEnvironment(self.checked, lo, hi, claim.inputs, order)
        found = claim.define(env)
        outside = np.zeros(len(lo), dtype=bool)
        for left, right in claim.conditions:
            outside |= left(env).v.a > right(env).v.b
        return found.v, found.d, outside

    def _good(self, claim: Claim, lo: Floats, hi: Floats, bound: float) -> np.ndarray:
        """A mask of the boxes on which the function is at least the bound, by its range or the mean value theorem."""
        infinite = not (np.isfinite(lo).all() and np.isfinite(hi).all())
        order = claim.order if infinite else min(claim.order + 1, 2)
        value, slope, outside = self._values(claim, lo, hi, order)
        good = outside | (value.a >= bound)
        if slope is None or infinite or good.all():
            return good
        rows = np.flatnonzero(~good)
        lo, hi, d = lo[rows], hi[rows], slope.part(rows)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            between = (d.b * lo - d.a * hi) / (d.b - d.a)
            centre = np.where(d.a >= 0, lo, np.where(d.b <= 0, hi, between))
            centre = np.clip(np.where(np.isfinite(centre), centre, lo / 2 + hi / 2), lo, hi)
            change = d * Range((lo - centre) * (1 + 1e-15), (hi - centre) * (1 + 1e-15))
            there, _, outside = self._values(claim, centre, centre, claim.order)
            _demand(not (there.b[~outside] < bound).any() or bool(claim.conditions), "a point is below the bound")
            total = there.a + change.a.sum(1) - 1e-14 * np.abs(change.a).sum(1) - 1e-15 * np.abs(there.a)
        good[rows] |= total >= bound
        return good

    def _slopes(self, claim: Claim, lo: Floats, hi: Floats, variable: np.ndarray, sign: np.ndarray) -> bool:
        def good(a: Floats, b: Floats, which: np.ndarray) -> np.ndarray:
            _, slope, _ = self._values(claim, a, b, min(claim.order + 1, 2))
            if slope is None:
                return np.zeros(len(a), dtype=bool)
            rows = np.arange(len(a))
            along = slope.part(rows, variable[which])
            return np.where(sign[which] > 0, along.a >= 0, along.b <= 0)

        return self._confirmed(good, lo, hi, np.arange(len(lo)))

    def _confirmed(self, good: Any, lo: Floats, hi: Floats, which: np.ndarray) -> bool:
        """Whether a property holds on all boxes; where it cannot be confirmed, on their halves."""
        looked, most = 0, _MAX_BOXES + _MAX_BOXES_PER_LEAF * len(lo)
        for _ in range(_MAX_HALVINGS):
            missing = []
            for first in range(0, len(lo), _BATCH_SIZE):
                part = slice(first, first + _BATCH_SIZE)
                missing.append(first + np.flatnonzero(~good(lo[part], hi[part], which[part])))
            looked += len(lo)
            rows = np.concatenate(missing) if missing else np.empty(0, dtype=np.intp)
            if not len(rows):
                return True
            lo, hi, which = lo[rows], hi[rows], which[rows]
            if looked > most or not (np.isfinite(lo).all() and np.isfinite(hi).all()):
                return False
            width = self.subject.hi - self.subject.lo
            relative = (hi - lo) / np.concatenate([width, np.ones(lo.shape[1] - len(width))])
            (lo, hi), which = halves(lo, hi, relative.argmax(1)), np.concatenate([which, which])
        return False

    def _integral(self, claim: Claim, equals: float, result: ClaimResult, about: str) -> None:
        """Checks an integral by the midpoint rule on the boxes, with its error bounded by second derivatives."""
        leaves = leaves_of(result.tree, claim.lo, claim.hi)
        _demand(not len(leaves.faces[2]), f"{about}: the division of an integral has faces")
        low = high = rounding = 0.0
        for first in range(0, len(leaves.lo), _BATCH_SIZE):
            lo, hi = leaves.lo[first : first + _BATCH_SIZE], leaves.hi[first : first + _BATCH_SIZE]
            part = self._midpoint(claim, lo, hi)
            low, high = low + float(part.a.sum()), high + float(part.b.sum())
            rounding += 1e-12 * float(np.abs(part.a).sum() + np.abs(part.b).sum())
        off = (low - rounding - equals, high + rounding - equals)
        if result.status == "refuted":
            _demand(
                result.counterexample is None and result.method == "bounds", f"{about} is refuted by another method"
            )
            nearest = 0.0 if off[0] <= 0 <= off[1] else min(abs(off[0]), abs(off[1]))
            _demand(nearest >= -float(result.value) > result.tolerance, f"{about} may hold")
            return
        _demand(
            -max(abs(off[0]), abs(off[1])) >= result.bound, f"{about}: the bound {result.bound:.6g} is not confirmed"
        )

    def _midpoint(self, claim: Claim, lo: Floats, hi: Floats) -> Range:
        n = lo.shape[1]
        found = claim.define(CheckEnvironment(self.checked, lo, hi, claim.inputs, 2))
        middle = lo / 2 + hi / 2
        rounding = 4e-16 * np.maximum(np.abs(lo), np.abs(hi)) * (hi > lo)
        near = np.clip(middle - rounding, lo, hi), np.clip(middle + rounding, lo, hi)
        total = claim.define(CheckEnvironment(self.checked, near[0], near[1], claim.inputs, 0)).v
        width = Range((hi - lo) * (1 - 4e-16), (hi - lo) * (1 + 4e-16))
        size = exact(np.ones(len(lo)))
        for a in range(n):
            size = size * width.part(slice(None), a)
            for b in range(n):
                bend = found.h.part(slice(None), a, b)
                area = width.part(slice(None), a) * width.part(slice(None), b)
                if a == b:
                    total = total + bend * area * exact(np.full(len(lo), 24.0)).inverse()
                else:
                    most = exact((bend.b - bend.a) * (1 + 1e-15)) * area * exact(np.full(len(lo), 1 / 64))
                    total = total + Range(-most.b, most.b)
        low, high = np.maximum(total.a, found.v.a), np.minimum(total.b, found.v.b)
        return Range(low, np.maximum(low, high)) * size
