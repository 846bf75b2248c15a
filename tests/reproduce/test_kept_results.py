"""The pages of experiments are those of the kept results, and the kept results are whole."""

from docs import reproduce_pages
from tests.families import every

KEPT = list(reproduce_pages.kept())


@every(("one", "result"), KEPT)
def test_kept_results_have_all_cells_of_a_quick_recipe_and_no_others_of_a_full_one(one, result):
    names = {cell["name"] for cell in result["cells"]}
    assert len(result["cells"]) == len(names)
    assert (len(names) == result["cell_count"]) or (result["scale"] == "full" and len(names) < result["cell_count"])
    assert names <= {cell.name for cell in one.cells(result["scale"])}
    assert [each for each in result["environments"] if not each["splinework"]] == []
    assert result["environments"]


@every(("one", "result"), KEPT)
def test_a_row_that_our_default_or_the_paper_s_method_misses_says_why(one, result):
    for row in result["rows"]:
        for reached, why in zip((row["default_reached"], row["own_method_reached"]), row["why"], strict=True):
            assert (reached is not False) == (not why), row["name"]
            assert why in row["note"]


def test_the_pages_are_those_of_the_kept_results():
    texts = reproduce_pages.written()
    assert len(texts) == len(KEPT) + 1
    assert [path.name for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text] == []
    assert all((reproduce_pages.PAGES / f"{one.name}.svg").exists() for one, _ in KEPT)
