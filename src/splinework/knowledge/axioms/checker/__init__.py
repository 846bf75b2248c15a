"""The checker of certificates: whether a certificate is true of a model, by means that share nothing with what made it."""

from splinework.knowledge.axioms.checker.certificates import CertificateCheck, check

__all__ = ["CertificateCheck", "check"]
