"""A formula as a network, which is then widened, deepened and made trainable without a change of the function.

pykan's Interp_3_KAN_Compiler: mean squared residual 1.5e-15
"""

import torch

import splinework as sw
from splinework.data import feynman, feynman_ids

name = feynman_ids(table="dimensional")[35]
recipe = feynman(name, table="dimensional")
x, y = (torch.as_tensor(each) for each in recipe.sample(1000, seed=0))
box = {column: (float(x[:, i].min()), float(x[:, i].max())) for i, column in enumerate(recipe.inputs)}
compiled = sw.from_formula(recipe.formula, box)
residual = float((compiled(x)[:, 0] - y).square().mean().detach() / y.square().mean())
grown = sw.edit.deepen(sw.edit.widen(compiled, 1, 2), 1)
change = sw.edit.change(compiled, grown, x)
splines = sw.edit.to_splines(compiled, x, grid=40)
print(f"{name}, {recipe.formula}: squared residual {residual:.0e}")
print(
    f"widened and deepened to {grown.config.shape}: output changed by {change:.0e}; as splines by {splines.change:.0e}"
)
assert residual <= 1.5e-15
assert change < 1e-10
