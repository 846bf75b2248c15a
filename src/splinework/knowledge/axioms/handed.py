"""What an axiom is handed and hands back, in one place for annotations; the modules of these import that of the axiom."""

from splinework.knowledge.axioms.evidence import Evidence, Suggestion
from splinework.knowledge.axioms.facts import Fact
from splinework.knowledge.axioms.linear import LinearCondition
from splinework.knowledge.axioms.penalties import Penalty
from splinework.knowledge.axioms.realise.draft import Draft
from splinework.knowledge.axioms.realise.rules import EdgeRules
from splinework.knowledge.axioms.setting import Setting
from splinework.knowledge.axioms.verify.certificate import ClaimResult
from splinework.knowledge.axioms.verify.claim import Argument, Asker, Claim, Define
from splinework.knowledge.axioms.verify.integer import Codes
from splinework.knowledge.axioms.verify.subject import Subject

__all__ = [
    "Argument",
    "Asker",
    "Claim",
    "ClaimResult",
    "Codes",
    "Define",
    "Draft",
    "EdgeRules",
    "Evidence",
    "Fact",
    "LinearCondition",
    "Penalty",
    "Setting",
    "Subject",
    "Suggestion",
]
