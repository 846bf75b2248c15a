"""Verification: axioms of a trained model proved, refuted by a counterexample, or left open with bounds."""

from splinework.knowledge.axioms.verify.api import verify
from splinework.knowledge.axioms.verify.certificate import Certificate, ClaimResult
from splinework.knowledge.axioms.verify.differences import Bound, bound, difference

__all__ = ["Bound", "Certificate", "ClaimResult", "bound", "difference", "verify"]
