"""Behaviour beyond the grid of an input.

Towards an end of the axis `f → c`, or `f - (a x + b) → 0`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Final, final

import torch

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import SingleInputAxiom
from splinework.knowledge.axioms.facts import TailBehaviour
from splinework.knowledge.axioms.fields import log_odds, number
from splinework.knowledge.axioms.penalties import AxiomPenalty, moved, slopes
from splinework.knowledge.axioms.sampling import OUTSIDE_MARGIN, PenaltyContext

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, Draft, Subject

LIMIT_DISTANCE: Final = 10.0
"""The distance from the box, in its widths, at which a function that tends to a value has reached it."""


@explained_record
@final
@dataclass(frozen=True)
class Asymptote(SingleInputAxiom):
    """How the function continues beyond the grid of an input: `linear`, `constant`, or towards the number `value`.

    Attributes:
        input: The input, by name or index.
        side: `left`, `right` or `both`.
        kind: `linear` (second derivative 0), `constant` (first derivative 0) or `value` (tends to it, exponentially).
        value: The limit, for the kind `value`.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Asymptote("x", side="right", kind="value", value=1).text()
        "asymptote('x', side='right', kind='value', value=1.0)"
    """

    side: str = "both"
    kind: str = "constant"
    value: float = field(default=0.0, metadata=number("the value of an asymptote"))

    word: ClassVar[str] = "asymptote"
    built_by: ClassVar[frozenset[str]] = frozenset({"tail"})
    draft_order: ClassVar[int] = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.side not in ("left", "right", "both") or self.kind not in ("linear", "constant", "value"):
            raise ConfigError(
                "asymptote takes side='left', 'right' or 'both' and kind='linear', 'constant' or 'value', got "
                f"{self.side!r} and {self.kind!r}."
            )

    @property
    def _sides(self) -> list[str]:
        return [side for side in ("left", "right") if self.side in (side, "both")]

    def facts(self) -> Sequence[TailBehaviour]:
        return (TailBehaviour(self, self.input, self.side, self.kind, self.value),)

    def times(self, sign: int) -> "Asymptote":
        return replace(self, value=sign * self.value)

    def on_scores(self, classes: int) -> "tuple[Asymptote, ...] | None":
        if classes > 2 or self.kind == "linear":
            return None
        return (replace(self, value=log_odds(self.value, self.text())),) if self.kind == "value" else (self,)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        """Beyond the box the slope, the second derivative, or far outside the difference to the value."""
        i, outputs = context.input(self.input, self), context.outputs(self)
        low, high = context.box[i]
        width = high - low
        near, far = (LIMIT_DISTANCE / 2, LIMIT_DISTANCE) if self.kind == "value" else (0.0, OUTSIDE_MARGIN)
        share = near + (far - near) * (context.points[:, i] - low) / width
        places = {"left": low - share * width, "right": high + share * width}
        order = {"value": 0, "constant": 1, "linear": 2}[self.kind]
        return AxiomPenalty.of(
            context.spread[outputs] / width**order,
            lambda model, x: slopes(model, x, outputs, (i,) * order)[0] - self.value * (order == 0),
            torch.cat([moved(context.points, i, places[side]) for side in self._sides]),
        )

    def claims(self, subject: "Subject") -> "list[Claim]":
        """Claims on each side, up to one width of the box beyond the grid."""
        i = subject.input(self.input, self)
        along = (i,) * (2 if self.kind == "linear" else 1)
        order = "²" if self.kind == "linear" else ""
        tends = self.kind == "value"

        def claims_beyond(side: str) -> "list[Claim]":
            def claim_text(name: str) -> str:
                what = (
                    f"{name} tends to {self.value!r}" if tends else f"d{order} {name}/d {subject.inputs[i]}{order} == 0"
                )
                return f"{what} to the {side} of the box"

            reason = "a limit is not a bound on a box" if tends else ""
            found = subject.equal(self, claim_text, lambda j, env: 0.0, along, reason=reason)
            for claim in found:
                low, high = claim.lo[i], claim.hi[i]
                width = high - low
                # Just beyond the end, where a kink is allowed.
                away = 1e-9 * width
                claim.lo[i], claim.hi[i] = (low - width, low - away) if side == "left" else (high + away, high + width)
            return found

        return [claim for side in self._sides for claim in claims_beyond(side)]

    def draft_features(self, draft: "Draft") -> None:
        i = draft.at(self)[0]
        low, high = draft.ranges[i]
        if self.kind == "linear":
            raise draft.no_form(self, "only a sum of edges has linear tails, and then it has them anyway; verify it")
        if self.kind == "constant":
            feature = draft.features[draft.of(self, i, straight=True)]
            text = f"max({feature.text},{low!r})" if "left" in self._sides else feature.text
            feature.text = f"min({text},{high!r})" if "right" in self._sides else text
            feature.straight = False
            return
        name = draft.symbols[i]
        beyond = {"left": f"max({low!r}-{name},0)", "right": f"max({name}-({high!r}),0)"}
        fade = f"exp(-({'+'.join(beyond[side] for side in self._sides)})/{(high - low) / 4!r})"
        draft.answers = [f"({self.value!r})+{fade}*({answer}-({self.value!r}))" for answer in draft.answers]
