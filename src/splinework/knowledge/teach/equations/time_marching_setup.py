"""Sets up time marching from axioms: one output of one place and time, with all values given at the start."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms import Axiom, Hard, Soft
from splinework.knowledge.axioms.axiom import place
from splinework.knowledge.axioms.facts import FaceValue, Periodicity, RegionBoundaryValue, facts_of
from splinework.knowledge.teach.equations.ansatz import derivatives_of, joined
from splinework.knowledge.teach.equations.conditions import conditions_of
from splinework.knowledge.teach.equations.formula_text import times, total
from splinework.knowledge.teach.equations.problem import EquationProblem
from splinework.knowledge.teach.equations.slab import SlabProblem
from splinework.knowledge.teach.equations.soft_constraints import DEFAULT_WEIGHT, equations_of, weight_of
from splinework.knowledge.teach.equations.time_marching import MarchingResult, march_in_time
from splinework.knowledge.teach.equations.time_marching_model import TimeMarchingModel, join_slabs
from splinework.nn.derivatives import Monomial
from splinework.nn.frame import Frame
from splinework.nn.frame.framed import hidden_names
from splinework.nn.network import KAN
from splinework.splines import uniform_knots


def march_problem(
    problem: EquationProblem, slabs: int, tolerance: float, tell: Any
) -> tuple[TimeMarchingModel, MarchingResult]:
    """Marches a problem through time.

    Raises:
        ConfigError: If the problem or the network is of another kind.
    """
    model, (space, setting, frame) = problem.model, _setting(problem)
    name = model.config.input_names[space]
    low, high = (torch.tensor([end], dtype=torch.float64) for end in problem.domain.box[name])
    basis = model.kan_layers[0].basis
    assert basis.degree is not None
    knots = uniform_knots(low, high, basis.resolution, basis.degree)[0]
    span = problem.domain.box[model.config.input_names[1 - space]]
    result = march_in_time(setting, knots, span, slabs, tolerance, tell)
    return join_slabs(result.slabs, frame, setting.degree, space), result


def _setting(problem: EquationProblem) -> tuple[int, SlabProblem, Frame]:
    """The number of the input that is space, what all slabs share, and the frame of their networks."""
    model, axioms = problem.model, problem.axioms
    inputs, outputs = model.config.input_names, model.config.output_names
    starts = [
        face for face in facts_of([axiom for axiom in axioms if axiom.strength == Hard()], FaceValue) if face.start
    ]
    equations = equations_of(axioms, inputs, outputs)
    if len(inputs) != 2 or len(outputs) != 1 or len(starts) != 1 or len(equations) != 1 or problem.unknowns:
        raise ConfigError(
            "slabs march one equation of one output in one place and time, with a hard Initial axiom and no unknowns; got "
            f"{len(inputs)} inputs, {len(outputs)} outputs, {len(equations)} equations, {len(starts)} hard starts and "
            f"{len(problem.unknowns)} unknowns. Solve without slabs, or make a problem of that kind."
        )
    others = [axiom for axiom in axioms if not _can_march(axiom)]
    if others or problem.recipes or problem.domain.regions:
        what = others[0].text() if others else "a residual function or a region"
        raise ConfigError(
            f"slabs take hard Boundary axioms on faces and Periodic(…, strength=Soft()) beside the start; got {what}."
        )
    time = place(starts[0].input, inputs, starts[0].word)
    order = 1 if starts[0].rate is None else 2
    begins = problem.domain.box[inputs[time]][0]
    if starts[0].at != begins:
        raise ConfigError(f"the slabs begin at {inputs[time]} = {begins:g}, the start is given at {starts[0].at:g}.")
    g, omega = joined(conditions_of(axioms, inputs, outputs)[0], inputs, problem.domain.box, free=inputs[time])
    periods = facts_of(axioms, Periodicity)
    degree, terms = _sizes(model, order)

    def known(text: str) -> Any:
        def derivatives(x: Tensor, monomials: Sequence[Monomial]) -> list[Tensor]:
            return derivatives_of(text, inputs, x, monomials)

        return derivatives

    weight = weight_of(periods[0].axiom, DEFAULT_WEIGHT) if periods else 0.0
    _, equation = equations[0]
    setting = SlabProblem(equation, 1 - time, known(g), known(omega), degree, order, terms - order, weight)
    if setting.highest >= degree or max(setting.orders(m)[1] for m in equation.monomials) != order:
        raise ConfigError(
            f"splines of degree {degree} with a start of {order} given derivatives do not fit {equation.text!r}: the "
            "degree must be above the order in space, and the order in time that of the start (give rate= for the second)."
        )
    (hidden,) = hidden_names(inputs, 1)
    ranges = tuple(problem.domain.box[name] for name in inputs)
    return 1 - time, setting, Frame(inputs, (), outputs, (total(g, times(omega, hidden)),), ranges)


def _can_march(axiom: Axiom) -> bool:
    if facts_of([axiom], Periodicity):
        return isinstance(axiom.strength, Soft)
    return axiom.strength == Hard() or not any(
        isinstance(fact, (FaceValue, RegionBoundaryValue)) for fact in axiom.facts()
    )


def _sizes(model: KAN, order: int) -> tuple[int, int]:
    """Degree and number of terms of a separable network.

    Raises:
        ConfigError: If it is none, or its splines cannot hold the functions of time.
    """
    nodes, basis = model.config.nodes, model.kan_layers[0].basis
    terms = len(nodes[1].products)
    if len(nodes) != 3 or nodes[1].sums or set(nodes[1].products) != {2} or basis.degree is None:
        raise ConfigError(
            f"slabs take a network of product nodes such as separable(['x', 't'], 7, grid=20, degree=7), got the shape "
            f"{model.config.shape}."
        )
    if not order < terms <= basis.degree + 1:
        raise ConfigError(
            f"slabs take more than {order} and up to {basis.degree + 1} terms for splines of degree {basis.degree}, which "
            f"must hold the polynomials of time; got {terms}."
        )
    return basis.degree, terms
