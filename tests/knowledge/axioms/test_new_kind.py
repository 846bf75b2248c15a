"""The price of admission: an axiom of one's own is one class, and meets everything that the library does with axioms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.knowledge.axioms import register
from splinework.knowledge.axioms.axiom import Axiom, SingleInputAxiom
from splinework.knowledge.axioms.checker import check
from splinework.knowledge.axioms.checker.claims import BoxClaim, Scene
from splinework.knowledge.axioms.checker.meanings import MEANINGS, register_meaning
from splinework.knowledge.axioms.contradictions import find_contradictions
from splinework.knowledge.axioms.facts import SlopeSign
from splinework.knowledge.axioms.fields import number_of
from splinework.knowledge.axioms.kinds import WORDS
from splinework.knowledge.axioms.language import axioms_of, parse_axiom
from splinework.knowledge.axioms.penalties import AxiomPenalty, scaled, slopes
from splinework.knowledge.axioms.sampling import PenaltyContext
from splinework.knowledge.axioms.verify.claim import Claim
from splinework.knowledge.axioms.verify.subject import Subject
from tests.families import every
from tests.knowledge.axioms.models import formula_model

INPUTS, BOX = ["x", "y"], [(-1.0, 1.0), (-1.0, 1.0)]


@final
@dataclass(frozen=True)
class MaximumAt(SingleInputAxiom):
    """Along an input the output rises up to a place and falls after it."""

    at: float = 0.0

    word: ClassVar[str] = "maximum_at"
    inequality: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "at", number_of(self.at, "the place of a maximum"))

    def facts(self) -> Sequence[SlopeSign]:
        before, after = ((self.input, (-float("inf"), self.at)),), ((self.input, (self.at, float("inf"))),)
        return (SlopeSign(self, self.input, 1, within=before), SlopeSign(self, self.input, -1, within=after))

    def times(self, sign: int) -> "MaximumAt | None":
        return self if sign > 0 else None

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        i, outputs = context.input(self.input, self), context.outputs(self)
        size = context.spread[outputs] / context.width[i]

        def function(model: Any, x: torch.Tensor) -> torch.Tensor:
            side = torch.sign(self.at - x[:, i : i + 1])
            return scaled((-side * slopes(model, x, outputs, (i,))[0]).clamp_min(0), size)

        return AxiomPenalty(function, context.points)

    def claims(self, subject: Subject) -> list[Claim]:
        i = subject.input(self.input, self)

        def define(sign: float) -> Any:
            return lambda j, env: env.apply("mul", sign, env.partial(j, (i,)))

        found = []
        for claim in subject.claims(self, lambda name: f"{name} rises up to {self.at:g}", define(1.0), along=(i,)):
            hi = claim.hi.copy()
            hi[i] = self.at
            found.append(replace(claim, hi=hi))
        for claim in subject.claims(self, lambda name: f"{name} falls after {self.at:g}", define(-1.0), along=(i,)):
            lo = claim.lo.copy()
            lo[i] = self.at
            found.append(replace(claim, lo=lo))
        return found


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    register(MaximumAt)
    register_meaning("maximum_at", meaning)
    yield
    del WORDS[MaximumAt.word], MEANINGS[MaximumAt.word]


def meaning(scene: Scene, input: Any, at: float = 0.0) -> list[BoxClaim]:
    """The same claims, for the checker."""
    i = scene.place(input)
    up = scene.each(lambda j, name: (f"{name} rises up to {at:g}", f"D[{j}, {i}]"), along=(i,))
    falling = scene.each(lambda j, name: (f"{name} falls after {at:g}", f"-D[{j}, {i}]"), along=(i,))
    for claim in up:
        claim.hi[i] = at
    for claim in falling:
        claim.lo[i] = at
    return up + falling


def test_without_a_meaning_of_its_own_for_the_checker_nothing_is_proved():
    del MEANINGS[MaximumAt.word]
    found = sw.verify(formula_model("x y", z="exp(-3*x**2) + y"), "maximum_at(x)", box=BOX)
    register_meaning("maximum_at", meaning)
    assert found.status == "unknown"
    assert "maximum_at" in found.claims[0].reason


def rows() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(200, 2, generator=generator, dtype=torch.float64) - 1
    return x, torch.exp(-3 * x[:, 0] ** 2) + x[:, 1]


@pytest.mark.parametrize(
    "text", ["maximum_at('x', at=0.25)", "maximum_at(x)", "MaximumAt(x, at=pi/9, strength=soft(3))"]
)
def test_its_text_is_read_and_written(text):
    axiom = parse_axiom(text)
    assert type(axiom) is MaximumAt
    assert parse_axiom(axiom.text()) == axiom
    with pytest.raises(ConfigError, match=r"did you mean .maximum_at"):
        parse_axiom("maximun_at(x)")


def test_a_word_is_taken_once():
    class Other(MaximumAt):  # type: ignore[misc]
        """Another kind with the same word."""

    with pytest.raises(ConfigError, match="word of its own"):
        register(Other)


def test_soft_it_changes_a_fit_towards_it_and_its_violation_is_told():
    x, y = rows()
    y = y + 0.6 * torch.sin(9 * x[:, 0])  # the rows have several maxima
    model = sw.KAN([2, 1], names=INPUTS, grid=8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    free = sw.fit(model, x, y, steps=10, validation=None, progress=False).model
    soft = sw.fit(model, x, y, axioms="maximum_at(x, strength=soft(1000))", steps=10, validation=None, progress=False)
    sizes = [sw.axioms.violation(each, MaximumAt("x"), box=BOX).mean_square for each in (free, soft.model)]
    assert sizes[1] < 0.01 * sizes[0]


@pytest.mark.parametrize(
    ("at", "formula", "status"),
    [(0.0, "exp(-3*x**2) + y", "proved"), (0.3, "exp(-3*x**2) + y", "refuted"), (0.25, "y - (x - 0.25)**2", "proved")],
)
def test_it_is_verified_and_its_certificates_are_checked(at, formula, status):
    model = formula_model("x y", z=formula)
    found = sw.verify(model, MaximumAt("x", at), box=BOX)
    assert found.status == status
    assert check(model, found)


def test_without_a_hard_form_it_says_so():
    x, y = rows()
    model = sw.KAN([2, 1], names=INPUTS, dtype=torch.float64)
    with pytest.raises(ConfigError, match="cannot be hard: no construction is known"):
        sw.fit(model, x, y, axioms="maximum_at(x)", steps=1, progress=False)


@every(
    ("texts", "why"),
    [
        ("maximum_at(x); monotone(x)", "does not depend on it"),
        ("maximum_at(x); maximum_at(x, at=0.5)", "does not depend on it"),
        ("maximum_at(x); periodic(x, period=0.5)", "does not depend on it"),
        ("maximum_at(x); even(x, centre=0.5)", "same on both sides"),
        ("maximum_at(x); through(((-0.5, 0), (-0.2, 0)), (1, 0))", "the value falls"),
        ("maximum_at(x); symmetric(x, y); monotone(y)", "give monotone('x')"),
        ("maximum_at(x); monotone(x, domain={x: (-1, 0)})", None),
        ("maximum_at(x); monotone(x, increasing=False, domain={x: (0, 1)})", None),
        ("maximum_at(x); monotone(y)", None),
        ("maximum_at(x); even(x)", None),
        ("maximum_at(x); concave(x)", None),
        ("maximum_at(x); through(((-0.5, 0), (0.5, 0)), (1, 0))", None),
    ],
)
def test_it_meets_other_axioms_through_its_facts(texts, why):
    found = find_contradictions(axioms_of(texts.split("; ")), INPUTS, box=BOX)
    if why is None:
        assert found == []
    else:
        assert any(why in str(each) and "maximum_at" in str(each) for each in found), [str(each) for each in found]


def test_of_integers_it_says_that_nothing_is_known():
    x, _ = rows()
    model = sw.KAN([2, 1], names=INPUTS, grid=3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    golden = sw.hardware.quantise(model, x, bits=4)
    with pytest.raises(
        ConfigError, match=r"maximum_at cannot be verified for an integer model; verify supports monotone"
    ):
        sw.verify(golden, "maximum_at(x)")


def test_a_class_that_lacks_its_mathematics_cannot_be_made():
    class Nothing(Axiom):
        """Says nothing."""

        word: ClassVar[str] = "nothing"

    with pytest.raises(TypeError, match="abstract"):
        Nothing()
