"""Values on a boundary: faces of a box, or the boundary of a region.

`f(x) = g(x)` for x on the boundary.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, final

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import Axiom, Name, Ranges, Value, place, ranges_of
from splinework.knowledge.axioms.facts import FaceValue, Fact, RegionBoundaryValue
from splinework.knowledge.axioms.fields import FORMULA
from splinework.knowledge.axioms.linear import LinearAxiom
from splinework.knowledge.axioms.penalties import AxiomPenalty, matched_penalty
from splinework.knowledge.axioms.realise.formulas import as_formula
from splinework.knowledge.axioms.sampling import PenaltyContext, formula, on_boundary, on_faces
from splinework.nn.frame import Box, Expression, Region

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, Draft, Subject


@explained_record
@final
@dataclass(frozen=True)
class Boundary(LinearAxiom):
    """The function has given values on a boundary (Dirichlet condition).

    Attributes:
        face: Faces of a box, such as `{"x": (0, 1)}` (both faces in x), or a `Region` (a box, disc, union or difference)
            whose boundary is used.
        value: A number, or a formula in the inputs that has these values there.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Boundary({"x": (-1, 1)}, "exp(-t)").text()
        "boundary((('x', (-1.0, 1.0)),), value='exp(-t)')"
    """

    face: Ranges | Region
    value: Value = field(default=0.0, metadata=FORMULA)

    word: ClassVar[str] = "boundary"
    built_by: ClassVar[frozenset[str]] = frozenset({"ansatz"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.face, Region):
            expected = "boundary takes faces such as {'x': (0, 1)} or a region such as Disc(('x', 'y'), (0, 0), 1)"
            object.__setattr__(self, "face", ranges_of(self.face, expected))

    @property
    def inputs(self) -> tuple[Name, ...]:
        return self.face.inputs if isinstance(self.face, Region) else tuple(name for name, _ in self.face)

    @property
    def _faces(self) -> list[tuple[Name, float]]:
        """The finite faces; empty for a region."""
        if isinstance(self.face, Region):
            return []
        return [(name, end) for name, ends in self.face for end in ends if math.isfinite(end)]

    def facts(self) -> Sequence[Fact]:
        if isinstance(self.face, Region):
            return (RegionBoundaryValue(self, self.face, self.value),)
        return [FaceValue(self, name, end, self.value) for name, end in self._faces]

    def times(self, sign: int) -> "Boundary | None":
        """None for a region or a formula, which name inputs."""
        if isinstance(self.face, Region) or isinstance(self.value, str):
            return None
        return replace(self, value=sign * self.value)

    def renamed(self, name: Callable[[Any], str]) -> Axiom:
        if isinstance(self.face, Region):  # its names stay, and are looked up only
            for part in self.face.inputs:
                name(part)
            return super().renamed(name)
        return Axiom.renamed(replace(self, face=tuple((name(key), ends) for key, ends in self.face)), name)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        if isinstance(self.face, Region):
            points = on_boundary(self.face, context.points, context.box, context.input_names)
        else:
            faces = [(context.input(name, self), end) for name, end in self._faces]
            if not faces:
                raise ConfigError(f"{self} has no finite face; give one.")
            points = on_faces(context.points, faces)
        value = formula(self.value, context.input_names)(points)
        return matched_penalty(context, context.outputs(self), points, value[:, None])

    def claims(self, subject: "Subject") -> "list[Claim]":
        """One claim per face; on the boundary of a region, which is not a box, only a formula can be a proof."""
        if not isinstance(self.face, Region):
            faces = [(place(name, subject.inputs, self.word), end) for name, end in self._faces]
            return [claim for i, end in faces for claim in subject.on_face(self, i, end, self.value)]
        wanted = subject.formula(self.value)
        return subject.equal(
            self,
            lambda name: f"{name} == {self.value} on the boundary",
            lambda j, env: wanted(env),
            tolerance=0.0,
            scale=1.0,
            vanishing=Expression(self.face.formula(), subject.inputs),
            reason="the boundary of this region is not a face of a box; only the model's own formula can prove it",
        )

    def draft_answers(self, draft: "Draft") -> None:
        if isinstance(self.face, Region):
            region: Region = self.face
        else:
            region = Box(tuple((draft.symbols[draft.place(name, self)], ends) for name, ends in self.face))
        for name in region.inputs:
            place(name, draft.symbols, self.word)
        for j in draft.outputs_of(self):
            draft.fixed[j].append((region.formula(), as_formula(self.value)))
