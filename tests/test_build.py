"""The C++ sources stay in order, and the build keeps what numbers rely on."""

from pathlib import Path

from tests.families import every

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path for path in (ROOT / "csrc").rglob("*.?pp") if "editable" not in path.parts)


def test_there_are_sources():
    assert len(SOURCES) > 10


@every("path", SOURCES)
def test_a_source_is_short_and_says_what_is_in_it(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 350
    assert lines[0].startswith("// ")


def test_no_option_of_the_compiler_gives_up_nan_or_denormals():
    settings = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8").splitlines()
    flags = " ".join(line.split("#")[0] for line in settings)
    for loose in ("-ffast-math", "-Ofast", "-ffinite-math-only", "-funsafe-math-optimizations"):
        assert loose not in flags
