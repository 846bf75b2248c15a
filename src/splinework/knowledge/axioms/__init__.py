"""What is known beforehand, as frozen recipes: hard, soft, or verified afterwards."""

from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.contradictions import Contradiction, check_axioms, find_contradictions
from splinework.knowledge.axioms.files import read_axioms
from splinework.knowledge.axioms.implications import implied
from splinework.knowledge.axioms.language import axioms_of, parse_axiom
from splinework.knowledge.axioms.physics import Conserved, Law, Residual, Units
from splinework.knowledge.axioms.shapes import (
    Asymptote,
    Bounded,
    Concave,
    Convex,
    Even,
    Lipschitz,
    Monotone,
    Odd,
    Periodic,
    Positive,
)
from splinework.knowledge.axioms.strength import Hard, Soft, Strength, Verify
from splinework.knowledge.axioms.structure import Additive, Antisymmetric, Invariant, NoInteraction, Symmetric
from splinework.knowledge.axioms.suggestions import suggest_axioms
from splinework.knowledge.axioms.terms import violation
from splinework.knowledge.axioms.values import Boundary, Initial, Integral, Ordered, SumToOne, Through
from splinework.nn.frame.regions import Box, Difference, Disc, Intersection, Region, Union

__all__ = [
    "Additive",
    "Antisymmetric",
    "Asymptote",
    "Axiom",
    "Boundary",
    "Bounded",
    "Box",
    "Concave",
    "Conserved",
    "Contradiction",
    "Convex",
    "Difference",
    "Disc",
    "Even",
    "Hard",
    "Initial",
    "Integral",
    "Intersection",
    "Invariant",
    "Law",
    "Lipschitz",
    "Monotone",
    "NoInteraction",
    "Odd",
    "Ordered",
    "Periodic",
    "Positive",
    "Region",
    "Residual",
    "Soft",
    "Strength",
    "SumToOne",
    "Symmetric",
    "Through",
    "Union",
    "Units",
    "Verify",
    "axioms_of",
    "check_axioms",
    "find_contradictions",
    "implied",
    "parse_axiom",
    "read_axioms",
    "suggest_axioms",
    "violation",
]
