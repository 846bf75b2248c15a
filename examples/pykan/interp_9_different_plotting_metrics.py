"""Three kinds of scores of inputs and edges: by what an edge carries, by what the output needs, and by variance.

pykan's Interp_9_different_plotting_metrics: diagrams by three metrics
"""

from common import uniform, wave

import splinework as sw
from splinework.interpret.scores import attribution

x = uniform(1000, 2)
model = sw.sparsify(sw.KAN([2, 5, 1]), x, wave(x), progress=False).model
first = sw.trace(model, x).layers[0]
forward = first.edges.std(dim=0) / first.inputs.std(dim=0)[:, None]
backward = attribution(model, x).edges[0]
by_variance = sw.importance(model, x)
print("x1 → h1 and x2 → h1:", forward.ravel().tolist(), backward.ravel().tolist())
print(by_variance)
sw.plot(model, x).figure.clear()
assert forward.shape == backward.shape
assert backward[0, 0] > backward[1, 0]
