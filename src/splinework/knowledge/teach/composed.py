"""A model with axioms and its data, as a search for formulas takes them: the network by itself, and the frame in symbols."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor

from splinework.formula.composer import Composer, formula_text
from splinework.interpret.symbolic import FormulaRow, LibraryFunction
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import ColumnScaling, Splines, build_expressions, symbol
from splinework.interpret.symbolic.net import SplineEdge, SymbolicNet, edge_places
from splinework.interpret.symbolic.ranking import formula_row
from splinework.interpret.symbolic.search import JointSearch, edge_options
from splinework.knowledge.axioms.language import axioms_of
from splinework.knowledge.axioms.realise import anchored, is_anchored
from splinework.knowledge.axioms.verify.subject import Subject, grid_box, subject_of
from splinework.knowledge.teach.edge_shapes import fitting, tied
from splinework.nn.arrays import check_finite, paired_columns
from splinework.nn.frame import Expression, Frame, FramedKAN, frame_of, network_of
from splinework.nn.network import KAN

DAMPING: Final = 0.1
"""Damping of the step from the network's output to its working response, as a share of the answers' mean squared slope."""

Proposed = tuple[list[Any], Splines]
"""Expressions of all outputs, and the splines in them."""


@final
@dataclass(frozen=True, eq=False)
class Composed:
    """A model in float64 and its data.

    Attributes:
        model: The network, or one in a frame.
        x: Raw rows, `(N, inputs)`.
        y: `(N, outputs)`.
        names: Names of the raw inputs.
        scales: Scale of every output for errors, `linear` or `log`.
        composer: The frame in symbols, with its numbers.
        features: For every input of the network its name in formulas, and its expression in the raw inputs.
    """

    model: KAN | FramedKAN
    x: Tensor
    y: Tensor
    names: tuple[str, ...]
    outputs: tuple[str, ...]
    scales: tuple[str, ...]
    composer: Composer
    features: tuple[tuple[str, Any], ...]

    @property
    def network(self) -> KAN:
        """The network without its frame."""
        return network_of(self.model)

    @property
    def frame(self) -> Frame | None:
        """The frame, if there is one."""
        return frame_of(self.model)

    @property
    def seen(self) -> Tensor:
        """Inputs of the network at the rows, `(N, F)`."""
        return self.x if self.frame is None else self.frame.features_of(self.x)

    @property
    def corrects(self) -> bool:
        """Whether formulas are corrected at the end, to meet points and integrals."""
        return any(is_anchored(axiom) for axiom in axioms_of(list(self.network.config.axioms)))

    def subject(self) -> Subject:
        """The model in the box that it was made for, or that of the rows."""
        box = None
        if grid_box(self.model) is None:
            box = list(zip(self.x.amin(0).tolist(), self.x.amax(0).tolist(), strict=True))
        return subject_of(self.model, box)

    def proposals(self, library: Sequence[LibraryFunction], deadline: float) -> list[Proposed]:
        """Proposed formulas for the network in its frame, over the columns of `target`."""
        network, seen = self.network, self.seen
        u, t = network.input_scaling(seen).numpy(), network.output_scaling(self._wanted()).numpy()
        options, further = (fitting(o, network, seen) for o in edge_options(network, seen, library))
        nets = JointSearch(network, u, t, options, further, deadline).run()
        return [self._framed(tied(net, network)) for net in nets]

    def itself(self) -> Proposed:
        """The network with all its edges as splines, in the frame."""
        edges = {
            (layer, i, j): SplineEdge(self.network.kan_layers[layer], i, j) for layer, i, j in edge_places(self.network)
        }
        return self._framed(SymbolicNet.of(self.network, dict(edges), {}), corrected=True)

    def target(self, output: int) -> FitTarget:
        """One output over the raw inputs, the further features and the frame's numbers."""
        columns = dict(zip(self.names, self.x.numpy().T, strict=True))
        for (name, _), column in zip(self.features, self.seen.numpy().T, strict=True):
            columns.setdefault(name, column)
        for stand_in, value in self.composer.numbers.items():
            columns[stand_in.name] = np.full(len(self.x), value)
        return FitTarget(
            np.column_stack(list(columns.values())), self.y[:, output].numpy(), tuple(columns), self.scales[output]
        )

    def raw_target(self, output: int) -> FitTarget:
        """The same over the raw inputs alone."""
        return FitTarget(self.x.numpy(), self.y[:, output].numpy(), self.names, self.scales[output])

    def raw(self, expression: Any) -> Any:
        """An expression over the raw inputs, with its numbers."""
        import sympy

        back = {symbol(name): found for name, found in self.features if found != symbol(name)}
        numbers = {stand_in: sympy.Float(value) for stand_in, value in self.composer.numbers.items()}
        return expression.xreplace(back).xreplace(numbers)

    def finished(self, found: FormulaRow, output: int) -> FormulaRow | None:
        """A row over the raw inputs, with corrections for points and integrals where the model has them.

        None where it cannot have them, or is undefined on the data.
        """
        expression = self._corrected(self.raw(found.expression), output)
        if expression is None:
            return None
        target = self.raw_target(output)
        made = formula_row(expression, target, found.target, 0.0, found.splines)
        if made is None:
            return None
        longer = 0.0
        if target.scale == "linear":  # what a correction changes; below the floor two fits are equally good
            count = len(target.y)
            before, after = (max(count * error**2, target.floor) for error in (found.rmse, made.rmse))
            longer = count / 2 * math.log(after / before)
        return replace(made, description=found.description + longer, constants=found.constants)

    def _corrected(self, expression: Any, output: int) -> Any:
        """The expression plus what it lacks at the points, and of the integrals, that the model must meet."""
        axioms = [a for a in axioms_of(list(self.network.config.axioms)) if is_anchored(a)]
        frame = self.frame
        if not axioms or frame is None:
            return expression
        text = formula_text(expression, dict(zip(self.names, frame.symbols, strict=True)))
        if text is None:
            return None
        answers = tuple(text if j == output else "0" for j in range(len(self.outputs)))
        idle = KAN([len(self.names), len(self.outputs)], dtype=torch.float64, generator=torch.Generator())
        plain = FramedKAN(idle, Frame(self.names, (), self.outputs, answers, frame.ranges))
        met = anchored(plain, axioms)
        assert isinstance(met, FramedKAN)
        raw = [symbol(name) for name in self.names]
        for j, formula, factor in met.frame.corrections:
            if j == output:
                part = self.composer.expression(Expression(formula, frame.symbols), raw)
                expression = expression + factor * self.raw(part)
        return expression

    def _framed(self, net: SymbolicNet, *, corrected: bool = False) -> Proposed:
        network, frame = self.network, self.frame
        inputs = _units(network.input_scaling, tuple(name for name, _ in self.features))
        expressions, splines = build_expressions(net, inputs, _units(network.output_scaling, self.outputs))
        if frame is not None:
            columns = [*(symbol(name) for name in self.names), *expressions]
            named = (*frame.symbols, *frame.hidden_names)
            after = frame.after if corrected else tuple(Expression(text, named) for text in frame.answers)
            expressions = [self.composer.expression(formula, columns) for formula in after] or expressions
        return expressions, splines

    def _wanted(self) -> Tensor:
        """Working response of the network, for which its answers come close to y, `(N, J)`.

        One Gauss–Newton step from what it gives, as in generalised linear models (McCullagh and Nelder
        1989, §2.5), damped where an answer hardly depends on its output.
        """
        frame = self.frame
        if frame is None or not frame.after:
            return self.y
        z = self.network(self.seen).requires_grad_()
        answers = frame.answers_of(self.x, z)
        wanted = z.detach().clone()
        for j in range(len(self.outputs)):
            (slopes,) = torch.autograd.grad(answers[:, j].sum(), z, retain_graph=True)
            slope = slopes[:, j]
            damping = DAMPING * float(slope.square().mean()) + 1e-300
            wanted[:, j] += slope * (self.y[:, j] - answers[:, j].detach()) / (slope.square() + damping)
        logs = [scale == "log" for scale in self.network.config.output_scales]
        return torch.where(torch.tensor(logs) & (wanted <= 0), z.detach(), wanted)


