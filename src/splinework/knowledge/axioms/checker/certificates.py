"""The entry point `check`: reads a certificate, and confirms or rejects every claim of it."""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np

from splinework.errors import SplineworkError
from splinework.knowledge.axioms.checker.boxes import BoxCheck, reach_of
from splinework.knowledge.axioms.checker.claims import BoxClaim, Scene
from splinework.knowledge.axioms.checker.divisions import division
from splinework.knowledge.axioms.checker.formulas import Unreadable
from splinework.knowledge.axioms.checker.integers import CodeCheck, code_ranges, integer_digest, is_integer
from splinework.knowledge.axioms.checker.meanings import claims_of
from splinework.knowledge.axioms.checker.models import ModelRanges, Reading, digest, spread_of
from splinework.knowledge.axioms.checker.points import PointView
from splinework.knowledge.axioms.checker.ranges import Range
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN

_MOST_BYTES: Final = 1 << 28


@dataclass(frozen=True)
class CertificateCheck:
    """The result of checking a certificate; true if the certificate is valid.

    Attributes:
        valid: Whether the certificate is valid for the model.
        reason: Why it is not.
        status: The status that the certificate states: `proved`, `refuted`, `unknown`; empty where it is no certificate, or one
            of another model, so that there was nothing to check.
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
        conform(content)
        _same_model(model, content)
        status = content["status"]
        plain = {key: value for key, value in content.items() if key != "seal"}
        sealed = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
        _demand(content["seal"] == sealed, "it was changed after it was written: its seal does not match")
        wrong = next(filter(None, faults_of(model, content)), "")
        stated = {claim["status"] for claim in content["claims"]}
        joint = "refuted" if "refuted" in stated else "unknown" if "unknown" in stated else "proved"
        if not wrong and status != joint:
            wrong = "its status is not that of its claims"
    except (Unreadable, SplineworkError) as error:
        wrong = str(error)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        wrong = f"it is inconsistent ({repr(error)[:200]})"
    return CertificateCheck(not wrong, wrong, status)


def _content(certificate: Any) -> dict[str, Any]:
    """The JSON values of a certificate."""
    if hasattr(certificate, "to_dict"):
        certificate = certificate.to_dict()
    if isinstance(certificate, (str, os.PathLike)):
        file = Path(certificate)
        try:
            _demand(
                file.stat().st_size <= _MOST_BYTES,
                f"it has more than {_MOST_BYTES >> 20} MiB, too large for a certificate",
            )
            certificate = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise Unreadable(f"it cannot be read as JSON ({reason})") from None
    if not isinstance(certificate, dict):
        raise Unreadable(f"it is not a certificate, but {type(certificate).__name__}")
    return certificate


def _demand(condition: object, reason: str) -> None:
    if not condition:
        raise Unreadable(reason)


def _same_model(model: Any, content: Mapping[str, Any]) -> None:
    integer = is_integer(model)
    _demand(integer or isinstance(model, (KAN, FramedKAN)), f"a {type(model).__name__} is not a model")
    found = integer_digest(model) if integer else digest(model)
    _demand(content["model"] == found, "it refers to another model: the digests differ")


def _numbers(value: Any) -> Any:
    """A number of a certificate, whose infinities are texts, or several of them."""
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _numbers(each) for key, each in value.items()}
    return None if value is None else float(value)


def faults_of(model: Any, content: Mapping[str, Any]) -> Iterator[str]:
    """Why each claim of a certificate is not confirmed, an empty text for each that is.

    Raises:
        Unreadable: If the certificate as a whole is not one of this model and its axioms.
    """
    _same_model(model, content)
    box = _numbers(content["box"])
    checker: Any = CodeCheck(model, code_ranges(model, box)) if is_integer(model) else ModelChecker(Reading(model), box)
    expected = [claim for text in content["axioms"] for claim in checker.claims(text)]
    _demand(len(expected) == len(content["claims"]), "its claims are not those of its axioms")
    for claim, stated in zip(expected, content["claims"], strict=True):
        keys = ("bound", "tolerance", "lo", "hi", "counterexample")
        result = {**stated, **{key: _numbers(stated[key]) for key in keys}}
        reason = _other(claim, result) or _unlike(result) or checker.fault(claim, result)
        yield f"the claim {claim.text!r}: {reason}" if reason else ""


def _other(claim: Any, result: Mapping[str, Any]) -> str:
    """Names a difference between a result and its claim; empty if there is none."""
    for key in ("axiom", "text", "names", "lo", "hi"):
        if result[key] != (getattr(claim, key) if isinstance(getattr(claim, key), str) else list(getattr(claim, key))):
            return f"its {'box' if key in ('lo', 'hi') else key} is not that of its axiom"
    if not (math.isfinite(result["tolerance"]) and result["tolerance"] <= claim.tolerance * (1 + 1e-12)):
        return f"its tolerance {result['tolerance']} is not that of its axiom, {claim.tolerance}"
    return ""


def _unlike(result: Mapping[str, Any]) -> str:
    """Names a contradiction within a result; empty if there is none."""
    status, method, bound = result["status"], result["method"], result["bound"]
    if status != "refuted" and (result["counterexample"] is not None or result["value"]):
        return "it is not refuted, but has a counterexample"
    if status == "proved" and not -result["tolerance"] <= bound:
        return "it is proved, but its bound is below its tolerance"
    if (status == "unknown") != (method == "none") or math.isnan(bound):
        return f"it is {status} by the method {method} with the bound {bound}"
    return ""


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
        status, method, bound = result["status"], result["method"], result["bound"]
        if status == "refuted" and claim.integral is None:
            return self._point(claim, result)
        if status == "unknown" and bound == -math.inf:
            return ""
        try:
            if claim.integral is not None:
                return self._integral(claim, result)
            if method == "formula":
                return self._formula(claim, result)
            if claim.open or method not in ("structure", "bounds", "none"):
                return f"it has no proof by {method}"
            return self.boxes(claim).everywhere(division(result["tree"], claim.lo, claim.hi), bound)
        except Unreadable as error:
            return str(error)

    def _formula(self, claim: BoxClaim, result: Mapping[str, Any]) -> str:
        bound = result["bound"]
        if result["tree"]:
            return "it is proved by a formula, but has a division"
        from splinework.knowledge.axioms.checker.forms import least  # SymPy takes half a second

        by_form = least(claim, self.reading) >= bound
        if by_form and claim.equation:
            return ""
        found, _ = self.boxes(claim).values(claim.lo[None], claim.hi[None], 0)
        if found.sound.all() and (by_form or bool((found.v.lo >= bound).all())):
            return ""
        return f"the bound {bound:.6g} does not follow from its formulas"

    def _point(self, claim: BoxClaim, result: Mapping[str, Any]) -> str:
        point = result["counterexample"]
        if point is None or result["method"] != "point" or result["tree"] or result["bound"] != -math.inf:
            return "it is refuted, but not by a counterexample alone"
        inside = (a <= v <= b for a, v, b in zip(claim.lo, point.values(), claim.hi, strict=True))
        if tuple(point) != claim.names or not all(inside):
            return "its counterexample does not lie in its box"
        view = PointView(self.reading, list(point.values()))
        if any(low(view) > high(view) for low, high in claim.conditions):
            return "nothing is claimed at its counterexample"
        value, stated = claim.function(view), view.number(result["value"])
        if value >= -view.number(result["tolerance"]):
            return "it holds at its counterexample"
        finite, undefined = abs(value) < math.inf, value != value or stated != stated
        if finite and abs(stated) < math.inf:
            same = bool(abs(value - stated) <= 1e-9 * abs(value))
        else:  # what a pole gives has a sign in float64 only
            same = value == stated or bool(undefined and not finite and not abs(stated) < math.inf)
        return "" if same else "it has another value at its counterexample"

    def _integral(self, claim: BoxClaim, result: Mapping[str, Any]) -> str:
        """Whether an integral is within a distance of its value, or further away."""
        assert claim.integral is not None
        boxes = division(result["tree"], claim.lo, claim.hi)
        if result["method"] not in ("bounds", "none") or len(boxes.signs) or result["counterexample"] is not None:
            return "an integral is proved by bounds, without faces and counterexamples"
        found = self.boxes(claim).integral(boxes)
        low, high = float(found.lo[0] - claim.integral), float(found.hi[0] - claim.integral)
        if result["status"] != "refuted":
            return "" if -max(abs(low), abs(high)) >= result["bound"] else "its bound could not be confirmed"
        nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        return "" if nearest >= -float(result["value"]) > result["tolerance"] else "the integral may have its value"


_TYPES: Final[Mapping[str, Any]] = {
    "object": dict, "array": list, "string": str, "number": (int, float), "integer": int, "null": type(None),
}  # fmt: skip


@cache
def certificate_schema() -> dict[str, Any]:
    """The schema of certificates, JSON Schema 2020-12."""
    text = files("splinework.knowledge.axioms.checker").joinpath("certificate.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def conform(value: Any) -> None:
    """Checks that JSON values are those of a certificate.

    Raises:
        Unreadable: If not, with the place.
    """
    for wrong in _faults(value, certificate_schema(), "it"):
        raise Unreadable(wrong)


def _faults(value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    """The faults of a value."""
    if "$ref" in schema:
        schema = certificate_schema()["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        every = [next(_faults(value, each, where), "") for each in schema["anyOf"]]
        yield from [] if "" in every else every[:1]
    if "const" in schema and value != schema["const"]:
        yield f"{where} is {str(value)[:40]!r}, not {schema['const']!r}"
    if "enum" in schema and not (isinstance(value, str) and value in schema["enum"]):
        yield f"{where} is {str(value)[:40]!r}, none of {', '.join(schema['enum'])}"
    if "type" in schema and (not isinstance(value, _TYPES[schema["type"]]) or isinstance(value, bool)):
        yield f"{where} is {type(value).__name__}, not {schema['type']}"
    elif schema.get("type") == "array":
        if len(value) < schema.get("minItems", 0):
            yield f"{where} has no entry"
        for n, each in enumerate(value):
            yield from _faults(each, schema["items"], f"{where}[{n}]")
    elif schema.get("type") == "object":
        yield from (f"{where} lacks {key!r}" for key in schema.get("required", ()) if key not in value)
        for key, each in value.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
            if inner is False:
                yield f"{where} has {str(key)[:40]!r}, which is not a field"
            else:
                yield from _faults(each, inner, f"{where}.{str(key)[:40]}")
