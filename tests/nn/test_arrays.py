"""The door for data: tensors, arrays, frames and lists become columns; anything else is refused with a reason."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch

from splinework.errors import DataError, ShapeError
from splinework.nn.arrays import as_columns, check_finite, data_of, inputs_of
from splinework.nn.network import KAN
from tests.contracts.cases import normal
from tests.families import every, raising

NAMES = ("mass", "speed")
DOUBLE, SINGLE = torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float32)
VALUES = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
ARRAY = np.array(VALUES)


class Polars:
    """As much of a polars frame as is needed: `columns` is a list of texts, one selects by a list of names."""

    def __init__(self, data: dict[str, list[float]]) -> None:
        self.data, self.columns = data, list(data)

    def __getitem__(self, names: list[str]) -> "Polars":
        return Polars({name: self.data[name] for name in names})

    def to_numpy(self) -> np.ndarray:
        return np.array(list(self.data.values())).T


GIVEN = {
    "tensor": torch.tensor(VALUES, dtype=torch.float64),
    "float32 tensor": torch.tensor(VALUES),
    "int tensor": torch.tensor(VALUES).int(),
    "bfloat16 tensor": torch.tensor(VALUES, dtype=torch.bfloat16),
    "gradient": torch.tensor(VALUES, requires_grad=True),
    "array": ARRAY,
    "float32 array": ARRAY.astype(np.float32),
    "integers": ARRAY.astype(np.int16),
    "unsigned": ARRAY.astype(np.uint64),
    "float16": ARRAY.astype(np.float16),
    "long double": ARRAY.astype(np.longdouble),
    "big endian": ARRAY.astype(">f8"),
    "read only": np.frombuffer(ARRAY.tobytes()).reshape(3, 2),
    "negative strides": ARRAY[::-1, ::-1][::-1, ::-1].copy()[::-1][::-1],
    "Fortran order": np.asfortranarray(ARRAY),
    "matrix": ARRAY.view(np.matrix) if hasattr(np, "matrix") else ARRAY,
    "objects": np.array([[1, Decimal(2)], [Fraction(3), 4.0], [np.float32(5), True * 6]], dtype=object),
    "list": VALUES,
    "tuples": tuple(map(tuple, VALUES)),
    "list of arrays": list(ARRAY),
    "frame": pd.DataFrame(VALUES, columns=list(NAMES)),
    "frame in another order, with more": pd.DataFrame(
        {"speed": [2, 4, 6], "when": pd.Timestamp("2024-01-01"), "who": "me", "mass": [1.0, 3.0, 5.0]}
    ),
    "frame of other names": pd.DataFrame(VALUES, columns=["a", "b"]),
    "frame of numbers as names": pd.DataFrame(VALUES),
    "frame of nullable columns": pd.DataFrame({"mass": [1, 3, 5], "speed": [2.0, 4.0, 6.0]}).astype(
        {"mass": "Int64", "speed": "Float64"}
    ),
    "polars": Polars({"speed": [2.0, 4.0, 6.0], "mass": [1.0, 3.0, 5.0]}),
}


@pytest.mark.parametrize("like", [DOUBLE, SINGLE], ids=["float64", "float32"])
@pytest.mark.parametrize("values", GIVEN.values(), ids=GIVEN)
def test_everything_that_holds_numbers_becomes_the_same_columns(values, like):
    columns = as_columns(values, 2, "x", NAMES, like)
    assert torch.equal(columns, torch.tensor(VALUES, dtype=like.dtype))
    assert not columns.requires_grad


def test_negative_strides_and_single_columns():
    assert torch.equal(as_columns(ARRAY[::-1], 2, "x", NAMES, DOUBLE), torch.tensor(VALUES[::-1], dtype=torch.float64))
    one = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    for values in ([1, 2], np.array([1, 2]), pd.Series([1, 2]), torch.tensor([1, 2]), [[1], [2]], [True, 2]):
        assert torch.equal(as_columns(values, 1, "y", ("y",), DOUBLE), one)


@pytest.mark.parametrize("columns", [1, 2])
def test_nothing_becomes_no_rows(columns):
    for values in ([], np.zeros((0, columns)), torch.zeros(0, columns), pd.DataFrame(np.zeros((0, columns)))):
        assert as_columns(values, columns, "x", NAMES[:columns], DOUBLE).shape == (0, columns)


def test_what_is_missing_becomes_nan_and_is_counted():
    frame = pd.DataFrame({"mass": [1.0, None, np.nan], "speed": [2, 4, 6]})
    hidden = np.ma.masked_array(ARRAY, mask=[[0, 0], [1, 0], [1, 0]])
    for values in (frame, hidden, [[1, 2], [None, 4], [np.nan, 6]]):
        columns = as_columns(values, 2, "x", NAMES, DOUBLE)
        with pytest.raises(DataError, match=r"mass: 2\).*Drop or fill"):
            check_finite(columns, "x", NAMES)
    check_finite(torch.tensor(VALUES), "x", NAMES)


def test_the_user_s_array_is_not_the_model_s():
    array = ARRAY.copy()
    as_columns(array, 2, "x", NAMES, DOUBLE).mul_(2)
    assert (array == ARRAY).all()


def test_inputs_keep_the_gradient_and_take_the_model_s_dtype():
    model = KAN([2, 1], names=list(NAMES), dtype=torch.float64)
    x = torch.tensor(VALUES, dtype=torch.float64, requires_grad=True)
    assert inputs_of(model, x) is x
    single = torch.tensor(VALUES, requires_grad=True)
    inputs_of(model, single).sum().backward()
    assert torch.equal(single.grad, torch.ones(3, 2))
    assert inputs_of(model, GIVEN["frame in another order, with more"]).dtype == torch.float64
    assert not data_of(model, x).requires_grad


def test_data_must_be_finite_in_the_model_s_units():
    model = KAN([2, 1], names=list(NAMES), input_scales=["log", "linear"])
    assert torch.equal(data_of(model, VALUES), torch.tensor(VALUES))
    with pytest.raises(DataError, match=r"mass: 2\); a column with a logarithmic scale must be positive"):
        data_of(model, [[0.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    with pytest.raises(DataError, match=r"\(speed: 1\)\. Drop or fill"):
        data_of(model, [[1.0, 1.0], [1.0, np.inf]])


@every(
    ("values", "error", "told"),
    [
        (normal(5, 3), ShapeError, ["x must have shape (rows, 2)", "per input", "(5, 3)"]),
        (normal(5), ShapeError, ["(rows, 2)", "(5,)"]),
        (normal(2, 2, 2), ShapeError, ["(2, 2, 2)"]),
        (3.0, ShapeError, ["()"]),
        ([["1", "2"]], DataError, ["x must be numbers", "(rows, 2)", "<U1"]),
        (np.array([["a", 1]], dtype=object), DataError, ["texts"]),
        ([[b"1", 2]], DataError, ["x must be numbers"]),
        (ARRAY * 1j, DataError, ["complex128"]),
        (torch.tensor(VALUES) * 1j, DataError, ["complex"]),
        ([[1, 2], [3]], DataError, ["x must be numbers"]),
        ([[1, pd.NA]], DataError, ["x must be numbers"]),
        (np.array([["2024-01-01", "2024-01-02"]], dtype="M8[D]"), DataError, ["datetime64"]),
        ({"mass": [1]}, DataError, ["x must be numbers"]),
        ("data.csv", DataError, ["x must be numbers"]),
        (pd.DataFrame({"mass": ["a"], "speed": [1]}), DataError, ["texts"]),
        (
            pd.DataFrame({"speed": [1.0], "weight": [2.0]}),
            DataError,
            ["['speed', 'weight']", "['mass', 'speed']", "missing: mass", "x.to_numpy()"],
        ),
        (pd.DataFrame(np.ones((1, 3)), columns=["mass", "speed", "mass"]), ShapeError, ["(1, 3)"]),
    ],
)
def test_anything_else_is_refused_with_what_came_and_what_was_expected(values, error, told):
    with raising(error, told):
        as_columns(values, 2, "x", NAMES, DOUBLE)


def test_an_output_is_called_an_output():
    with pytest.raises(
        ShapeError, match=r"y of validation must have shape \(rows, 1\) or \(rows,\), one column per output"
    ):
        as_columns(normal(3, 2), 1, "y of validation", ("y",), DOUBLE)
