"""Excel: the same numbers from the package `formulas`, which follows Excel's grammar, and from LibreOffice."""

import csv
import shutil
import subprocess
import warnings

import numpy as np
import pytest

from splinework.formula.languages import safe_names, write
from tests.interpret.symbolic.language_cases import (
    NAMES,
    POINTS,
    agrees,
    disagreements,
    family,
    for_excel,
    special_cases,
    truths,
)

OFFICE = shutil.which("soffice")


def by_formulas(found):
    formulas = pytest.importorskip("formulas")
    names = [name.upper() for name in safe_names(NAMES, "excel").values()]
    results = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for expression in found:
            function = formulas.Parser().ast(write(expression, NAMES, "excel"))[1].compile()
            columns = dict(zip(names, POINTS.T, strict=True))
            rows = [function(*(columns[i][n] for i in function.inputs)) for n in range(len(POINTS))]
            results.append(np.array([_number(row) for row in rows]))
    return results


def _number(cell):
    try:
        return float(np.asarray(cell).ravel()[0])
    except (TypeError, ValueError):
        return np.nan  # an error such as #NUM!


def by_libreoffice(found, folder):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for n, (x, y) in enumerate(POINTS.tolist(), 1):
        cells = {"x1": f"$A{n}", "x2": f"$B{n}"}
        texts = (write(e, cells, "excel") for e in found)
        book.active.append([x, y, *(text.replace("GAMMA(", "_xlfn.GAMMA(") for text in texts)])  # as files spell it
    book.save(folder / "book.xlsx")
    options = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false"
    home = f"-env:UserInstallation=file://{folder}/profile"
    command = [OFFICE, home, "--headless", "--convert-to", options, "--outdir", str(folder), str(folder / "book.xlsx")]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    with open(folder / "book.csv", newline="") as file:
        rows = [[_number(cell) for cell in row] for row in csv.reader(file)]
    return list(np.array(rows).T[2:])


def test_special_expressions_by_formulas():
    kept = for_excel(special_cases())
    for (name, _), value in zip(kept.items(), by_formulas(list(kept.values())), strict=True):
        assert agrees(value, *truths()[name]), name


@pytest.mark.slow
def test_every_expression_by_formulas():
    assert disagreements(by_formulas, cases=for_excel(family())) == []


@pytest.mark.slow
@pytest.mark.skipif(OFFICE is None, reason="needs LibreOffice")
def test_every_expression_by_libreoffice(tmp_path):
    cases = for_excel(family())
    assert disagreements(lambda found: by_libreoffice(found, tmp_path), cases=cases) == ["bessel k"]
    kept = {"bessel k": cases["bessel k"]}  # LibreOffice has eight digits of it
    assert disagreements(lambda found: by_libreoffice(found, tmp_path), cases=kept, tolerance=1e-7) == []
