"""`splinework verify`: exit codes, certificates, and what is refused."""

import json

import pytest
import torch

from splinework.knowledge.axioms.verify import verify
from splinework.nn.checkpoint import save
from splinework.nn.network import KAN


@pytest.fixture
def model(folder) -> str:
    """A small network of the inputs a and b."""
    network = KAN([2, 3, 1], names=["a", "b"], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    save(network, folder / "m.safetensors")
    return "m.safetensors"


@pytest.mark.parametrize(
    ("axiom", "code", "word"),
    [
        pytest.param("bounded(-99, 99)", 0, "proved", id="proved"),
        pytest.param("bounded(98, 99)", 1, "refuted", id="refuted"),
        pytest.param("residual('y_aaa')", 3, "unknown", id="unknown"),
    ],
)
def test_the_exit_code_tells_what_was_found(run, model, axiom, code, word):
    result = run("verify", model, "--axiom", axiom)
    assert result.exit_code == code, result.output
    assert result.stdout.startswith(word)
    found = json.loads(run("verify", model, "--axiom", axiom, "--json").stdout)
    assert found["status"] == word
    assert (found["claims"][0]["counterexample"] is not None) == (word == "refuted")


def test_a_certificate_is_written_and_checked(run, model, folder):
    result = run(
        "verify",
        model,
        "--axiom",
        "bounded(-99, 99)",
        "--axiom",
        "lipschitz(99)",
        "--out",
        "c.json",
        "--box",
        "a=0:0.5",
    )
    assert result.exit_code == 0, result.output
    content = json.loads((folder / "c.json").read_text())
    assert content["box"]["a"] == [0.0, 0.5]
    assert len(content["axioms"]) == 2
    result = run("verify", model, "c.json")
    assert result.exit_code == 0
    assert result.stdout.startswith("right")
    content["claims"][0]["bound"] = 1e6
    (folder / "c.json").write_text(json.dumps(content))
    result = run("verify", model, "c.json", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["valid"] is False


def test_axioms_come_from_a_file(run, model, folder):
    (folder / "axioms.toml").write_text(
        'axioms = ["bounded(-99, 99)"]\n[[axiom]]\nkind = "lipschitz"\nconstant = 99.0\n'
    )
    result = run("verify", model, "--axioms", "axioms.toml")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("proved ") == 4


def test_claims_are_written_for_other_solvers_in_the_order_of_the_certificate(run, folder):
    save(KAN([1, 1], base="identity", names=["a"]), folder / "line.safetensors")
    result = run("verify", "line.safetensors", "--axiom", "bounded(-99, 99)", "--smtlib", "claims", "--json")
    claims = [claim["text"] for claim in json.loads(result.stdout)["claims"]]
    texts = [(folder / "claims" / f"claim-{number}.smt2").read_text() for number in (1, 2)]
    assert [text.splitlines()[0] for text in texts] == [f"; {claim}" for claim in claims]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "--axiom", id="no axiom"),
        pytest.param(["--axiom", "monotone(c)"], "'c'", id="no such input"),
        pytest.param(["--axiom", "nonsense(a)"], "nonsense", id="no such axiom"),
        pytest.param(["--axiom", "positive()", "--box", "a=1"], "NAME=LOW:HIGH", id="no range"),
        pytest.param(["--axiom", "positive()", "--box", "a=1:0"], "low < high", id="empty range"),
        pytest.param(["--axiom", "positive()", "--effort", "0"], "effort", id="no time"),
        pytest.param(["--axiom", "positive()", "--smtlib", "claims"], "piecewise polynomial", id="for no solver"),
        pytest.param(["none.json"], "none.json", id="no certificate"),
        pytest.param(["c.json", "--axiom", "positive()"], "leave out", id="both"),
    ],
)
def test_wrong_use_is_refused_with_a_way_out(run, model, arguments, message):
    result = run("verify", model, *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"hello", "JSON", id="a text"),
        pytest.param(b"\xf8" * 9000, "JSON", id="bytes"),
        pytest.param(b'{"a": 1}', "lacks 'format'", id="other values"),
        pytest.param(b"[]", "list", id="a list"),
        pytest.param(None, "another model", id="of another model"),
    ],
)
def test_what_is_no_certificate_of_the_model_is_refused_in_one_line(run, model, folder, content, message):
    if content is None:
        other = KAN([1, 1], base="identity", names=["a"])
        verify(other, "bounded(-99, 99)").save(folder / "c.json")
    else:
        (folder / "c.json").write_bytes(content)
    result = run("verify", model, "c.json")
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("error: "))
    assert message in line
    assert len(line) <= 500
