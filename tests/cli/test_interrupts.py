"""What a signal handler raises is never lost, wherever Python was when the signal came."""

import os
import signal
import sys
import time
import weakref
from collections.abc import Callable

import pytest

from splinework.cli import interrupts
from splinework.cli.interrupts import (
    Interrupted,
    InterruptHandler,
    SearchStopped,
    Terminated,
    answering,
    at_once,
    never_discarded,
    terminable,
)


class Held:
    """Something that can be referred to weakly."""


def send_where_exceptions_are_discarded(number: int) -> None:
    """Sends a signal to this process from the callback of a weak reference."""

    def callback(_: object) -> None:
        os.kill(os.getpid(), number)
        for _ in range(1000):  # the handler runs here
            pass

    held = Held()
    reference = weakref.ref(held, callback)
    del held
    assert reference() is None


def interrupted_in_a_callback(number: int) -> None:
    """The signal comes in the callback, and this waits for what is raised again."""
    send_where_exceptions_are_discarded(number)
    wait()


def interrupted() -> None:
    """The signal comes, and this waits for it."""
    os.kill(os.getpid(), signal.SIGINT)
    wait()


def wait() -> None:
    for _ in range(500):
        time.sleep(0.01)
    pytest.fail("nothing was raised again")


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, Interrupted), (signal.SIGTERM, Terminated)])
def test_an_interruption_in_a_callback_is_raised_again_outside_of_it(number, error, capsys):
    with pytest.raises(error), never_discarded(), answering(at_once), terminable():
        interrupted_in_a_callback(number)
    assert capsys.readouterr().err == ""


def test_a_search_stops_though_the_callback_discarded_the_first_interrupt():
    told: list[str] = []
    handler = InterruptHandler(told.append)
    with never_discarded(), answering(handler.interrupt):
        with pytest.raises(SearchStopped), handler.searching():
            interrupted_in_a_callback(signal.SIGINT)
        assert len(told) == 1
        with pytest.raises(Interrupted):
            interrupted()


def test_a_search_that_has_ended_meanwhile_keeps_its_result():
    handler = InterruptHandler(lambda text: None)
    with never_discarded(), answering(handler.interrupt):
        with handler.searching():
            send_where_exceptions_are_discarded(signal.SIGINT)
        time.sleep(10 * interrupts._MOMENT_SECONDS)
        assert handler.asked


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_other_errors_of_callbacks_are_left_to_whom_they_belong(monkeypatch):
    seen: list[type] = []
    hook: Callable[[sys.UnraisableHookArgs], None] = lambda found: seen.append(type(found.exc_value))  # noqa: E731
    monkeypatch.setattr(sys, "unraisablehook", hook)

    def callback(_: object) -> None:
        raise ValueError

    with never_discarded():
        held = Held()
        reference = weakref.ref(held, callback)
        del held
        assert reference() is None
    assert seen == [ValueError]
    assert sys.unraisablehook is hook
