"""The choice of a training under axioms: curves and an ensemble where these hold all of them, else one network of its own.

Of few rows both are trained: one network by Levenberg and Marquardt's steps is the simpler model, and ahead where the target is
smooth; the ensemble is taken where it predicts held-out rows better by more than a standard error.
"""

import warnings
from collections.abc import Sequence
from typing import Any

from splinework.errors import DataError, FitWarning
from splinework.knowledge.axioms import Hard, Monotone
from splinework.knowledge.axioms.verify import Certificate, verify
from splinework.knowledge.teach.informed import given_rows
from splinework.nn.network import KAN
from splinework.tabular.axiom_status import AxiomStatus, axiom_statuses
from splinework.tabular.column_axioms import ColumnAxiom
from splinework.tabular.informed import MAX_COMPARED_ROWS, PROOF_EFFORT, AxiomFit, InformedNetwork, all_of, box_of
from splinework.tabular.inner_network import Model, with_names
from splinework.tabular.rows import WeightedRows
from splinework.tabular.screening import is_wide
from splinework.tabular.tasks import Multiclass, Task
from splinework.tabular.training import train


def train_known(
    job: AxiomFit, known: Sequence[ColumnAxiom], groups: Sequence[Sequence[int]], owners: Sequence[int]
) -> InformedNetwork:
    """Fits a network under axioms: monotone directions go into the training of all tables, others need one of its own.

    Args:
        job: The rows and settings.
        known: The user's axioms.
        groups: Inputs that are levels of one category.
        owners: Column of the table to which each input belongs.

    Raises:
        ConfigError: If two axioms contradict each other, or one cannot be built in.
    """
    rows, task, settings, names = job.rows, job.task, job.settings, job.names
    signs = directions_of(known, names[0], task, len(rows))
    if signs is None:
        alone = job.train(known)
        assert alone is not None  # there is no rival
        return alone
    how: dict[str, Any] = {"task": task, "settings": settings, "seed": job.seed, "on_step": job.on_step}
    more: dict[str, Any] = {"groups": groups, "owners": owners, "names": names[0], "signs": signs}
    found = train(rows.x, rows.y, rows.weights, **how, **more)
    few = task.is_regression and len(rows) <= MAX_COMPARED_ROWS and settings.layers() is None
    if few and found.out_of_fold is not None:
        smooth = job.train(known, rival=found.out_of_fold)
        if smooth is not None:
            return smooth
    model = with_names(found.model, *names)
    if isinstance(model, KAN) and task.is_regression:
        from splinework.knowledge.teach.misspecification import axiom_tests  # which no fit without axioms needs

        given = given_rows(model, rows.x, rows.y, "squared")
        for test in axiom_tests(model, all_of(known), given):
            warnings.warn(FitWarning(test.text), stacklevel=2)
    certificate, statuses = certified(model, known, rows)
    return InformedNetwork(**vars(found), certificate=certificate, statuses=statuses)


def check_constant(
    model: Model, known: Sequence[ColumnAxiom], rows: WeightedRows
) -> tuple[Certificate | None, tuple[AxiomStatus, ...]]:
    """Certificate and status of the axioms for a constant network.

    Raises:
        DataError: If a hard axiom does not hold for it.
    """
    certificate, statuses = certified(model, known, rows)
    for each in statuses:
        if each.strength == "hard" and each.status == "refuted":
            raise DataError(
                f"all inputs or all targets are equal, so the model is a constant, which violates {each.axiom} ({each.note}); "
                "change the axiom or the data."
            )
    return certificate, statuses


def certified(
    model: Model, known: Sequence[ColumnAxiom], rows: WeightedRows
) -> tuple[Certificate | None, tuple[AxiomStatus, ...]]:
    """The certificate of the axioms in the range of the rows, and the status of each."""
    axioms = all_of(known)
    certificate = verify(model, axioms, box=box_of(rows), effort=PROOF_EFFORT) if axioms else None
    return certificate, axiom_statuses(known, certificate, {})


def directions_of(known: Sequence[ColumnAxiom], inputs: Sequence[str], task: Task, rows: int) -> list[int] | None:
    """The sign of each input, where the axioms are monotone directions only and curves with an ensemble can hold them.

    Args:
        known: The user's axioms.
        inputs: Names of the inputs.
        task: The likelihood; of three and more classes, the probabilities depend on all outputs.
        rows: Number of rows.

    Returns:
        1, -1 or 0 for each input; None where the axioms need a network of their own.
    """
    if isinstance(task, Multiclass) or is_wide(rows, len(inputs)):
        return None
    signs = dict.fromkeys(inputs, 0)
    for axiom in all_of(known):
        if not isinstance(axiom, Monotone) or axiom.strength != Hard() or not isinstance(axiom.domain, str):
            return None
        if axiom.output is not None or signs[str(axiom.input)] == -axiom.sign:
            return None
        signs[str(axiom.input)] = axiom.sign
    return list(signs.values())
