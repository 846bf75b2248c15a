"""Axioms in a TOML file say what their texts say, and what is wrong is told with its place."""

import pytest

from splinework import axioms as ax
from splinework.errors import ConfigError, FileError
from splinework.knowledge.axioms.files import read_axioms

GOOD = """
axioms = ["monotone(age)", "f(x, y) == f(y, x)", "u_t = 0.1*u_xx"]

[[axiom]]
kind = "monotone"
input = "income"
increasing = false
strength = "soft(0.5)"
domain = { age = [18, 65] }

[[axiom]]
kind = "boundary"
face = { x = [0, 1] }
value = "sin(pi*y)"

[[axiom]]
kind = "boundary"
face = "disc((x, y), (0, 0), 1)"

[[axiom]]
kind = "through"
points = [[0, 1], [1, 2]]
values = [3, 4.5]
output = "u"

[[axiom]]
kind = "additive"
groups = [["a", "b"], ["c"]]

[[axiom]]
kind = "law"
statement = "d f/d x >= 0 when y > 0"
strength = "verify"
"""


def test_a_file_has_a_list_and_tables(tmp_path):
    path = tmp_path / "axioms.toml"
    path.write_text(GOOD, encoding="utf-8")
    soft = ax.Monotone("income", increasing=False, strength=ax.Soft(0.5), domain={"age": (18, 65)})
    assert (
        read_axioms(path)
        == read_axioms(str(path))
        == (
            ax.Monotone("age"),
            ax.Law("f(x, y) == f(y, x)"),
            ax.ResidualEquation("u_t = 0.1*u_xx"),
            soft,
            ax.Boundary({"x": (0, 1)}, "sin(pi*y)"),
            ax.Boundary(ax.Disc(("x", "y"), (0, 0), 1)),
            ax.Through([[0, 1], [1, 2]], [3, 4.5], output="u"),
            ax.Additive((("a", "b"), ("c",))),
            ax.Law("d f/d x >= 0 when y > 0", strength=ax.Verify()),
        )
    )


def test_an_empty_file_has_none(tmp_path):
    path = tmp_path / "axioms.toml"
    path.write_text("", encoding="utf-8")
    assert read_axioms(path) == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("axiom = 3", "a table is"),
        ('axioms = "monotone(a)"', "a list of texts"),
        ("rules = []", "has a key 'rules'"),
        ('axioms = ["monotone(a)", "monotne(b)"]', "axiom 2 of the list: 'monotne' is not an axiom"),
        ("axioms = [3]", "axiom 1 of the list"),
        ('[[axiom]]\ninput = "a"', "table 1: a table"),
        ('[[axiom]]\nkind = "monotone"\ninput = "a"\nincrease = true', "did you mean 'increasing'"),
        ('[[axiom]]\nkind = "monotone"', "needs input"),
        ('[[axiom]]\nkind = "monotone"\ninput = {a = 1}', "table 1"),
        ('[[axiom]]\nkind = "boundary"\nface = "disc(1)"', "table 1: disc takes"),
        ('[[axiom]]\nkind = "boundary"\nface = "x"', "table 1"),
        ("axioms = [", "is not TOML"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, text, told):
    path = tmp_path / "axioms.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=told) as caught:
        read_axioms(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(FileError, match="there is no file"):
        read_axioms(tmp_path / "none.toml")
    with pytest.raises(FileError, match="cannot read"):
        read_axioms(tmp_path)
    (tmp_path / "raw").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not TOML"):
        read_axioms(tmp_path / "raw")
