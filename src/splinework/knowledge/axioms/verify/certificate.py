"""Certificates: the status of axioms, the proof, and all data that an independent check needs."""

import hashlib
import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from splinework.errors import FileError
from splinework.errors.stored_values import typed
from splinework.nn.checkpoint import own_version
from splinework.nn.files import write_whole

FORMAT: Final = "splinework-certificate/1"
ROUNDING_NOTE: Final = (
    "real numbers are meant; every interval is rounded outward: one unit in the last place per operation, gamma_n sum|x| per sum "
    "with gamma_n = n u/(1 - n u) and u = 2^-53, gamma_(8k+8) max|c| per Bernstein coefficient, 16 u per library function"
)
_MAX_BYTES: Final = 1 << 28


@dataclass(frozen=True)
class ClaimResult:
    """One claim: a function that is nowhere below `-tolerance` on a box.

    Attributes:
        axiom: Text of the axiom that it belongs to.
        text: The claim in words.
        status: `proved`, `refuted` or `unknown`.
        method: `formula` (normal forms), `structure` (one box, by signs), `bounds` (branch and bound), `exhaustion` (all codes of
            an integer model), `point` (a counterexample) or `none`.
        bound: The proved lower bound of the function on the whole box.
        tolerance: The function may be negative by this much.
        names: Names of the variables.
        lo: Lower ends of the box.
        hi: Upper ends.
        tree: How the box was divided; see `tree.py`.
        boxes: Number of boxes processed.
        counterexample: A point where it fails, by name, or None.
        value: The function there, as a decimal text.
        least: The smallest value found.
        reason: Why the status is unknown.
    """

    axiom: str
    text: str
    status: str
    method: str
    bound: float
    tolerance: float
    names: tuple[str, ...]
    lo: tuple[float, ...]
    hi: tuple[float, ...]
    tree: str = ""
    boxes: int = 0
    counterexample: dict[str, float] | None = None
    value: str = ""
    least: float = math.inf
    reason: str = ""

    @property
    def gap(self) -> float:
        """The difference of the smallest value found and the proved bound."""
        return self.least - self.bound


@dataclass(frozen=True)
class Certificate:
    """The verification result of a model's axioms.

    Attributes:
        status: `proved` if all claims are, `refuted` if one is, else `unknown`.
        claims: The results of the claims.
        axioms: Texts of the axioms.
        model: SHA-256 of the model's parameters, config and frame.
        box: Ranges of the raw inputs.
        seconds: Elapsed time.
        margin: How rounding is accounted for.
        version: The version of splinework.
    """

    status: str
    claims: tuple[ClaimResult, ...]
    axioms: tuple[str, ...]
    model: str
    box: dict[str, tuple[float, float]]
    seconds: float
    margin: str = ROUNDING_NOTE
    version: str = ""

    @property
    def counterexample(self) -> dict[str, float] | None:
        """The first counterexample; None if there is none."""
        return next((c.counterexample for c in self.claims if c.counterexample is not None), None)

    @property
    def bound(self) -> float:
        """The smallest of the claims' bounds."""
        return min((claim.bound for claim in self.claims), default=math.inf)

    @property
    def boxes(self) -> int:
        """The number of boxes processed."""
        return sum(claim.boxes for claim in self.claims)

    def of(self, axiom: Any) -> tuple[ClaimResult, ...]:
        """The claims of one axiom, given as an axiom or a text."""
        text = axiom if isinstance(axiom, str) else axiom.text()
        return tuple(claim for claim in self.claims if claim.axiom == text)

    def to_dict(self) -> dict[str, Any]:
        """The certificate as JSON values with a checksum (`seal`)."""
        content = {"format": FORMAT, **asdict(self)}
        plain: dict[str, Any] = _plain(content)
        return {**plain, "seal": seal(plain)}

    def to_json(self) -> str:
        """The text of the file."""
        return json.dumps(self.to_dict(), indent=1) + "\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file atomically.

        Raises:
            FileError: If it cannot be written.
        """
        write_whole(Path(path), self.to_json().encode())

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "Certificate":
        """The certificate that `save` wrote.

        Raises:
            FileError: If it is missing, damaged, changed or of another version.
        """
        file = Path(path)
        try:
            if file.stat().st_size > _MAX_BYTES:
                raise FileError(f"{file} has more than {_MAX_BYTES >> 20} MiB, too large for a certificate.")
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            if isinstance(error, FileError):
                raise
            raise FileError(
                f"{file} cannot be read as a certificate ({error}); create it again with verify."
            ) from error
        return from_dict(content, str(file))

    def __str__(self) -> str:
        lines = [f"{self.status}: {len(self.claims)} claims in {self.seconds:.2f} s"]
        return "\n".join(lines + [f"  {line_of(claim)}" for claim in self.claims])


def line_of(claim: ClaimResult) -> str:
    """A claim and its result, in one line."""
    if claim.status == "proved":
        how = "formula" if claim.method == "formula" else f"{claim.method}, {claim.boxes} boxes"
        return f"proved   {claim.text} (bound {claim.bound:.3g}, tolerance {claim.tolerance:.1g}; {how})"
    if claim.status == "refuted":
        point = ", ".join(f"{name}={value!r}" for name, value in (claim.counterexample or {}).items())
        return f"refuted  {claim.text}: {float(claim.value):.6g} at {point}"
    why = claim.reason or f"between {claim.bound:.3g} and {claim.least:.3g} after {claim.boxes} boxes"
    return f"unknown  {claim.text}: {why}"


def status_of(claims: tuple[ClaimResult, ...]) -> str:
    """The joint status of claims."""
    found = {claim.status for claim in claims}
    return "refuted" if "refuted" in found else "unknown" if "unknown" in found else "proved"


def seal(content: dict[str, Any]) -> str:
    """SHA-256 over JSON values, which detects accidental changes, not forgery."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def from_dict(content: Any, where: str = "the certificate") -> Certificate:
    """The certificate from the result of `to_dict`; raises FileError if it is damaged, changed or of another version."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise FileError(f"{where} has the format {found!r}, expected {FORMAT!r}; create it again with verify.")
    values = {key: value for key, value in content.items() if key != "seal"}
    if content.get("seal") != seal(values):
        raise FileError(
            f"{where} was changed after it was written: its seal does not match; create it again with verify."
        )
    try:
        return _certificate({key: value for key, value in values.items() if key != "format"})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FileError(f"{where} is not a complete certificate ({error!r}); create it again with verify.") from error


def _certificate(values: dict[str, Any]) -> Certificate:
    found: Certificate = typed(Certificate, values, "a certificate")
    for claim in found.claims:
        if claim.status == "refuted":
            float(claim.value)
    return found


def _plain(value: Any) -> Any:
    """JSON values, with infinities as texts."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value


def new(claims: list[ClaimResult], **values: Any) -> Certificate:
    """A certificate of these claims by this version of splinework."""
    held = tuple(claims)
    return Certificate(status=status_of(held), claims=held, version=own_version(), **values)
