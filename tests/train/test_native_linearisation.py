"""The native calls of a linearised network give what the Jacobian gives that is worked out column by column."""

import pytest
import torch

import splinework as sw
from splinework.kernels import native
from splinework.train.jacobian import Linearisation, ParameterVector
from splinework.train.native_linearisation import NativeLinearisation, linearised

pytestmark = pytest.mark.skipif(not native.available(), reason="the native kernels are not compiled")

CASES = [
    ([2, 5, 1], {}),
    ([3, 4, 2], {"grid": 9, "base": "none"}),
    ([2, 3, 2, 3], {"degree": 5, "grid": 3}),
    ([4, 9, 1], {"degree": 2, "extrapolation": "constant"}),
    ([1, 2, 5], {"degree": 1, "extrapolation": "zero"}),
    ([2, 3, 1], {"degree": 0, "grid": 7}),
    ([5, 1, 1], {"degree": 7, "grid": 4}),
    ([2, 5, 4], {"degree": 9, "grid": 2}),
]


def _network(shape: list[int], settings: dict[str, object], seed: int, *, closed: str = "") -> sw.KAN:
    random = torch.Generator().manual_seed(seed)
    model = sw.KAN(shape, dtype=torch.float64, generator=random, **settings)  # type: ignore[arg-type]
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.coefficients.normal_(generator=random)
            layer.spline_weight.uniform_(0.5, 2.0, generator=random)
            if layer.bias is not None:
                layer.bias.normal_(generator=random)
            if closed == "edges":
                layer.mask.copy_((torch.rand(layer.mask.shape, generator=random) < 0.7).to(layer.mask))
            if closed == "nodes":  # from inputs and hidden nodes that are not the first; what leads into these stays
                layer.mask[1::2] = 0.0
            layer.mask[0, 0] = 1.0
            if closed == "all":
                layer.mask.zero_()
    return model


@pytest.mark.parametrize("closed", ["", "edges", "nodes", "all"])
@pytest.mark.parametrize(("shape", "settings"), CASES)
@torch.no_grad()
def test_squares_tangents_and_backward_passes_are_those_of_the_jacobian(
    shape: list[int], settings: dict[str, object], closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splinework.kernels.expansion.SQUARES_PER_PRODUCT", 1e-9)  # whatever is faster
    for seed, rows in ((0, 1), (1, 131), (2, 4200 if shape == [2, 5, 1] else 64)):
        model, random = _network(shape, settings, seed, closed=closed), torch.Generator().manual_seed(seed)
        parameters = ParameterVector.of(model)
        u = 1.3 * torch.randn(rows, shape[0], generator=random, dtype=torch.float64)  # some beyond the grid
        here, plain = linearised(model, parameters, u), Linearisation(model, parameters, u)
        assert isinstance(here, NativeLinearisation)
        jacobian = plain.dense()
        size = jacobian.shape[2]
        root, pull = torch.rand(2, rows, shape[-1], generator=random, dtype=torch.float64)
        matrix, vector = torch.zeros(size, size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
        assert here.add_squares(matrix, vector, root, pull)
        weighed = (root[..., None] * jacobian).flatten(0, 1)
        close = {"rtol": 1e-11, "atol": 1e-11 * float(weighed.abs().max() ** 2) * rows}
        torch.testing.assert_close(matrix, weighed.T @ weighed, **close)
        assert matrix.abs().max() > 0
        products = torch.zeros_like(matrix)
        weighed_here = here.weighed(root)
        weighed_here.gram(products, weighed_here.dense())
        torch.testing.assert_close(products, matrix, **close)
        torch.testing.assert_close(weighed_here.squared_lengths(), matrix.diagonal(), **close)
        torch.testing.assert_close(vector, torch.einsum("nop,no->p", jacobian, pull), **close)
        step = torch.randn(size, generator=random, dtype=torch.float64)
        torch.testing.assert_close(here.times(step), jacobian @ step, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(here.transposed(pull), plain.transposed(pull), rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(here.dense(), jacobian)


@torch.no_grad()
def test_squares_are_added_to_what_is_there_and_do_not_depend_on_threads() -> None:
    model = _network([3, 6, 2], {}, 3)
    parameters = ParameterVector.of(model)
    u = torch.rand(9000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    here, size = linearised(model, parameters, u), parameters.size(model)
    root, found, threads = torch.ones(9000, 2, dtype=torch.float64), [], torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            matrix, vector = torch.zeros(size, size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
            assert here.add_squares(matrix, vector, root, here.outputs)
            found.append((matrix.clone(), vector.clone()))
            assert here.add_squares(matrix, vector, root, here.outputs)
            torch.testing.assert_close(matrix, 2 * found[-1][0])
    finally:
        torch.set_num_threads(threads)
    for matrix, vector in found[1:]:
        assert torch.equal(matrix, found[0][0])
        assert torch.equal(vector, found[0][1])


@torch.no_grad()
def test_what_the_kernels_do_not_know_is_left_to_the_reference() -> None:
    u = torch.rand(10, 2, dtype=torch.float64)
    for model in (
        sw.KAN([2, 3, 1], dtype=torch.float64, base="tanh"),
        sw.KAN([2, 3, 1], basis="chebyshev", dtype=torch.float64),
    ):
        assert not isinstance(linearised(model, ParameterVector.of(model), u), NativeLinearisation)
    model = sw.KAN([2, 3, 1], dtype=torch.float64)
    previous = sw.kernels.use("reference")
    try:
        assert not isinstance(linearised(model, ParameterVector.of(model), u), NativeLinearisation)
    finally:
        sw.kernels.use(previous)
