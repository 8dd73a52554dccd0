"""Damaged pictures: a sentence or a picture, never anything else."""

import numpy as np
import pytest

from helpers.data.phantom import physics
from tools.research import fuzz_pictures

BYTES_ARE_CHECKED = ("png", "png, RGBA", "png, 12 bits")


def nothing_changes(greys):
    return [("benign", True)] * len(greys)


def test_a_hundred_damaged_pictures_get_a_sentence_or_are_read(capfd):
    found = fuzz_pictures.run(96, 0, nothing_changes, images=2)
    assert len(found) == 96
    assert set(found["outcome"]) <= {"refused", "said", "same"}
    checked = found[found["kind"].isin(BYTES_ARE_CHECKED)]
    assert set(checked["outcome"]) == {"refused"}
    assert capfd.readouterr() == ("", "")


def test_whole_files_of_all_kinds_are_one_picture(tmp_path):
    grey = physics.simulate("benign", np.random.default_rng(0)).image
    for kind, data in fuzz_pictures.forms(grey).items():
        (tmp_path / "x").write_bytes(data)
        outcome, picture = fuzz_pictures.tried(tmp_path / "x")
        assert outcome is None, kind
        most = 20 if "jpeg" in kind else 1
        off = np.abs(picture.grey.astype(int) - grey)
        assert off.max() <= most, kind


@pytest.mark.research
def test_damage_seldom_changes_a_verdict_without_a_word():
    found = fuzz_pictures.run(300, 1, fuzz_pictures.Verdicts())
    counts = found["outcome"].value_counts()
    assert counts.get("crash", 0) == 0
    # files without a checksum, of which whole rows may be moved
    assert counts.get("silent", 0) <= 0.01 * len(found)
