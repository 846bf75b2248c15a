"""The house in numbers and as a picture: top-level parts, arrows between them, and what `sw.fit` and `sw.export` load.

    python docs/structure.py                                       # the numbers; --modules names what is loaded
    python docs/structure.py --check                               # fails where a limit is exceeded
    python docs/structure.py --draw docs/images/structure.svg

A part is a package or module right under `src/splinework`; an arrow goes from one to another that it imports, wherever in the
file the import stands. Rows are the layers of the import-linter contract in pyproject.toml; `errors` does not count.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "src/splinework/"
EVERYBODYS = {"__init__", "__main__", "errors"}
LIMITS = {"parts": 15, "arrows": 65, "modules of fit": 130, "modules of export": 140}

_RUNS = {
    "fit": "sw.fit(sw.KAN([2, 3, 1]), x, x[:, :1] ** 2, steps=2, progress=False)",
    "export": "sw.export(sw.KAN([2, 3, 1]), path=f'{folder}/model.c')",
}
_SCRIPT = """
import json, sys, tempfile, warnings
import os, torch
x = torch.rand(40, 2, generator=torch.Generator().manual_seed(0))
for run in json.loads(sys.argv[1]):  # each in a process of its own, which has torch and nothing of ours
    if os.fork():
        os.wait()
        continue
    import splinework as sw
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        exec(run)
    print(json.dumps(sorted(name for name in sys.modules if name.split(".")[0] == "splinework")), flush=True)
    os._exit(0)
"""


@dataclass(frozen=True)
class House:
    """The sources of a tree.

    Attributes:
        files: Text by path below `src/splinework`.
        rows: Parts by the layer that pyproject.toml puts them in, the highest first.
    """

    files: dict[str, str]
    rows: tuple[tuple[str, ...], ...]

    @cached_property
    def parts(self) -> set[str]:
        """The top-level parts."""
        return {part_of(path) for path in self.files} - EVERYBODYS

    @cached_property
    def arrows(self) -> Counter[tuple[str, str]]:
        """How many imports go from one part to another."""
        found: Counter[tuple[str, str]] = Counter()
        for path, text in self.files.items():
            for name in imported(text):
                package, _, rest = name.partition(".")
                ends = part_of(path), rest.split(".")[0]
                if package == "splinework" and ends[0] != ends[1] and set(ends) <= self.parts:
                    found[ends] += 1
        return found

    def lines(self, part: str | None = None) -> int:
        """Lines of a part, or of all."""
        return sum(len(text.splitlines()) for path, text in self.files.items() if part in (None, part_of(path)))

    def count(self, part: str) -> int:
        """Files of a part."""
        return sum(part_of(path) == part for path in self.files)

    def sentence(self, part: str) -> str:
        """The first sentence of its docstring."""
        text = self.files.get(f"{part}/__init__.py") or self.files.get(f"{part}.py") or ""
        first = (ast.get_docstring(ast.parse(text)) or "").partition("\n\n")[0].replace("\n", " ").replace("`", "")
        sentence = re.split(r"(?<=\.) (?=[A-Z])", first)[0]
        return sentence if len(sentence) <= _LONGEST else sentence[: sentence.rindex(" ", 0, _LONGEST)] + " …"

    @cached_property
    def direct(self) -> set[tuple[str, str]]:
        """The arrows that no way over other parts replaces."""
        below = {part: {b for a, b in self.arrows if a == part} for part in self.parts}

        def reach(part: str, seen: set[str]) -> set[str]:
            for other in below[part] - seen:
                seen.add(other)
                reach(other, seen)
            return seen

        return {(a, b) for a, b in self.arrows if not any(b in reach(c, {a, c}) - {c} for c in below[a] - {b})}


def part_of(path: str) -> str:
    """`train/fitting.py` is of `train`."""
    return path.split("/")[0].removesuffix(".py")


def statements(text: str) -> Iterator[ast.AST]:
    """The nodes of a file but for its expressions, which are most of them; parents come before children."""
    nodes: deque[ast.AST] = deque([ast.parse(text)])
    while nodes:
        yield (node := nodes.popleft())
        nodes.extend(child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr))


def imported(text: str) -> list[str]:
    """The modules that a file imports, wherever it does so.

    >>> imported("import a.b\\ndef f():\\n    from c.d import e")
    ['a.b', 'c.d']
    """
    found = []
    for node in statements(text):
        if isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found


def read() -> House:
    """The house as it is."""
    place = ROOT / SOURCE
    files = {path.relative_to(place).as_posix(): path.read_text("utf-8") for path in sorted(place.rglob("*.py"))}
    return House(files, rows_of((ROOT / "pyproject.toml").read_text("utf-8")))


def rows_of(settings: str) -> tuple[tuple[str, ...], ...]:
    """The layers of the contract `layers` in a pyproject.toml, the highest first."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    contracts = tomllib.loads(settings)["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "layers")
    return tuple(tuple(name.strip(" ()") for name in layer.split("|")) for layer in layers)


@cache
def loaded() -> dict[str, list[str]]:
    """The modules of splinework that a fresh process has after `sw.fit`, and after `sw.export`."""
    command = [sys.executable, "-c", _SCRIPT, json.dumps(list(_RUNS.values()))]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(zip(_RUNS, map(json.loads, ended.stdout.splitlines()), strict=True))


