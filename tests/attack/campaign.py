"""The campaign: every verdict is held against sampling, every certificate is checked, and forged by a millionth of the spread."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from splinework.errors import SplineworkError
from splinework.knowledge.axioms.checker import check
from splinework.knowledge.axioms.verify import Certificate, verify
from splinework.knowledge.axioms.verify.certificate import from_dict
from tests.attack.formulas import claims_of, violation
from tests.attack.formulas import drawn as drawn_formula
from tests.attack.integers import claims_of_integers, drawn_integers
from tests.attack.kinds import shaped
from tests.attack.networks import Trial, trials
from tests.attack.networks import drawn as drawn_network

FORGERY = 1e-6
"""Of the spread, or of the size of a value: what a forger changes."""


@dataclass
class Report:
    """What a campaign found.

    Attributes:
        verdicts: Number of claims by kind of model, or word of the axiom, and status.
        failures: What is wrong, with its seed.
        forged: Number of forged certificates.
    """

    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    forged: int = 0

    @property
    def claims(self) -> int:
        return sum(count for (_, status), count in self.verdicts.items() if not status.startswith("refused"))

    def note(self, kind: str, status: str) -> None:
        """Counts a verdict."""
        self.verdicts[kind, status] += 1

    def __str__(self) -> str:
        lines = [f"{kind:15} {status:10} {count}" for (kind, status), count in sorted(self.verdicts.items())]
        return "\n".join([*lines, f"forged     {self.forged}", f"failures   {len(self.failures)}", *self.failures])


def attack(seeds: range, *, budget: float = 1.0, report: Report | None = None) -> Report:
    """Attacks one model of every kind for each seed; adds to a report if given."""
    report = Report() if report is None else report
    for seed in seeds:
        for number, kind in enumerate((_formula, _network, _integers, _shaped, _shaped)):
            kind(seed, np.random.default_rng([seed, number] if kind is _shaped else seed), budget, report)
    return report


def _formula(seed: int, draw: np.random.Generator, budget: float, report: Report) -> None:
    formula = drawn_formula(draw)
    model = formula.model()
    found = verify(model, claims_of(formula, draw), effort=budget)
    for claim in found.claims:
        report.note("formula", claim.status)
        wrong = violation(formula, claim.axiom, claim.tolerance) if claim.status == "proved" else ""
        if wrong:
            report.failures.append(f"seed {seed}, formula {formula.text}: {claim.axiom} is proved, but {wrong}")
    _certificate(f"seed {seed}, formula {formula.text}", model, found, draw, report)


def _network(seed: int, draw: np.random.Generator, budget: float, report: Report) -> None:
    target = drawn_network(draw)
    box = dict(zip(target.names, zip(target.lo.tolist(), target.hi.tolist(), strict=True), strict=True))
    known = trials(target, draw)
    try:
        found = verify(target.model, [each.text for each in known], box=box, effort=budget)
    except SplineworkError as error:
        report.note("network", f"refused: {type(error).__name__}")
        return
    for trial, claim in zip(known, found.claims, strict=True):
        report.note("network", claim.status)
        about = f"seed {seed}, network: {trial.text}"
        if claim.status == "proved" and trial.worst < -claim.tolerance - trial.rounding:
            report.failures.append(f"{about} is proved, but its function is {trial.worst}")
        if claim.status == "refuted" and "bounded" in trial.text and np.isfinite(trial.worst):
            value = target.value(claim.counterexample)
            end = float(trial.text.partition("=")[2].rstrip(")"))
            off = value - end if "lower" in trial.text else end - value
            stated = float(claim.value)
            same = abs(off - stated) <= 1e-9 * (1 + abs(value)) if np.isfinite(value) else not np.isfinite(stated)
            if (np.isfinite(value) and off > trial.rounding) or not same:  # nothing holds where there is no value
                report.failures.append(f"{about} is refuted, but its value at the point is {value}")
    _certificate(f"seed {seed}, network", target.model, found, draw, report)
    for trial, claim in zip(known, found.claims, strict=True):
        if claim.status == "proved" and "bounded" in trial.text and np.isfinite(trial.worst):
            _moved(f"seed {seed}, network", target.model, found, claim, trial, report)


def _moved(about: str, model: Any, found: Certificate, claim: Any, trial: Trial, report: Report) -> None:
    """A proof of a bound, under a bound that is false by a millionth of the spread."""
    sign = 1.0 if "lower" in trial.text else -1.0
    end = trial.text.partition("=")[2].rstrip(")")
    by = sign * (trial.worst + FORGERY * max(claim.tolerance * 1e9, 1e-9) + 2 * trial.rounding)
    other = repr(float(end) + by)
    forged = replace(
        claim,
        axiom=claim.axiom.replace(end, other),
        text=claim.text.replace(end, other),
        bound=max(-claim.tolerance, claim.bound - abs(by)),
    )
    _refused(about, model, replace(found, claims=(forged,), axioms=(forged.axiom,), status="proved"), report)


def _integers(seed: int, draw: np.random.Generator, budget: float, report: Report) -> None:
    model = drawn_integers(draw)
    known = claims_of_integers(model, draw)
    found = verify(model, list(known), effort=budget)
    for (text, holds), claim in zip(known.items(), found.claims, strict=True):
        report.note("integers", claim.status)
        if claim.status != "unknown" and (claim.status == "proved") != holds:
            report.failures.append(f"seed {seed}, integers: {text} is {claim.status}, which is false")
    _certificate(f"seed {seed}, integers", model, found, draw, report)


def _shaped(seed: int, draw: np.random.Generator, budget: float, report: Report) -> None:
    target = shaped(draw)
    about = f"seed {seed}, {target.axiom} off by {target.off!r}"
    found = verify(target.model, target.axiom, effort=min(budget, 0.3))
    report.note(target.axiom.partition("(")[0], found.status)
    tolerance = max(claim.tolerance for claim in found.claims)
    if found.status == "proved" and target.slack < -tolerance - target.rounding:
        report.failures.append(f"{about} is proved, but its function is {target.slack}")
    if found.status == "refuted" and target.off == 0:
        report.failures.append(f"{about} is refuted, but it holds")
    _certificate(about, target.model, found, draw, report)


def _certificate(about: str, model: Any, found: Certificate, draw: np.random.Generator, report: Report) -> None:
    """The certificate must be accepted, and no forgery of it."""
    verdict = check(model, found)
    if not verdict:
        report.failures.append(f"{about}: the checker rejects what verify has made: {verdict.reason}")
    for claim in found.claims:
        if "not confirmed" in claim.reason:
            report.failures.append(f"{about}: the checker rejects what the prover found: {claim.axiom}, {claim.reason}")
    by_axiom = {axiom: [claim for claim in found.claims if claim.axiom == axiom] for axiom in found.axioms}
    for axiom, claims in by_axiom.items():
        for number, claim in enumerate(claims):
            if claim.status != "refuted" or claim.counterexample is None:
                continue
            forged = [*claims[:number], _forged(claim, draw), *claims[number + 1 :]]
            states = {each.status for each in forged}
            status = "refuted" if "refuted" in states else "unknown" if "unknown" in states else "proved"
            _refused(about, model, replace(found, claims=tuple(forged), axioms=(axiom,), status=status), report)


def _refused(about: str, model: Any, forged: Certificate, report: Report) -> None:
    report.forged += 1
    if check(model, from_dict(forged.to_dict())):
        report.failures.append(f"{about}: a forged certificate of {forged.axioms[0]} is accepted")


def _forged(claim: Any, draw: np.random.Generator) -> Any:
    """A claim that is refuted, as if it were proved, or with another value or point."""
    kind = int(draw.integers(3))
    plain = {"status": "proved", "counterexample": None, "value": "", "bound": -claim.tolerance}
    if kind == 0:
        return replace(claim, **plain, method=str(draw.choice(["formula", "exhaustion"])), tree="")
    if kind == 1:
        return replace(claim, **plain, method=str(draw.choice(["bounds", "structure"])), tree=".")
    value = float(claim.value)
    other = value - FORGERY * max(abs(value), 1e-3) if np.isfinite(value) else -1.0
    return replace(claim, value=repr(other))
