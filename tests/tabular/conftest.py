"""Settings for the tests of the estimators: scikit-learn may dispatch to other array libraries here."""

import os
from unittest import mock

import pytest

ON = {"SCIPY_ARRAY_API": "1"}

with mock.patch.dict(os.environ, ON):  # scikit-learn 1.6 looks at it when it is imported
    import sklearn.utils.estimator_checks  # noqa: F401


@pytest.fixture(autouse=True)
def array_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, the checks of other array libraries are skipped."""
    for name, value in ON.items():
        monkeypatch.setenv(name, value)
