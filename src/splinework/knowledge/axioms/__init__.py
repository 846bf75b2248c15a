"""Axioms: prior knowledge about a function as frozen recipes, built in, added as penalties, or verified after training."""

from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.contradictions import Contradiction, check_axioms, find_contradictions
from splinework.knowledge.axioms.files import read_axioms
from splinework.knowledge.axioms.implications import implied
from splinework.knowledge.axioms.kinds import register
from splinework.knowledge.axioms.kinds.asymptote import Asymptote
from splinework.knowledge.axioms.kinds.boundary import Boundary
from splinework.knowledge.axioms.kinds.bounded import Bounded, Positive
from splinework.knowledge.axioms.kinds.conserved import Conserved
from splinework.knowledge.axioms.kinds.curvature import Concave, Convex
from splinework.knowledge.axioms.kinds.equations import Law, ResidualEquation
from splinework.knowledge.axioms.kinds.exchange import Antisymmetric, Symmetric
from splinework.knowledge.axioms.kinds.initial import Initial
from splinework.knowledge.axioms.kinds.integral import Integral
from splinework.knowledge.axioms.kinds.invariant import Invariant
from splinework.knowledge.axioms.kinds.lipschitz import Lipschitz
from splinework.knowledge.axioms.kinds.monotone import Monotone
from splinework.knowledge.axioms.kinds.outputs import Ordered, SumToOne
from splinework.knowledge.axioms.kinds.parity import Even, Odd
from splinework.knowledge.axioms.kinds.periodic import Periodic
from splinework.knowledge.axioms.kinds.separability import Additive, NoInteraction
from splinework.knowledge.axioms.kinds.through import Through
from splinework.knowledge.axioms.kinds.units import Units
from splinework.knowledge.axioms.language import axioms_of, parse_axiom
from splinework.knowledge.axioms.strength import Hard, Soft, Strength, Verify
from splinework.knowledge.axioms.suggestions import suggest_axioms
from splinework.knowledge.axioms.terms import violation
from splinework.nn.frame.regions import Box, Difference, Disc, Intersection, Region, Union

__all__ = [
    "Additive", "Antisymmetric", "Asymptote", "Axiom", "Boundary", "Bounded", "Box", "Concave", "Conserved",
    "Contradiction", "Convex", "Difference", "Disc", "Even", "Hard", "Initial", "Integral", "Intersection",
    "Invariant", "Law", "Lipschitz", "Monotone", "NoInteraction", "Odd", "Ordered", "Periodic", "Positive", "Region",
    "ResidualEquation", "Soft", "Strength", "SumToOne", "Symmetric", "Through", "Union", "Units", "Verify",
    "axioms_of", "check_axioms", "find_contradictions", "implied", "parse_axiom", "read_axioms", "register",
    "suggest_axioms", "violation",
]  # fmt: skip
