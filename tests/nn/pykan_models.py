"""Makes models with pykan itself and saves them, with inputs and outputs; run by hand for the fixtures, and by a slow test.

`python tests/nn/pykan_models.py FOLDER`, in an environment with pykan and without splinework.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import sympy
import torch
from kan import KAN
from kan.compiler import kanpiler
from kan.utils import SYMBOLIC_LIB, add_symbolic


def rows(inputs: int, *, positive: bool = False) -> torch.Tensor:
    """Inside the grids, in their tails and beyond."""
    x = torch.rand(40, inputs, generator=torch.Generator().manual_seed(3))
    return 0.1 + 0.8 * x if positive else torch.cat([2 * x - 1, 5 * x - 2.5, 40 * x[:8] - 20])


def shaken(model: KAN, *, affine: bool = True) -> KAN:
    """No number is special, affine ones of nodes and fractional masks included."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith(("scale_base", "scale_sp", "coef")) or (affine and "node_" in name):
                value.add_(0.3 * torch.randn(value.shape, generator=generator))
    return model


def plain() -> KAN:
    model = KAN(width=[2, 4, 1], grid=5, k=3, seed=1)
    x = rows(2)[:40]
    y = torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2)
    data = {"train_input": x, "train_label": y, "test_input": x, "test_label": y}
    model.fit(data, steps=6, grid_update_num=3, stop_grid_update_step=5)  # knots adapted to the activations
    return model


def products() -> KAN:
    return shaken(KAN(width=[2, [2, 2], 1], grid=4, k=3, base_fun="identity", mult_arity=2))


def arities() -> KAN:
    return shaken(KAN(width=[3, [1, 2], [2, 1], [1, 1]], grid=3, k=2, mult_arity=[[], [2, 3], [4], [2]]))


def masked() -> KAN:
    model = shaken(KAN(width=[3, 3, 2], grid=3, k=3, sparse_init=True))
    model.act_fun[1].mask.data[0, 0] = 0.25
    model.remove_edge(1, 1, 0)
    return model


def library() -> KAN:
    names = [name for name in SYMBOLIC_LIB if name != "Own"]
    model = KAN(width=[len(names), 1], grid=1, k=1)
    for i, name in enumerate(names):
        model.fix_symbolic(0, i, 0, name, fit_params_bool=False)
        model.symbolic_fun[0].affine.data[0, i] = torch.tensor([0.9, 0.02, 1.5 - 0.1 * i, 0.3])
    return model


def symbolic() -> KAN:
    model = shaken(KAN(width=[2, 3, 1], grid=4, k=3, affine_trainable=True))
    model(rows(2))
    model.fix_symbolic(0, 0, 1, "sin")
    model.fix_symbolic(0, 1, 1, "x^2", fit_params_bool=False)
    model.fix_symbolic(1, 2, 0, "tanh")
    model.symbolic_fun[0].mask.data[1, 0] = 0.5
    return model


def both_halves() -> KAN:
    model = symbolic()
    model.set_mode(0, 0, 1, "ns")
    model.set_mode(0, 1, 2, "ns")
    model.fix_symbolic(1, 0, 0, "cos", fit_params_bool=False)
    model.set_mode(1, 0, 0, "ns")
    return model


def pruned() -> KAN:
    model = shaken(KAN(width=[3, [3, 1], 1], grid=4, k=3, mult_arity=[[], [2], []]), affine=False)
    model(rows(3))
    return model.prune_node(mode="manual", active_neurons_id=[[0, 2, 3]]).prune_input(active_inputs=[0, 2])


def pruned_zero() -> KAN:
    model = shaken(KAN(width=[3, 2, 1], grid=np.int64(4), k=3, base_fun="zero"))
    model(rows(3))
    return model.prune_input(active_inputs=[0, 1])


def layers_differ() -> KAN:
    return shaken(KAN(width=[2, 3, 1], grid=[3, 6], k=[2, 4], grid_range=[-2, 1.5]))


def compiled() -> KAN:
    x, y = sympy.symbols("x y")
    return kanpiler([x, y], sympy.sin(x * y + 1) + sympy.exp(2 * x))


def expanded() -> KAN:
    model = compiled()
    model.expand_width(1, 2)
    return model


def own_function() -> KAN:
    add_symbolic("Own", torch.special.bessel_j0)
    model = KAN(width=[1, 2, 1], grid=3, k=3)
    model.fix_symbolic(0, 0, 1, "Own", fit_params_bool=False)
    return model


MODELS = [
    plain, products, arities, masked, library, symbolic, both_halves, pruned, pruned_zero, layers_differ, compiled, expanded,
    own_function,
]  # fmt: skip


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # pykan writes into the present folder
        for make in MODELS:
            single = make is plain
            torch.set_default_dtype(torch.float32 if single else torch.float64)
            model = make()
            model.saveckpt(str(folder / make.__name__))
            (folder / f"{make.__name__}_cache_data").unlink()
            x = rows(model.width_in[0], positive=make is library)
            model.input_id = torch.arange(
                model.width_in[0]
            )  # as after loadckpt: which columns were pruned is not saved
            np.savez(folder / f"{make.__name__}.npz", x=x.numpy(), y=model(x).detach().numpy())


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
