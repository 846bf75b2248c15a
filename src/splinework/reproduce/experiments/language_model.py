"""A small transformer whose feed-forward parts are KANs, against perceptrons (the claim of parameter efficiency)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor, nn

import splinework as sw
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS
from splinework.reproduce.module_training import count

SIZE, CONTEXT, HEADS, LAYERS, BATCH = 32, 32, 2, 2, 32  # of the transformer
KINDS: Final = ("mlp", "kan")
PARTS: Final = {"equal": 8256, "half": 4128, "quarter": 2064}
"""Number of parameters of a feed-forward part; that of a perceptron four times as wide as the model, a half and a quarter."""
CHECKED: Final = 40
"""Batches of the held-out text on which the loss is taken."""


@final
@dataclass(frozen=True)
class LanguageModel(ex.Experiment):
    """Bits per character of a transformer of two layers on text that ships with scikit-learn."""

    seeds: int = 3
    steps: int = 2000

    name: ClassVar[str] = "language-model"
    title: ClassVar[str] = "KANs as feed-forward parts of a small transformer"
    about: ClassVar[str] = (
        "The KAN paper claims that KANs need fewer parameters; arXiv 2407.16674 finds no such thing on text. A "
        "transformer over characters (two layers, 32 wide, context 32) is trained on the descriptions of data sets "
        "that scikit-learn ships, the last tenth held out. Its feed-forward parts are a perceptron with GELU, or a "
        "KAN with one hidden layer on grids of 5 intervals, with as many parameters, with a half and with a quarter. "
        "The rest, steps, batches and the optimiser are the same. Bits per character on the held-out text, and "
        "seconds of processor time, are compared; the column of our default is the KAN."
    )
    minutes: ClassVar[tuple[float, float]] = (0.4, 6.0)
    rival: ClassVar[str] = "MLP"
    reasons: ClassVar[Mapping[str, str]] = {
        "feed-forward": "no parameter efficiency at this length of training: the claim does not hold here"
    }

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        seeds, steps = (1, 300) if scale == "quick" else (self.seeds, self.steps)
        common = {"steps": steps, "rate": 3e-3}
        return ex.swept("{kind}, {part}, seed {seed}", common, part=PARTS, kind=KINDS, seed=range(seeds))

    def run(self, settings: ex.Values) -> ex.Values:
        text = characters()
        cut = int(0.9 * len(text))
        used, held = text[:cut], text[cut:]
        seed, steps = settings["seed"], settings["steps"]
        generator = torch.Generator().manual_seed(seed)
        model = Transformer(int(text.max()) + 1, settings["kind"], PARTS[settings["part"]], generator)
        optimiser = torch.optim.AdamW(model.parameters(), lr=settings["rate"])
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
        curve = []
        for step in range(steps):
            optimiser.zero_grad()
            loss = bits(model, *batch(used, generator))
            loss.backward()
            optimiser.step()
            schedule.step()
            if (step + 1) % 50 == 0:
                curve.append(float(loss.detach()))
        fresh = torch.Generator().manual_seed(0)
        with torch.no_grad():
            found = float(np.mean([float(bits(model, *batch(held, fresh))) for _ in range(CHECKED)]))
        return {"bits": found, "parameters": count(model), "part": model.part, "curve": curve}

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        found = []
        for part, wanted in PARTS.items():
            cells = ex.matching(finished, part=part)
            times = {kind: [cell.seconds for cell in ex.matching(cells, kind=kind)] for kind in KINDS}
            row = ex.compared(
                f"feed-forward part of {wanted} parameters",
                "bits per character",
                cells,
                "bits",
                by="kind",
                columns={"ours": "kan", "rival": "mlp"},
                place="§6 of the KAN paper: a claim",
            )
            if row.ours is not None and row.rival is not None:
                note = f"processor time KAN {np.median(times['kan']):.0f} s, MLP {np.median(times['mlp']):.0f} s"
                row = replace(row, ours_reached=row.ours <= row.rival, note=note)  # type: ignore[operator]
            found.append(row)
        return found

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        half = ex.median_of(ex.matching(finished, kind="kan", part="half"), "bits")
        full = ex.median_of(ex.matching(finished, kind="mlp", part="equal"), "bits")
        if half is None or full is None:
            return []
        text = "a KAN with half of the parameters is as good as the MLP"
        return ex.bounded(text, half, most=full, text=f"{half:.3f} bits, MLP {full:.3f}")

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        left, right = figure.subplots(1, 2)
        for kind, colour in zip(KINDS, ("rival", "ours"), strict=True):
            for n, cell in enumerate(ex.matching(finished, kind=kind, part="equal")):
                label = kind.upper() if n == 0 else None
                left.plot(
                    50 * np.arange(1, len(cell.result["curve"]) + 1),
                    cell.result["curve"],
                    color=COLOURS[colour],
                    label=label,
                )
            cells = ex.matching(finished, kind=kind)
            right.plot(
                [c.result["part"] for c in cells],
                [c.result["bits"] for c in cells],
                "o",
                color=COLOURS[colour],
                label=kind.upper(),
            )
        left.set(xlabel="step", ylabel="training loss, bits per character", title="equal parameters")
        right.set(xlabel="parameters of a feed-forward part", ylabel="held-out bits per character")
        for axes in (left, right):
            if axes.lines:
                axes.legend()


def characters() -> Tensor:
    """The text as numbers of its characters."""
    folder = files("sklearn.datasets.descr")
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".rst"))
    text = "".join((folder / name).read_text(encoding="utf-8") for name in names)
    alphabet = {each: n for n, each in enumerate(sorted(set(text)))}
    return torch.tensor([alphabet[each] for each in text])


def batch(text: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random pieces of the text, and the characters that follow each of their characters."""
    starts = torch.randint(len(text) - CONTEXT - 1, (BATCH,), generator=generator)
    places = starts[:, None] + torch.arange(CONTEXT)
    return text[places], text[places + 1]


