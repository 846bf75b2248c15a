"""Divisions of a box are read as they are written by hand, and nothing else is one."""

import numpy as np
import pytest

from splinework.knowledge.axioms.checker import divisions
from splinework.knowledge.axioms.checker.divisions import division
from splinework.knowledge.axioms.checker.formulas import Unreadable
from tests.families import every

LO, HI = np.array([0.0, -1.0]), np.array([4.0, 1.0])


@every(
    ("text", "boxes", "faces"),
    [
        (".", [(0, 4, -1, 1)], []),
        ("a..", [(0, 2, -1, 1), (2, 4, -1, 1)], []),
        ("b..", [(0, 4, -1, 0), (0, 4, 0, 1)], []),
        ("ab...", [(0, 2, -1, 0), (0, 2, 0, 1), (2, 4, -1, 1)], []),
        ("a.b..", [(0, 2, -1, 1), (2, 4, -1, 0), (2, 4, 0, 1)], []),
        ("La.", [(0, 0, -1, 1)], [(0, 4, -1, 1, 1, 0)]),
        ("Ha.", [(4, 4, -1, 1)], [(0, 4, -1, 1, -1, 0)]),
        ("HbLa.", [(0, 0, 1, 1)], [(0, 4, -1, 1, 1, -1)]),
        ("a.Lb.", [(0, 2, -1, 1), (2, 4, -1, -1)], [(2, 4, -1, 1, 0, 1)]),
        ("Lab.Hb.", [(0, 0, -1, 0), (0, 0, 1, 1)], [(0, 4, -1, 1, 1, 0), (0, 0, 0, 1, 0, -1)]),
    ],
)
def test_a_text_is_the_boxes_and_faces_that_it_says(text, boxes, faces):
    found = division(text, LO, HI)
    held = np.stack([found.lo[:, 0], found.hi[:, 0], found.lo[:, 1], found.hi[:, 1]], 1)
    assert held.tolist() == [list(map(float, box)) for box in boxes]
    assert found.face_lo.shape == found.face_hi.shape == found.signs.shape == (len(faces), 2)
    ends = np.stack([found.face_lo[:, 0], found.face_hi[:, 0], found.face_lo[:, 1], found.face_hi[:, 1]], 1)
    assert np.hstack([ends, found.signs]).tolist() == [list(map(float, face)) for face in faces]


@every(
    "text", ["", "a", "a.", "..", "a...", "c..", "A..", "`..", "L", "La", "L.", "Lc.", "LaLa.", "LaHa.", "a.L", "a..La"]
)
def test_a_text_that_is_not_one_division_is_refused(text):
    with pytest.raises(Unreadable):
        division(text, LO, HI)


def test_a_division_has_a_largest_size(monkeypatch):
    monkeypatch.setattr(divisions, "MOST_CHARACTERS", 3)
    assert len(division("a..", LO, HI).lo) == 2
    with pytest.raises(Unreadable):
        division("aa...", LO, HI)
