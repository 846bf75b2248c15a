"""Status of the user's axioms after a fit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

from splinework.knowledge.axioms import Hard
from splinework.knowledge.axioms.verify import Certificate
from splinework.tabular.column_axioms import ColumnAxiom


@final
@dataclass(frozen=True)
class AxiomStatus:
    """Status of one axiom after a fit.

    Attributes:
        axiom: Its text, in the names of the columns.
        strength: `hard`, `soft`, `soft(0.1)` or `verify`.
        status: `proved`, `refuted` or `unknown`.
        note: Reason for the status, or size of the violation.
    """

    axiom: str
    strength: str
    status: str
    note: str = ""


def axiom_statuses(
    known: Sequence[ColumnAxiom], certificate: Certificate | None, violations: Mapping[str, tuple[float, float]]
) -> tuple[AxiomStatus, ...]:
    """Status of every axiom: proved if all its claims are, refuted if one is, else unknown."""
    found = []
    for each in known:
        claims = [claim for axiom in each.axioms for claim in (certificate.of(axiom) if certificate else ())]
        statuses = {claim.status for claim in claims}
        status = "refuted" if "refuted" in statuses else "unknown" if "unknown" in statuses else "proved"
        notes = [each.why] if each.why else []
        refuted = next((claim for claim in claims if claim.status == "refuted" and claim.counterexample), None)
        if refuted is not None:
            at = ", ".join(f"{name}={value:.6g}" for name, value in (refuted.counterexample or {}).items())
            notes.append(f"violated at {at}")
        open_ = next((claim for claim in claims if claim.status == "unknown"), None)
        if open_ is not None:  # neither a proof nor a counterexample was found
            margin = f"{open_.text}: the minimum is between {open_.bound:.3g} and {open_.least:.3g}"
            notes.append(open_.reason or margin)
        worst = [violations[axiom.text()] for axiom in each.axioms if axiom.text() in violations]
        if worst and each.stated.strength != Hard():
            mean = math.sqrt(sum(rms**2 for rms, _ in worst) / len(worst))
            notes.append(
                f"violated by {mean:.2g} (rms), at most {max(most for _, most in worst):.2g}, in standard deviations of y"
            )
        found.append(
            AxiomStatus(
                replace(each.stated, strength=Hard()).text(), each.stated.strength.text(), status, "; ".join(notes)
            )
        )
    return tuple(found)
