"""The types in the signatures of `Axiom`, gathered for annotations, as their modules import that of `Axiom`."""

from splinework.knowledge.axioms.evidence import DataEvidence, SuggestedAxiom
from splinework.knowledge.axioms.facts import Fact
from splinework.knowledge.axioms.linear import LinearCondition
from splinework.knowledge.axioms.penalties import AxiomPenalty
from splinework.knowledge.axioms.realise.draft import Draft
from splinework.knowledge.axioms.realise.rules import EdgeRules
from splinework.knowledge.axioms.sampling import PenaltyContext
from splinework.knowledge.axioms.verify.certificate import ClaimResult
from splinework.knowledge.axioms.verify.claim import Argument, Claim, Define, Environment
from splinework.knowledge.axioms.verify.integer import Codes
from splinework.knowledge.axioms.verify.subject import Subject

__all__ = [
    "Argument", "AxiomPenalty", "Claim", "ClaimResult", "Codes", "DataEvidence", "Define", "Draft", "EdgeRules",
    "Environment", "Fact", "LinearCondition", "PenaltyContext", "Subject", "SuggestedAxiom",
]  # fmt: skip
