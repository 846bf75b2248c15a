"""The entry point `check`: reads a certificate, and confirms or rejects every claim of it."""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from splinework.errors import SplineworkError
from splinework.knowledge.axioms.checker.boxes import BoxCheck, reach_of
from splinework.knowledge.axioms.checker.claims import BoxClaim, Scene
from splinework.knowledge.axioms.checker.divisions import division
from splinework.knowledge.axioms.checker.formulas import Unreadable
from splinework.knowledge.axioms.checker.identities import least
from splinework.knowledge.axioms.checker.integers import CodeCheck, fault, integer_digest, is_integer
from splinework.knowledge.axioms.checker.meanings import claims_of
from splinework.knowledge.axioms.checker.models import ModelRanges, Reading, digest
from splinework.knowledge.axioms.checker.points import PointView
from splinework.knowledge.axioms.checker.ranges import Range
from splinework.knowledge.axioms.checker.schema import conform
from splinework.knowledge.axioms.checker.spread import spread_of
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN

_MOST_BYTES: Final = 1 << 28


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


def check(model: Any, certificate: Any) -> CertificateCheck:
    """Checks a certificate against a model, without a search and without anything of the prover.

    Args:
        model: The model to which it refers: a KAN, a FramedKAN, or an integer model.
        certificate: A certificate, its JSON values, or the path of its file.

    Returns:
        The result, which is true if the certificate is valid.

    Example:
        >>> import splinework as sw
        >>> model = sw.KAN([1, 1], base="identity")
        >>> bool(check(model, sw.verify(model, "bounded(-100, 100)")))
        True
    """
    status = ""
    try:
        content = _content(certificate)
        status = str(content.get("status", ""))
        _checked(content)
        wrong = next((reason for reason in faults_of(model, content) if reason), "")
        stated = {claim["status"] for claim in content["claims"]}
        joint = "refuted" if "refuted" in stated else "unknown" if "unknown" in stated else "proved"
        if not wrong and status != joint:
            wrong = "its status is not that of its claims"
    except (Unreadable, SplineworkError, OSError) as error:
        return CertificateCheck(False, str(error), status)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        return CertificateCheck(False, f"it is inconsistent ({error!r})", status)
    return CertificateCheck(not wrong, wrong, status)


def _content(certificate: Any) -> dict[str, Any]:
    """The JSON values of a certificate."""
    if hasattr(certificate, "to_dict"):
        certificate = certificate.to_dict()
    if isinstance(certificate, (str, os.PathLike)):
        file = Path(certificate)
        if file.stat().st_size > _MOST_BYTES:
            raise Unreadable(f"{file} has more than {_MOST_BYTES >> 20} MiB, too large for a certificate")
        certificate = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(certificate, dict):
        raise Unreadable(f"it is not a certificate, but {type(certificate).__name__}")
    return certificate


def _checked(content: Mapping[str, Any]) -> None:
    """Checks the format, the checksum and the types of all fields."""
    conform(content)
    plain = {key: value for key, value in content.items() if key != "seal"}
    sealed = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
    _demand(content.get("seal") == sealed, "it was changed after it was written: its seal does not match")


def _demand(condition: bool, reason: str) -> None:
    if not condition:
        raise Unreadable(reason)


def number(value: Any) -> float:
    """A number of a certificate: infinities are texts."""
    if isinstance(value, bool) or not (isinstance(value, (int, float)) or value in ("inf", "-inf", "nan")):
        raise Unreadable(f"{value!r} is not a number")
    return float(value)


def faults_of(model: Any, content: Mapping[str, Any]) -> Iterator[str]:
    """Why each claim of a certificate is not confirmed, an empty text for each that is.

    Raises:
        Unreadable: If the certificate as a whole is not one of this model and its axioms.
    """
    if is_integer(model):
        yield from _integer_faults(model, content)
        return
    _demand(isinstance(model, (KAN, FramedKAN)), f"a {type(model).__name__} is not a model")
    _demand(content["model"] == digest(model), "it refers to another model: the digests differ")
    reading = Reading(model)
    checker = ModelChecker(reading, {str(k): [number(end) for end in v] for k, v in content["box"].items()})
    expected = [claim for text in content["axioms"] for claim in checker.claims(text)]
    _demand(len(expected) == len(content["claims"]), "its claims are not those of its axioms")
    for claim, result in zip(expected, content["claims"], strict=True):
        yield checker.fault(claim, result)


