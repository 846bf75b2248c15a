"""Whatever is broken in an artefact for FPGAs is found by its verification: table entries, signs, widths, registers, wires."""

from pathlib import Path

import pytest

from splinework.hardware import tools
from splinework.hardware.fpga.findings import FpgaVerification
from splinework.hardware.fpga.verification import verify
from tests.hardware.mutants import MUTATIONS, flip_a_table_entry, mutant

pytestmark = pytest.mark.skipif(
    any(tools.find(tool) is None for tool in ("iverilog", "yosys", "yosys-abc")),
    reason="takes iverilog, yosys and yosys-abc",
)
EACH = 10


def assert_found(found: FpgaVerification) -> None:
    """It failed, and not because it is no Verilog."""
    assert not found.passed
    assert found.failures
    assert not any(run.error for run in found.simulations)
    assert not any("understand" in failure.message for failure in found.failures)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MUTATIONS, ids=lambda kind: kind.__name__)
def test_a_mutant_of_each_kind_is_found(kind, tmp_path: Path):
    found = verify(mutant(kind, 0).write(tmp_path / "a"), vectors=500, simulators=("iverilog",))
    assert_found(found)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, EACH + 1))
@pytest.mark.parametrize("kind", MUTATIONS, ids=lambda kind: kind.__name__)
def test_every_one_of_100_mutants_is_found(kind, seed, tmp_path: Path):
    found = verify(mutant(kind, seed).write(tmp_path / "a"), vectors=4000, simulators=("iverilog",))
    assert_found(found)
    if kind is flip_a_table_entry:  # the proof alone finds it, and shows where
        wrong = [proof for proof in found.proofs if not proof.proven]
        assert len(wrong) == 1
        assert wrong[0].codes is not None
        assert wrong[0].got != wrong[0].expected
