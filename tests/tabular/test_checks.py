"""scikit-learn's own checks: all that `check_estimator` yields, and those that it never does."""

from typing import Any

import pytest
import torch
from sklearn.utils import estimator_checks as checks

from splinework.tabular import KANClassifier, KANRegressor, KANTransformer

KINDS = (KANRegressor, KANClassifier, KANTransformer)
SHORT = 4
"""Steps of the fits of every day; with the defaults, which take longer, the slow tests do the same."""
LOSSES: tuple[dict[str, Any], ...] = (
    {"loss": "quantile", "quantile": 0.5},  # absolute_error is the same task
    {"loss": "huber"},
    {"loss": "poisson"},
    {"loss": "gamma"},
    {"loss": "lognormal"},
)
ESTIMATORS = (
    *(pytest.param(kind(max_iter=SHORT, members=1), id=f"{kind.__name__}-short") for kind in KINDS),
    *(pytest.param(kind(), id=kind.__name__, marks=pytest.mark.slow) for kind in KINDS),
    *(
        pytest.param(KANRegressor(max_iter=SHORT, members=1, **given), id=given["loss"], marks=pytest.mark.slow)
        for given in LOSSES
    ),
)
OF_TRANSFORMERS = (
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_get_feature_names_out_error",
)
UNYIELDED = (
    "check_dataframe_column_names_consistency",
    "check_param_validation",
    "check_inplace_ensure_writeable",
    *OF_TRANSFORMERS,
)


REPEATED = ("global", "polars", "train-True", "array_api")
"""Parts of names of checks that ask the same again: of other libraries, of arrays that cannot be written to."""
OWN = {KANClassifier: ("class", "proba", "weight_equivalence", "pickle"), KANTransformer: ("transform",)}
"""Parts of names of the quick checks of estimators; `KANRegressor` has all that are not slow, by the same code."""


def _marks(case: Any, name: str) -> Any:
    """Slow are checks of what another estimator's quick checks run."""
    kind = type(case.values[0])
    repeated = kind in OWN and (any(part in name for part in REPEATED) or not any(part in name for part in OWN[kind]))
    return (*case.marks, pytest.mark.slow) if repeated else case.marks


def _name(check: Any) -> str:
    """The name of a check, with what it is asked for."""
    return f"{check.func.__name__}-{'-'.join(map(str, check.keywords.values()))}".rstrip("-")


@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pytest.param(given, check, id=f"{case.id}-{_name(check)}", marks=_marks(case, _name(check)))
        for case in ESTIMATORS
        for given, check in checks.estimator_checks_generator(case.values[0])
    ],
)
def test_every_check_of_scikit_learn_passes(estimator: Any, check: Any) -> None:
    if "cuda" in str(check.keywords) and not torch.cuda.is_available():
        pytest.skip("no GPU here: scikit-learn itself asks only whether torch was built for one")
    if check.func.__name__ == "check_regressor_multioutput" and estimator.__sklearn_tags__().target_tags.positive_only:
        pytest.skip("it does not look at the tag, and fits targets below zero, which this loss refuses")
    check(estimator)


@pytest.mark.filterwarnings(
    "ignore:X (does not have valid|has) feature names"
)  # frames and arrays are mixed on purpose
@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        pytest.param(case.values[0], name, id=f"{case.id}-{name}", marks=_marks(case, name))
        for case in ESTIMATORS
        for name in UNYIELDED
        if hasattr(checks, name) and (name not in OF_TRANSFORMERS or hasattr(case.values[0], "transform"))
    ],
)
def test_the_checks_that_are_not_yielded_pass_too(estimator: Any, name: str) -> None:
    getattr(checks, name)(type(estimator).__name__, estimator)


@pytest.mark.parametrize("library", ["numpy", "array_api_strict", "torch"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_arrays_of_every_library_give_the_same_values(
    estimator: Any, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "torch":  # scikit-learn averages the accuracy in float32 there: 29 of 30 differ by 3e-8
        exact = checks._atol_for_type
        monkeypatch.setattr(checks, "_atol_for_type", lambda dtype: max(exact(dtype), 1e-7))
    checks.check_array_api_input_and_values(type(estimator).__name__, estimator, library)
