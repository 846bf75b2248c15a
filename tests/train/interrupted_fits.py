"""A fit that is killed at a step, and what it means that two fits are the same."""

from splinework.train import fit
from tests.interpret.edit.cases import same_state, state_of
from tests.train.cases import fresh, smooth, uniform

X = uniform(120)
Y = smooth(X)


class Killed(BaseException):
    """Nobody catches it, as nobody catches SIGKILL."""


def train(path=None, *, die_at=None, optimiser="lm", steps=40, callbacks=(), **options):
    def die(step):
        if step.number == die_at:
            raise Killed

    model = fresh([2, 2, 1])
    settings = {"steps": steps, "starts": 2, "grids": [10], "progress": False, **options}
    return fit(model, X, Y, optimiser=optimiser, checkpoint=path, callbacks=[*callbacks, die], **settings)


def same(first, second) -> bool:
    told = [step.objective for step in first.history] == [step.objective for step in second.history]
    return same_state(first.model, state_of(second.model)) and told and first.history.notes == second.history.notes
