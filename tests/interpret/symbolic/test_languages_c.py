"""C: compiled with every warning an error, called, compared."""

import ctypes
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from splinework.formula.languages import write
from splinework.interpret.symbolic.expression import compile_expression
from tests.interpret.symbolic.language_cases import NAMES, POINTS, SPLINES, agrees, disagreements, expressions
from tests.interpret.symbolic.test_languages import WITH_SPLINES, spline_truth

COMPILER = shutil.which("gcc")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs gcc")
FLAGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-O1", "-shared", "-fPIC"]


def together(texts):
    """One file of many: what they share once, each function with its number."""
    blocks, functions = {}, []
    for number, text in enumerate(texts):
        head, *parts = text.rstrip().split("\n\n")
        blocks[head.replace("#include <math.h>", "").strip()] = None
        for part in parts:
            if part.startswith("double f("):
                functions.append(part.replace("double f(", f"double f{number}(", 1))
            else:
                blocks[part] = None
    macros = [b for b in blocks if b.startswith("#define")]
    static = [b for b in blocks if b.startswith("static")]
    return "\n\n".join([*macros, "#include <math.h>", *static, *functions]) + "\n"


def values(texts, folder, points=POINTS):
    (folder / "all.c").write_text(together(texts))
    subprocess.run([COMPILER, *FLAGS, "all.c", "-o", "all.so", "-lm"], cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "all.so"))
    results = []
    for number in range(len(texts)):
        function = getattr(library, f"f{number}")
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double] * 2
        results.append(np.array([function(*row) for row in points]))
    return results


def test_every_expression_means_the_same(tmp_path):
    assert disagreements(lambda found: values([write(e, NAMES, "c") for e in found], tmp_path)) == []


@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(found=st.lists(expressions(), min_size=15, max_size=15))
def test_random_expressions_mean_the_same(found):
    with tempfile.TemporaryDirectory() as folder:
        results = values([write(e, NAMES, "c") for e in found], Path(folder))
    for expression, result in zip(found, results, strict=True):
        assert agrees(result, compile_expression(expression, NAMES)(POINTS)), expression


def test_a_file_with_splines_stands_alone(tmp_path):
    text = write(WITH_SPLINES, NAMES, "c", SPLINES)
    assert re.search(r"static const double place\[\]", text)
    assert agrees(values([text], tmp_path)[0], spline_truth())
