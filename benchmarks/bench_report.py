"""Pages of the report in Chromium: size, time until ready, messages and requests, and screenshots to look at.

    python -m benchmarks.bench_report --out /tmp/pages      # figures as a table, and the screenshots

Needs Chromium and the Python package `playwright`. Times are those of the browser's own clock, of the best of some loads.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

import splinework as sw

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
WINDOWS = {
    "light-1280": (1280, "light"),
    "dark-1280": (1280, "dark"),
    "light-390": (390, "light"),
    "dark-390": (390, "dark"),
}


def pages(folder: Path) -> dict[str, Path]:
    """A regression with [8, 6, 1] and 5000 rows, several targets, a formula, and a classifier with categories and gaps."""
    generator = torch.Generator().manual_seed(0)

    def rows(count: int, inputs: int) -> torch.Tensor:
        return torch.rand(count, inputs, generator=generator, dtype=torch.float64)

    names = ["income", "age", "rooms", "bedrooms", "population", "occupancy", "latitude", "longitude"]
    x = 10 * rows(5000, 8)
    noise = 0.1 * torch.randn(5000, 1, generator=generator, dtype=torch.float64)
    y = torch.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3] / 10 + noise
    model = sw.KAN([8, 6, 1], names=names, output_names=["value"], generator=generator, dtype=torch.float64)
    fitted = sw.fit(model, x[:4000], y[:4000], steps=40, progress=False)
    found = {
        "regression": sw.report(fitted, folder / "regression.html", x=x[:4000], y=y[:4000], test=(x[4000:], y[4000:]))
    }
    x, several = rows(300, 3), sw.KAN([3, 3, 3], output_names=["first", "second", "third"], generator=generator)
    with torch.no_grad():
        y = several.double()(x)
    found["targets"] = sw.report(several, folder / "targets.html", x=x[:200], y=y[:200], test=(x[200:], y[200:]))
    x = 1 + rows(400, 2)
    y = 0.5 * x[:, :1] * x[:, 1:] ** 2
    table = sw.discover(x[:300], y[:300], names=["mass", "speed"], target="energy", budget=15, progress=False)
    given = {"x": x[:300], "y": y[:300], "test": (x[300:], y[300:]), "table": table}
    found["formula"] = sw.report(table.model, folder / "formula.html", **given)
    return found | {"classes": _classes(folder / "classes.html")}


def _classes(path: Path) -> Path:
    import pandas as pd
    from sklearn.datasets import load_breast_cancer

    from splinework.tabular import KANClassifier

    generator = np.random.default_rng(0)
    data = load_breast_cancer(as_frame=True)
    table = data.data.iloc[:, :8].copy()
    table["side"] = pd.Series(generator.choice(["left", "right"], len(table)), dtype=object)
    table.loc[generator.choice(len(table), 60), "mean texture"] = np.nan
    label = data.target.map({0: "malignant", 1: "benign"}).rename("diagnosis")
    order = generator.permutation(len(table))
    train, test = order[:400], order[400:]
    fitted = KANClassifier(hidden=0, grid=3, formula_budget=5).fit(table.iloc[train], label.iloc[train])
    shown = (table.iloc[test], label.iloc[test])
    return fitted.report(path, table.iloc[train], label.iloc[train], test=shown)


def measure(found: dict[str, Path], folder: Path, loads: int = 5) -> None:
    """Prints the figures of every page and writes its screenshots and its print."""
    from playwright.sync_api import sync_playwright

    print(f"{'page':<12} {'kB':>6} {'ready ms':>9} {'messages':>9} {'requests':>9}")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, path in found.items():
            ready, messages, requests = [], [], []
            for _ in range(loads):
                page = browser.new_page()
                page.on("console", lambda message, into=messages: into.append(message.text))
                page.on("pageerror", lambda error, into=messages: into.append(str(error)))
                page.on("request", lambda request, into=requests: into.append(request.url))
                page.goto(path.resolve().as_uri())
                ready.append(page.evaluate("performance.getEntriesByName('ready')[0].startTime"))
                page.close()
            outside = [url for url in requests if not url.startswith(("file:", "data:"))]
            size = path.stat().st_size / 1000
            print(f"{name:<12} {size:>6.0f} {min(ready):>9.0f} {len(messages):>9} {len(outside):>9}")
            for window, (width, scheme) in WINDOWS.items():
                page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                page.goto(path.resolve().as_uri())
                page.screenshot(path=folder / f"report-{name}-{window}.png", full_page=True)
                if window == "light-1280":
                    page.pdf(path=folder / f"report-{name}.pdf", prefer_css_page_size=True)
                page.close()
        browser.close()


def main() -> None:
    """Makes the pages, measures them and takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("screenshots"), help="Folder of pages and pictures.")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    measure(pages(folder), folder)


if __name__ == "__main__":
    main()
