"""Which hard axioms of a network quantisation preserves: proved by its tables, or by all combinations of codes."""

from typing import Any, Final

from splinework.errors import ConfigError
from splinework.hardware.integer import IntegerModel
from splinework.hardware.report_facts import Table
from splinework.knowledge.axioms.language import axioms_of
from splinework.knowledge.axioms.verify import ClaimResult, verify

BUDGET: Final = 20.0
"""Seconds for each axiom."""
_HOW: Final = {
    "structure": "by the tables alone: their directions, ranges and steps",
    "exhaustion": "by trying all combinations of codes",
}


def preserved_axioms(golden: IntegerModel) -> tuple[Table | None, tuple[str, ...]]:
    """A table of the hard axioms with verdicts, and sentences on those that are not proved; None where there are none."""
    if not golden.axioms:
        return None, ()
    rows: list[tuple[str, str, str]] = []
    warnings: list[str] = []
    for axiom in golden.axioms:
        verdict, how = _verdict(golden, axiom)
        rows.append((axiom, verdict, how))
        if verdict != "proved":
            warnings.append(f"The network was built with {axiom}; of its integers this is {verdict}: {how}.")
    table = Table("Hard axioms of the network, in its integers", ("axiom", "verdict", "how"), tuple(rows))
    return table, tuple(warnings)


def _verdict(golden: IntegerModel, axiom: str) -> tuple[str, str]:
    model: Any = golden
    (recipe,) = axioms_of([axiom])
    box = None if isinstance(recipe.domain, str) else dict(recipe.domain)
    try:
        found = verify(model, recipe, box=box, budget=BUDGET)
    except ConfigError:
        return (
            "not known",
            "rounding to codes keeps order and symmetry, not curvature or equations, and nothing is proved of them",
        )
    worst = [claim for claim in found.claims if claim.status == found.status]
    return found.status, "; ".join(dict.fromkeys(_how(claim) for claim in worst))


def _how(claim: ClaimResult) -> str:
    if claim.status == "refuted":
        point = ", ".join(f"{name} = {value:.6g}" for name, value in (claim.counterexample or {}).items())
        return f"it fails at {point}"
    if claim.status == "unknown":
        return claim.reason or "it could not be decided"
    counted = f", {claim.boxes} of them" if claim.method == "exhaustion" and claim.boxes else ""
    return _HOW[claim.method] + counted