def bits(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy in bits per character."""
    return nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten()) / math.log(2)


class Block(nn.Module):
    """Attention and a feed-forward part, each after a norm and beside a shortcut."""

    def __init__(self, kind: str, parameters: int, generator: torch.Generator) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(SIZE), nn.LayerNorm(SIZE)
        self.attention = nn.MultiheadAttention(SIZE, HEADS, batch_first=True)
        self.forward_part = forward_part(kind, parameters, generator)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        u = self.first(x)
        x = x + self.attention(u, u, u, attn_mask=mask, need_weights=False)[0]
        added: Tensor = x + self.forward_part(self.second(x))
        return added


class Transformer(nn.Module):
    """A transformer over characters."""

    def __init__(self, letters: int, kind: str, parameters: int, generator: torch.Generator) -> None:
        super().__init__()
        self.letters, self.places = nn.Embedding(letters, SIZE), nn.Embedding(CONTEXT, SIZE)
        self.blocks = nn.ModuleList(Block(kind, parameters, generator) for _ in range(LAYERS))
        self.part = sum(each.numel() for name, each in self.named_parameters() if ".forward_part." in name) // LAYERS
        self.last, self.head = nn.LayerNorm(SIZE), nn.Linear(SIZE, letters)
        own = {id(each) for module in self.modules() if isinstance(module, sw.KAN) for each in module.parameters()}
        for each in self.parameters():
            if each.dim() > 1 and id(each) not in own:
                nn.init.xavier_uniform_(each, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        mask = torch.triu(torch.ones(x.shape[1], x.shape[1], dtype=torch.bool), 1)
        u = self.letters(x) + self.places(torch.arange(x.shape[1]))
        for block in self.blocks:
            u = block(u, mask)
        logits: Tensor = self.head(self.last(u))
        return logits


def forward_part(kind: str, parameters: int, generator: torch.Generator) -> nn.Module:
    """A perceptron or a KAN from SIZE to SIZE with about as many parameters."""
    if kind == "mlp":
        width = max(1, round((parameters - SIZE) / (2 * SIZE + 1)))
        return nn.Sequential(nn.Linear(SIZE, width), nn.GELU(), nn.Linear(width, SIZE))
    options: dict[str, Any] = {
        "grid": 5,
        "domain": (-2.0, 2.0),
        "init": "power",
        "dtype": torch.float32,
        "generator": generator,
    }
    one, two = (count(sw.KAN([SIZE, width, SIZE], **options)) for width in (1, 2))
    width = max(1, round((parameters - one) / (two - one)) + 1)
    return sw.KAN([SIZE, width, SIZE], **options)


EXPERIMENT = LanguageModel()
