"""The checker of certificates, which decides whether a certificate holds for a model and shares no code with the prover."""

from splinework.knowledge.axioms.checker.certificates import CertificateCheck, check

__all__ = ["CertificateCheck", "check"]