# ------------------------------------------------------------------------------------------------------ the picture

_LEFT, _BAR, _WIDEST, _TEXT, _WIDTH, _LONGEST = 250, 350, 130, 540, 1240, 104


def picture(house: House, title: str) -> str:
    """An SVG: a room for each part, as long as it has lines; arrows on the left go down.

    Dark arrows are those that no way over other rooms replaces; all others are pale.
    """
    rows = [[part for part in row if part in house.parts] for row in house.rows]
    order = [part for row in rows for part in row]
    step = 40 if len(order) <= 20 else 26
    height = step * 0.62
    top = {part: 92 + step * n for n, part in enumerate(order)}
    most = max(house.lines(part) for part in order)
    shapes = [
        f'<text x="24" y="34" font-size="20" font-weight="bold">{escape(title)}</text>',
        f'<text x="24" y="60" fill="#57606a">{len(house.parts)} parts, {len(house.arrows)} arrows. A part imports from those '
        "below it. Dark: what it stands on directly; pale: further down. Bars: lines of code.</text>",
    ]
    for number, row in enumerate(filter(None, rows)):
        colour = "#f6f8fa" if number % 2 else "#eaeef2"
        y, tall = top[row[0]] - (step - height) / 2, step * len(row)
        shapes.append(f'<rect x="{_LEFT - 12}" y="{y:.1f}" width="{_WIDTH}" height="{tall}" fill="{colour}"/>')
    straight = house.direct
    for (a, b), count in sorted(house.arrows.items(), key=lambda item: item[0] in straight):
        shapes.append(_arc(a, b, count, top, height, dark=(a, b) in straight))
    for part in order:
        width = max(3, _WIDEST * house.lines(part) / most)
        middle = top[part] + height / 2 + 5
        shapes.append(
            f'<text x="{_LEFT + 8}" y="{middle:.1f}" font-weight="bold">{part}</text>'
            f'<rect x="{_BAR}" y="{top[part]}" width="{width:.1f}" height="{height:.1f}" rx="3" fill="#9ec1ea"/>'
            f'<text x="{_BAR + width + 8:.0f}" y="{middle:.1f}" fill="#57606a">{house.lines(part) / 1000:.1f}k</text>'
            f'<text x="{_TEXT}" y="{middle:.1f}">{escape(house.sentence(part))}</text>'
        )
    bottom = 92 + step * len(order) + 12
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom}" font-family="Helvetica, Arial, sans-serif" '
        'font-size="14" fill="#1f2328"><rect width="100%" height="100%" fill="white"/><defs>'
        + "".join(
            f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
            for name, colour in _COLOURS.items()
        )
        + "</defs>"
    )
    return "\n".join([head, *shapes, "</svg>", ""])


_COLOURS = {"dark": "#24507f", "pale": "#b8c7d9"}


def _arc(a: str, b: str, count: int, top: dict[str, float], height: float, *, dark: bool) -> str:
    """An arrow from the left side of one room, near its foot, to that of another, near its head; the farther, the wider."""
    kind = "dark" if dark else "pale"
    begin, end = top[a] + 0.72 * height, top[b] + 0.3 * height
    out = _LEFT - 14 - 0.5 * abs(end - begin)
    out = max(out, 12) - (_LEFT - max(out, 12)) * 0.25  # a Bézier curve goes three quarters of the way to its handles
    return (
        f'<path d="M{_LEFT} {begin:.1f}C{out:.1f} {begin:.1f} {out:.1f} {end:.1f} {_LEFT - 1} {end:.1f}" fill="none" '
        f'stroke="{_COLOURS[kind]}" stroke-width="{1.8 if dark else 1}" marker-end="url(#{kind})">'
        f"<title>{a} → {b}: {count} imports</title></path>"
    )


# ------------------------------------------------------------------------------------------------------ the command


def main() -> None:
    """Prints, checks and draws."""
    parser = argparse.ArgumentParser(description="The house in numbers and as a picture.")
    parser.add_argument("--draw", metavar="FILE", help="write the picture as SVG")
    parser.add_argument("--modules", action="store_true", help="name the modules that are loaded")
    parser.add_argument("--check", action="store_true", help="fail where a limit is exceeded")
    options = parser.parse_args()
    house = read()
    figures = {"parts": len(house.parts), "arrows": len(house.arrows)}
    print(f"{figures['parts']} parts, {figures['arrows']} arrows, {len(house.files)} files, {house.lines()} lines")
    for part in sorted(house.parts, key=house.lines, reverse=True):
        print(f"  {part:12} {house.lines(part):6} lines {house.count(part):4} files")
    for what, names in loaded().items():
        figures[f"modules of {what}"] = len(names)
        print(f"sw.{what} loads {len(names)} modules", *(names if options.modules else ()), sep="\n  ")
    if options.draw:
        Path(options.draw).write_text(picture(house, "The house: what stands on what"), encoding="utf-8")
    exceeded = [f"{name}: {figures[name]}, at most {LIMITS[name]}" for name in figures if figures[name] > LIMITS[name]]
    if options.check and exceeded:
        sys.exit("\n".join(exceeded))


if __name__ == "__main__":
    main()
