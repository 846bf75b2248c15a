"""What the data say against an axiom."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from splinework.axioms import Axiom
from splinework.teach.informed import Fitted, GivenRows


@final
@dataclass(frozen=True)
class Doubt:
    """Evidence against axioms.

    Attributes:
        text: A sentence for the user.
        probability: Chance of such rows if the axioms are true.
    """

    text: str
    probability: float


def doubts(fitted: Fitted, axioms: Sequence[Axiom], rows: GivenRows) -> list[Doubt]:
    """Doubts, most certain first."""
    return []
