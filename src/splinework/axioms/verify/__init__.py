"""Certificates: axioms of a trained model proved, refuted by a point, or unknown with what is known."""

from splinework.axioms.verify.certificate import Certificate, ClaimResult
from splinework.axioms.verify.difference import Bound, bound, difference
from splinework.axioms.verify.door import verify

__all__ = ["Bound", "Certificate", "ClaimResult", "bound", "difference", "verify"]
