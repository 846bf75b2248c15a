"""The documents hang together: every link leads somewhere, and the front page is close to everything."""

import re
from collections import deque
from pathlib import Path

import pytest

from benchmarks.bench_peers import PAGE, TABLES
from tests.families import every
from tests.test_names import PUBLIC

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = sorted(DOCS.glob("*.md"))
GOALS = {
    "fit my CSV": "howto-csv",
    "use in torch": "howto-torch",
    "use in scikit-learn": "estimators",
    "a formula": "howto-formula",
    "deploy": "howto-deploy",
    "extend": "howto-extend",
    "certificates": "howto-certificate",
}
"""What a reader comes for, and the page about it."""
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """The text of a page without its blocks of code."""
    return re.sub(r"^```(?!\{).*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """Targets of the links of a page, cards among them; those of tables of contents, which stand at the side, are left out."""
    text = prose(page)
    cards = [f"{target}.md" for target in re.findall(r"^:link: (\S+)$", text, re.MULTILINE)]
    return [target for target in [*_LINK.findall(text), *cards] if not re.match(r"https?:|mailto:", target)]


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page, as MyST makes them."""
    found = set()
    for heading in re.findall(r"^#{1,4} (.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower().replace("`", ""))
        found.add(plain.replace(" ", "-"))
    return found


def leads_nowhere(page: Path, target: str) -> bool:
    """Whether a link has no file, or no heading, at its other end."""
    name, _, anchor = target.partition("#")
    file = page if not name else (page.parent / name).resolve()
    if not name or file.suffix == ".md":
        return not file.exists() or bool(anchor and anchor not in anchors(file))
    drawn = name.startswith("figures/")  # by a block of the page, when the pages are built
    return not (drawn or file.exists() or file.with_suffix(".md").exists())


@every("page", [*PAGES, DOCS.parent / "README.md"])
def test_every_link_leads_somewhere(page):
    made_by_the_build = {f"api/{name}" for name in ("index",)}
    assert [
        t for t in links(page) if t not in made_by_the_build and not t.startswith("api/") and leads_nowhere(page, t)
    ] == []


def test_a_link_without_an_end_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One heading\n\n[a](page.md#one-heading) [b](page.md#two) [c](other.md)\n```text\n[d](no.md)\n```\n"
    )
    assert [target for target in links(page) if leads_nowhere(page, target)] == ["page.md#two", "other.md"]


def distances(start: str) -> dict[str, int]:
    """Number of clicks from a page to each other one."""
    found, queue = {start: 0}, deque([start])
    while queue:
        here = queue.popleft()
        for target in links(DOCS / f"{here}.md"):
            name = target.partition("#")[0].removesuffix(".md")
            if name and name not in found and (DOCS / f"{name}.md").exists():
                found[name] = found[here] + 1
                queue.append(name)
    return found


@pytest.mark.parametrize("goal", GOALS)
def test_what_readers_come_for_is_two_clicks_away(goal):
    assert distances("index")[GOALS[goal]] <= 2


def test_pictures_of_pages_have_a_text_in_their_place():
    bare = [page.name for page in PAGES if re.search(r"!\[\s*\]\(", page.read_text(encoding="utf-8"))]
    assert bare == []


def test_every_drawn_picture_is_drawn_by_its_page():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"\]\(figures/([\w.-]+)\)", text):
            assert f'"{name}"' in text, f"{page.name} shows figures/{name}, and no block writes it"


def test_the_index_lists_every_public_package():
    listed = (DOCS / "index.md").read_text(encoding="utf-8")
    assert [
        name for name in PUBLIC if name != "splinework" and f"api/{name.removeprefix('splinework.')}" not in listed
    ] == []


@pytest.mark.parametrize("mark", TABLES)
def test_the_comparison_shows_what_the_results_say(mark):
    text = PAGE.read_text(encoding="utf-8")
    shown = text.partition(f"<!-- {mark}: begin -->")[2].partition(f"<!-- {mark}: end -->")[0]
    assert shown.strip() == TABLES[mark]().strip(), "python -m benchmarks.bench_peers --markdown writes it again"
