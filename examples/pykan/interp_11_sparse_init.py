"""A sparse start: every input keeps its nearest node and every node its nearest input, and that trains.

pykan's Interp_11_sparse_init: a picture of a sparse initial network
"""

from splinework.reproduce import recipe

found = recipe("modular-structures").run({"task": "exp_sine", "start": "sparse", "steps": 200, "seed": 0})
print(f"{found['start']} of {found['full']} edges, {found['edges']} after the fit, RMSE {found['error']:.1e}")
assert found["edges"] == found["start"] < found["full"]