def compose(model: KAN | FramedKAN, x: Any, y: Any, scale: str | None) -> Composed:
    """A copy of the model with its data, checked.

    Raises:
        ShapeError: If x or y do not fit the model or each other.
        DataError: If there are no rows, or values that are not finite, in the network's units too.
    """
    work = copy.deepcopy(model).double().cpu().requires_grad_(False)
    frame, network = frame_of(work), network_of(work)
    config = network.config
    names = config.input_names if frame is None else frame.input_names
    outputs = config.output_names if frame is None else frame.output_names
    xs, ys = paired_columns(x, y, names, outputs, next(network.parameters()))
    composer = Composer()
    raw = [symbol(name) for name in names]
    formulas = () if frame is None else frame.before
    features = tuple((formula.text, composer.expression(formula, raw)) for formula in formulas)
    features = features or tuple(zip(names, raw, strict=True))
    answered = frame is not None and bool(frame.after)
    scales = tuple(scale or ("linear" if answered else own) for own in config.output_scales)
    made = Composed(work, xs, ys, tuple(names), tuple(outputs), scales, composer, features)
    check_finite(network.input_scaling(made.seen), "x", names)
    if not answered:
        check_finite(network.output_scaling(ys), "y", outputs, scales=config.output_scales)
    return made


def _units(scaling: Any, names: tuple[str, ...]) -> ColumnScaling:
    return ColumnScaling(names, scaling.scales, tuple(scaling.shift.tolist()), tuple(scaling.scale.tolist()))
