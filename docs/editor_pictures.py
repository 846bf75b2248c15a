"""Pictures of the editor for the documents, taken in Chromium: `python docs/editor_pictures.py [folder]`, docs/images by default.

Writes editor.png, which the page shows; with a folder, also the widths 1280 and 390 in light and dark. Needs playwright and
Chromium.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch
from playwright.sync_api import Page, sync_playwright

import splinework as sw

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def sample(folder: Path) -> None:
    """The model and the rows of the page on the editor."""
    x = 2 * torch.rand(1000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    y = torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2)
    model = sw.sparsify(sw.KAN([2, 5, 1], dtype=torch.float64), x, y, progress=False).model
    sw.save(model, folder / "model.safetensors")
    table = pd.DataFrame(torch.cat([x, y], dim=1).numpy(), columns=["x1", "x2", "y"])
    table.to_csv(folder / "data.csv", index=False)


def worked(page: Page) -> None:
    """A few steps, and one edge selected."""
    for place in ("0:0:0", "0:1:0"):
        page.click(f'g.edge[data-id="{place}"] .box')
        page.wait_for_selector(".suggested table")
        page.locator(".suggested tbody button").first.click()
        page.wait_for_selector(f'g.edge[data-id="{place}"].function')
    page.wait_for_selector(".suggested table")
    page.evaluate("window.scrollTo(0, 0)")


def main() -> None:
    images = Path(__file__).parent / "images"
    with tempfile.TemporaryDirectory() as name, sync_playwright() as started:
        sample(Path(name))
        command = [
            sys.executable,
            "-m",
            "splinework",
            "open",
            "model.safetensors",
            "--data",
            "data.csv",
            "--no-browser",
        ]
        server = subprocess.Popen(command, cwd=name, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert server.stdout is not None
        url = server.stdout.readline().split()[1]
        chromium = started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = chromium.new_page(viewport={"width": 1180, "height": 760}, device_scale_factor=1.5)
        page.goto(url)
        worked(page)
        page.screenshot(path=images / "editor.png")
        for folder in sys.argv[1:]:
            for width in (1280, 390):
                for scheme in ("light", "dark"):
                    view = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
                    view.goto(url)
                    view.click('g.edge[data-id="0:1:0"] .box')
                    view.wait_for_selector(".suggested table")
                    view.click("button:has-text('Compare')")
                    view.wait_for_selector(".compared table")
                    view.evaluate("window.scrollTo(0, 0)")
                    view.screenshot(path=Path(folder) / f"editor_{width}_{scheme}.png", full_page=True)
        chromium.close()
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
