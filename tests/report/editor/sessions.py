"""What the tests of the editor share: small models with rows, sessions of them, and scripts that are run."""

from pathlib import Path
from typing import Any

import pandas as pd
import torch

import splinework as sw
from splinework.report.editor.session import EditSession
from splinework.tabular.tables import complete_rows

SHAPES = {"plain": [2, 3, 1], "deep": [3, 3, 2, 1], "products": [2, (2, 1), 1], "two outputs": [2, 3, 2]}


def model_of(shape: Any, dtype: torch.dtype = torch.float64) -> sw.KAN:
    return sw.KAN(shape, grid=3, dtype=dtype, generator=torch.Generator().manual_seed(1))


def files_of(folder: Path, shape: Any, *, rows: int = 60, dtype: torch.dtype = torch.float64) -> None:
    """Writes a model and a table of rows for it."""
    model = model_of(shape, dtype)
    sw.save(model, folder / "model.safetensors")
    x = 2 * torch.rand(rows, model.inputs, generator=torch.Generator().manual_seed(2), dtype=torch.float64) - 1
    y = torch.stack([torch.sin((j + 1) * x[:, 0]) + x[:, -1] ** 2 for j in range(model.outputs)], dim=1)
    columns = [*model.config.input_names, *model.config.output_names]
    table = pd.DataFrame(torch.cat([x, y], dim=1).numpy(), columns=columns)
    table.to_csv(folder / "data.csv", index=False)


def session_of(folder: Path, *, data: bool = True) -> EditSession:
    """A session of the files in a folder, as `splinework open` makes it there."""
    model = sw.load(folder / "model.safetensors")
    source = ['model = sw.load("model.safetensors")']
    if not data:
        return EditSession(model, source=source, name="model.safetensors")
    inputs, outputs = list(model.config.input_names), list(model.config.output_names)
    x, y = complete_rows(folder / "data.csv", inputs, outputs)
    source.insert(0, "from splinework.tabular.tables import complete_rows")
    source.append(f'x, y = complete_rows("data.csv", {inputs!r}, {outputs!r})')
    return EditSession(model, x=x, y=y, source=source, name="model.safetensors")


def run(script: str) -> Any:
    """The model that a script defines; scripts are run in the present folder."""
    names: dict[str, Any] = {}
    exec(compile(script, "edits.py", "exec"), names)
    return names["model"]


def equal(first: Any, second: Any) -> bool:
    """Whether two models have the same config and the same numbers, bit for bit."""
    a, b = first.state_dict(), second.state_dict()
    same = [torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a if name in b]
    return first.config == second.config and a.keys() == b.keys() and all(same)