def _integer_faults(model: Any, content: Mapping[str, Any]) -> Iterator[str]:
    _demand(content["model"] == integer_digest(model), "it refers to another model: the digests differ")
    box = content["box"]
    _demand(set(box) == {wire.name for wire in model.inputs}, "its box is not one range per input")
    codes = []
    for wire in model.inputs:
        low, high = (number(end) for end in box[wire.name])
        sound = low.is_integer() and high.is_integer() and wire.format.low <= low <= high <= wire.format.high
        _demand(sound, f"its range of {wire.name} has no codes")
        codes.append((int(low), int(high)))
    checker = CodeCheck(model, codes)
    expected = [claim for text in content["axioms"] for claim in checker.claims(text)]
    _demand(len(expected) == len(content["claims"]), "its claims are not those of its axioms")
    for claim, result in zip(expected, content["claims"], strict=True):
        ends = [[float(pair[end]) for pair in codes] for end in (0, 1)]
        same = result["text"] == claim.text and result["axiom"] == claim.axiom and result["names"] == checker.inputs
        same &= [list(map(number, result[key])) for key in ("lo", "hi")] == ends and number(result["tolerance"]) == 0
        values = {**result, "bound": number(result["bound"])}
        if result["counterexample"] is not None:
            values["counterexample"] = {k: number(v) for k, v in result["counterexample"].items()}
        reason = fault(checker, claim, values) if same else "it is not what its axiom says"
        yield f"the claim {claim.text!r}: {reason}" if reason else ""


