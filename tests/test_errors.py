"""The end of a message about an unknown name."""

from splinework.errors import nearest


def test_nearest_names_are_suggested():
    assert nearest("PERIOD", ["period_days", "mass"]) == "did you mean 'period_days'?"
    assert nearest("zzz", ["a", "b"]) == "there are: 'a', 'b'."
    assert "and 8 more" in nearest("zzz", [f"a{i}" for i in range(20)])
