"""The section about axioms: proved, refuted with a counterexample, or unknown."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from splinework.errors import SplineworkError
from splinework.knowledge.axioms import Hard
from splinework.knowledge.axioms.language import axioms_of
from splinework.knowledge.axioms.verify import Certificate, ClaimResult, verify
from splinework.nn.frame import FramedKAN, network_of
from splinework.nn.network import KAN
from splinework.report.facts import ReportData
from splinework.report.html import NOTHING, Html, element, join, number, paragraph, table, text

EFFORT: Final = 5.0
"""Time limit of proofs if no certificate is given."""
MAX_CLAIMS: Final = 60
_HOW: Final = {
    "formula": "by construction (its formula)",
    "structure": "by construction (signs of coefficients)",
    "exhaustion": "exhaustive check of all codes",
}
_ORDER: Final = ("refuted", "unknown", "proved")


def certified(model: KAN | FramedKAN | None) -> Certificate | None:
    """A certificate of a model's hard axioms; None if it has none, or they cannot be verified."""
    if model is None or not network_of(model).config.axioms:
        return None
    try:
        return verify(model, list(network_of(model).config.axioms), effort=EFFORT)
    except SplineworkError:  # such as a model without ranges: the other sections are still of use
        return None


def axioms(facts: ReportData) -> Html:
    """Every axiom with its strength, status, method of proof, and violation."""
    found = facts.certificate
    if found is None or not found.axioms:
        return NOTHING
    lines = [_line(axiom, found.of(axiom), facts.violations) for axiom in found.axioms]
    head = ("axiom", "strength", "status", "method", "violation", "counterexample")
    listing = table(_caption(found), head, lines, words=(0, 1, 2, 3, 5))
    sentences = [_sentence(found)]
    if facts.violations:
        sentences.append(
            "Violations of axioms that are not hard: root mean square and maximum, in standard deviations of the output."
        )
    return join(*(paragraph(sentence) for sentence in sentences), listing, _claims(found.claims))


def _sentence(found: Certificate) -> str:
    counts = {status: sum(_status(found.of(axiom)) == status for axiom in found.axioms) for status in _ORDER}
    parts = [f"{count} {status}" for status, count in reversed(counts.items()) if count]
    many = len(found.axioms) > 1
    return f"{len(found.axioms)} axiom{'s' * many}: {', '.join(parts)}."


def _caption(found: Certificate) -> str:
    box = ", ".join(f"{name} from {low:.4g} to {high:.4g}" for name, (low, high) in found.box.items())
    return f"Status of the axioms in the box {box}, unless an axiom names its own domain."


def _line(axiom: str, claims: Sequence[ClaimResult], violations: Mapping[str, tuple[float, float]]) -> list[Html]:
    (recipe,) = axioms_of([axiom])
    bare, status = replace(recipe, strength=Hard()), _status(claims)
    worst = [claim for claim in claims if claim.status == status]
    shown = text(status) if status == "proved" else element("strong", text(status))
    return [
        element("code", text(bare.text())),
        text(recipe.strength.text()),
        shown,
        text("; ".join(dict.fromkeys(map(_how, worst)))),
        _violation(status, worst, violations.get(axiom)),
        text("; ".join(dict.fromkeys(_where(claim) for claim in worst if claim.counterexample)) or "–"),
    ]


def _status(claims: Sequence[ClaimResult]) -> str:
    found = {claim.status for claim in claims}
    return next((status for status in _ORDER if status in found), "proved")


def _how(claim: ClaimResult) -> str:
    if claim.status == "refuted":
        return "counterexample" if claim.method != "exhaustion" else _HOW["exhaustion"]
    if claim.status == "unknown":
        return claim.reason or f"branch and bound, {claim.boxes} boxes, inconclusive"
    return _HOW.get(claim.method) or f"branch and bound, {claim.boxes} boxes"


def _violation(status: str, claims: Sequence[ClaimResult], soft: tuple[float, float] | None) -> Html:
    if soft is not None:
        return Html(f"{number(soft[0], 3)}; {number(soft[1], 3)}")
    most = max((max(0.0, -claim.bound) for claim in claims), default=0.0)
    least = max((max(0.0, -claim.least) for claim in claims if math.isfinite(claim.least)), default=0.0)
    if status == "proved":
        return Html("0") if most == 0 else Html(f"at most {number(most, 3)}")
    if status == "refuted":
        return number(least, 3)
    return Html(f"between {number(least, 3)} and {number(most, 3)}")


def _where(claim: ClaimResult) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in (claim.counterexample or {}).items())


def _claims(claims: Sequence[ClaimResult]) -> Html:
    """The claims of the axioms in detail."""
    lines = [
        [
            text(claim.text),
            text(claim.status),
            number(claim.bound, 3),
            number(claim.least, 3),
            number(claim.tolerance, 2),
        ]
        for claim in claims[:MAX_CLAIMS]
    ]
    caption = (
        "Each claim states that a function is non-negative: its proved lower bound, the smallest value found, and the "
    )
    caption += "tolerated violation."
    listing = table(caption, ("claim", "status", "proved bound", "smallest found", "tolerance"), lines, words=(0, 1))
    return element("details", element("summary", text(f"{len(lines)} claims in numbers")), listing)
