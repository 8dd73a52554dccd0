"""Drawn marks are distinguished from speckle, counted and painted over."""

import json

import cv2
import numpy as np

from helpers.data import busi, marks
from helpers.evaluation import robustness


def test_drawn_marks_are_distinguished_from_speckle(phantom_root):
    planted = json.loads((phantom_root / "PHANTOM.json").read_text())
    cases, marked = busi.index(phantom_root), set(planted["marks"])
    counts = cases.set_index("case")["image"].map(marks.count)
    found = set(counts.index[counts >= 2])
    assert len(found & marked) > 0.5 * len(marked)
    assert len(found - marked) <= 0.05 * len(cases)


def test_marks_are_counted_and_painted_over_and_the_rest_is_left(tmp_path):
    tissue = np.full((300, 400), 30, np.uint8)
    tissue += np.linspace(0, 20, 400).astype(np.uint8)
    drawn = robustness.marks(tissue, 2, np.random.default_rng(3))
    clean, where = marks.inpaint(drawn)
    assert 0 < where.mean() < 0.05 and (clean[~where] == drawn[~where]).all()
    assert np.abs(clean.astype(int) - tissue)[where].mean() < 12
    assert not marks.inpaint(tissue)[1].any()
    for image, least, most in ((drawn, 4, 99), (clean, 0, 0)):
        path = tmp_path / "image.png"
        path.write_bytes(cv2.imencode(".png", image)[1])
        assert least <= marks.count(path) <= most