class ModelChecker:
    """Claims about one model on one box."""

    def __init__(self, reading: Reading, box: Mapping[str, Sequence[float]]) -> None:
        self.reading = reading
        self._enclosed: dict[tuple[bytes, bytes], ModelRanges] = {}
        _demand(set(box) == set(reading.inputs), "its box is not one range per input")
        lo, hi = (np.array([box[name][end] for name in reading.inputs]) for end in (0, 1))
        _demand(bool((np.isfinite(lo) & np.isfinite(hi) & (lo < hi)).all()), "a range of its box is empty or infinite")
        scales = reading.scalings[0][0] if not (reading.before or reading.after) else ()
        lowest = np.array([0.0 if scale == "log" else -np.inf for scale in scales] or [-np.inf] * len(lo))
        self.scene = Scene(reading.inputs, reading.outputs, lo, hi, spread_of(self.enclosed(Range(lo, hi))), lowest)

    def enclosed(self, reach: Range) -> ModelRanges:
        """The model over inputs within a reach."""
        key = (reach.lo.tobytes(), reach.hi.tobytes())
        if key not in self._enclosed:
            self._enclosed[key] = ModelRanges(self.reading, reach)
        return self._enclosed[key]

    def boxes(self, claim: BoxClaim) -> BoxCheck:
        """The check of a claim over boxes, whose tables cover all inputs at which it asks the model."""
        reach = reach_of(claim, len(self.reading.inputs), len(self.reading.outputs))
        return BoxCheck(claim, self.enclosed(reach))

    def claims(self, axiom: str) -> list[BoxClaim]:
        """The claims of an axiom."""
        return claims_of(axiom, self.scene)

    def fault(self, claim: BoxClaim, result: Mapping[str, Any]) -> str:
        """Why the result of a claim is not confirmed; empty if it is."""
        reason = self._same(claim, result) or self._fault(claim, result)
        return f"the claim {claim.text!r}: {reason}" if reason else ""

    @staticmethod
    def _same(claim: BoxClaim, result: Mapping[str, Any]) -> str:
        for key, mine in (("axiom", claim.axiom), ("text", claim.text), ("names", list(claim.names))):
            if result[key] != mine:
                return f"its {key} is not that of its axiom"
        for key, ends in (("lo", claim.lo), ("hi", claim.hi)):
            if [number(v) for v in result[key]] != ends.tolist():
                return "its box is not that of its axiom"
        tolerance = number(result["tolerance"])
        if not (math.isfinite(tolerance) and tolerance <= claim.tolerance * (1 + 1e-12)):
            return f"its tolerance {tolerance} is not that of its axiom, {claim.tolerance}"
        return ""

    def _fault(self, claim: BoxClaim, result: Mapping[str, Any]) -> str:
        status, method, bound = result["status"], result["method"], number(result["bound"])
        tolerance = number(result["tolerance"])
        if status == "refuted" and claim.integral is None:
            return self._point(claim, result)
        if result["counterexample"] is not None:
            return "it is not refuted, but has a counterexample"
        if status == "refuted":
            return self._integral(claim, result)
        if result["value"]:
            return "it is not refuted, but has a value"
        if status == "proved" and not -tolerance <= bound:
            return "it is proved, but its bound is below its tolerance"
        if (status == "unknown") != (method == "none"):
            return f"it is {status} by the method {method}"
        if status not in ("proved", "unknown") or math.isnan(bound):
            return f"its status {status!r} or its bound is none"
        if status == "unknown" and bound == -math.inf:
            return ""
        if claim.integral is not None:
            return self._integral(claim, result)
        if method == "formula":
            return self._formula(claim, result)
        if claim.open or method not in ("structure", "bounds", "none"):
            return f"it has no proof by {method}"
        try:
            boxes = division(result["tree"], claim.lo, claim.hi)
            return self.boxes(claim).everywhere(boxes, bound)
        except Unreadable as error:
            return str(error)

    def _formula(self, claim: BoxClaim, result: Mapping[str, Any]) -> str:
        bound = number(result["bound"])
        if result["tree"]:
            return "it is proved by a formula, but has a division"
        try:
            by_form = least(claim, self.reading) >= bound
            if by_form and claim.equation:
                return ""
            found, _ = self.boxes(claim).values(claim.lo[None], claim.hi[None], slopes=False)
            if found.sound.all() and (by_form or bool((found.v.lo >= bound).all())):
                return ""
        except Unreadable as error:
            return str(error)
        return f"the bound {bound:.6g} does not follow from its formulas"

    def _point(self, claim: BoxClaim, result: Mapping[str, Any]) -> str:
        point = result["counterexample"]
        if not isinstance(point, dict) or result["method"] != "point" or result["tree"]:
            return "it is refuted, but without a counterexample"
        values = [number(v) for v in point.values()]
        if tuple(point) != claim.names or not all(
            a <= v <= b for a, v, b in zip(claim.lo, values, claim.hi, strict=True)
        ):
            return "its counterexample does not lie in its box"
        if number(result["bound"]) != -math.inf:
            return "it is refuted, but has a bound"
        view = PointView(self.reading, values)
        if any(low(view) > high(view) for low, high in claim.conditions):
            return "nothing is claimed at its counterexample"
        value = claim.function(view)
        if value >= -view.number(number(result["tolerance"])):
            return "it holds at its counterexample"
        stated = view.number(result["value"])
        infinite = abs(value) == math.inf or abs(stated) == math.inf
        same = (value != value and stated != stated) or value == stated
        same |= not infinite and bool(abs(value - stated) <= 1e-9 * abs(value))
        return "" if same else "it has another value at its counterexample"

    def _integral(self, claim: BoxClaim, result: Mapping[str, Any]) -> str:
        """Whether an integral is within a distance of its value, or further away."""
        assert claim.integral is not None
        if result["method"] not in ("bounds", "none"):
            return f"it has no proof by {result['method']}"
        boxes = division(result["tree"], claim.lo, claim.hi)
        if len(boxes.signs):
            return "the division of an integral has faces"
        found = self.boxes(claim).integral(boxes)
        low, high = float(found.lo[0] - claim.integral), float(found.hi[0] - claim.integral)
        if result["status"] != "refuted":
            return "" if -max(abs(low), abs(high)) >= number(result["bound"]) else "its bound could not be confirmed"
        nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        value = float(result["value"])
        return "" if nearest >= -value > number(result["tolerance"]) else "the integral may have its value"
