"""A short run of the campaign that `make attack` runs at length."""

import pytest

from tests.attack.campaign import attack


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("first", [0, 4])
@pytest.mark.slow
def test_no_verdict_is_false_and_no_forged_certificate_is_accepted(first):
    report = attack(range(first, first + (2 if first == 0 else 60)), budget=0.1)
    assert report.failures == []
    assert sum(report.verdicts.values()) > 15
    assert {status for _, status in report.verdicts} >= {"proved", "refuted"}
    assert report.forged > 5
