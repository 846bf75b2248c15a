"""Claims of axioms as texts for other solvers; what they say in which language is in `smtlib` and `vnnlib`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.verify.claim import Claim
from splinework.knowledge.axioms.verify.numbers import Model
from splinework.knowledge.axioms.verify.subject import Subject, subject_of
from splinework.nn.files import write_whole


@dataclass(frozen=True)
class SolverClaim:
    """A claim of an axiom, in words and as the text of its opposite: a solver that answers `unsat` confirms the claim.

    In VNN-LIB `X_0 …` are the raw inputs and `Y_0 …` the outputs of `splinework.export(model, "m.onnx")`.
    """

    axiom: str
    claim: str
    text: str

    def save(self, path: str | Path) -> None:
        """Writes the text to a file, usually `*.smt2` or `*.vnnlib`."""
        write_whole(Path(path), self.text.encode())


def solver_claims(
    model: Model, axioms: Axiom | str | Sequence[Any], box: Any, written: Callable[[Claim, Subject], str]
) -> list[SolverClaim]:
    """All claims of some axioms about a model, by a function that writes one."""
    from splinework.knowledge.axioms.language import axioms_of

    subject = subject_of(model, box)
    return [
        SolverClaim(axiom.text(), claim.text, written(claim, subject))
        for axiom in axioms_of(axioms)
        for claim in axiom.claims(subject)
    ]
