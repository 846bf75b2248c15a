"""Saving and loading; every edit leaves the earlier model as it was, so that there is nothing to rewind.

pykan's API_12_checkpoint_save_load_model: models saved, loaded and rewound
"""

import tempfile
from pathlib import Path

import torch
from common import uniform, wave

import splinework as sw

x = uniform(1000, 2)
first = sw.fit(sw.KAN([2, 5, 1]), x, wave(x), steps=20, progress=False).model
kept = first(x).detach()
second = sw.prune(first, x)
third = sw.fit(second, x, wave(x), steps=20, progress=False).model
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "model.safetensors"
    sw.save(third, path, notes={"version": "0.2"})
    loaded = sw.load(path)
assert torch.equal(loaded(x), third(x))
assert torch.equal(first(x), kept), "the first model is what it was"
print("loaded equal to the bit; three versions, each unchanged by the next")
