"""The phantom: its physics, its layout on disk, and its known faults."""

import functools
import itertools
import json
import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from helpers.data import busi, masks
from helpers.data.phantom import dataset, physics
from helpers.evaluation.metrics import dice
from helpers.files import sha256

# mean / standard deviation, 1.913
RAYLEIGH = math.sqrt(math.pi / (4 - math.pi))


def correlation(envelope, dy, dx):
    """Correlation of an envelope with itself, shifted by (dy, dx) pixels."""
    h, w = envelope.shape
    a, b = envelope[: h - dy, : w - dx], envelope[dy:, dx:]
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def speckle(seed, height, width, probe=None):
    return physics.speckle(height, width, np.random.default_rng(seed), probe)


@functools.cache
def simulate(label, seed, height=300, width=360):
    rng = np.random.default_rng(seed)
    return physics.simulate(label, rng, height, width)


def test_speckle_is_as_strong_at_every_depth_and_at_the_rim():
    power = np.mean([speckle(seed, 240, 400) ** 2 for seed in range(40)], 0)
    assert np.abs(power.mean(1) - 1).max() < 0.1
    assert np.abs(power[:, [0, 1, -2, -1]].mean(0) - 1).max() < 0.15


def test_what_a_round_lesion_swallows_is_missing_below_it():
    plain, shadow, bright = (
        physics.round_lesion(10, swallows, looks=8) for swallows in (0, 12, -8)
    )
    for shown, decibels in ((shadow, -12), (bright, 8)):
        behind = (shown - plain)[95:, 95:106].mean() / 255 * 50
        assert behind == pytest.approx(decibels, abs=1.5)
        assert np.abs(shown - plain)[:, :60].max() == 0


def test_blending_two_blurs_keeps_the_power():
    """A row's power is the energy of its response to one point."""
    field = np.zeros((200, 401, 2), np.float32)
    field[:, 200] = 1
    blurred = physics.blur_rows(field, np.linspace(1.5, 15, 200))
    assert np.sum(blurred[..., 0] ** 2, 1) == pytest.approx(1, abs=1e-3)


def test_speckle_is_wider_across_the_beam_and_away_from_the_focus():
    envelope = speckle(1, 800, 800)
    focus, far = envelope[260:380], envelope[-120:]
    assert correlation(focus, 0, 3) > correlation(focus, 3, 0) + 0.2
    assert correlation(far, 0, 4) > correlation(focus, 0, 4) + 0.2
    assert correlation(far, 12, 0) < 0.1


def test_speckle_has_the_correlation_of_its_psf():
    """It is near the field's correlation squared, exp(-d^2 / (2 s^2))."""
    probe = physics.Probe(axial=1.5, lateral=3.0, focus=0.5, zone=50)
    envelope = speckle(2, 700, 700, probe)
    for shift, sigma in (((2, 0), 1.5), ((0, 3), 3.0), ((0, 5), 3.0)):
        expected = math.exp(-(max(shift) ** 2) / (2 * sigma**2))
        found = correlation(envelope, *shift)
        assert found == pytest.approx(expected, abs=0.06), shift


def test_uniform_regions_of_a_simulation_show_the_rayleigh_law():
    ratios = []
    for seed in range(40):
        frame = simulate("benign", seed)
        mask = frame.masks[0].astype(np.uint8)
        inside = cv2.erode(mask, np.ones((15, 15))) > 0
        ratios.append((frame.envelope / frame.expected)[inside])
    pooled = np.concatenate(ratios)
    assert len(pooled) > 100_000
    assert pooled.mean() / pooled.std() == pytest.approx(RAYLEIGH, rel=0.04)
    assert np.mean(pooled**2) == pytest.approx(1, rel=0.08)


def seen_by(**knobs):
    """A frame of the breast that seed 3 gives, by another scanner."""
    rng = np.random.default_rng(3)
    scanner = physics.Scanner(**knobs)
    return physics.simulate("benign", rng, 300, 360, scanner=scanner)


def test_each_knob_of_a_scanner_does_what_it_says():
    usual = seen_by()
    assert (usual.image == simulate("benign", 3).image).all()
    coarse, wide = seen_by(frequency=0.5), seen_by(beam=2.5)
    flat = slice(60, 240)
    for dy, dx, frame in ((2, 0, coarse), (0, 4, coarse), (0, 4, wide)):
        grain = (f.envelope / f.expected for f in (usual, frame))
        plain, other = (correlation(g[flat, flat], dy, dx) for g in grain)
        assert other > plain + 0.1
    for frame in (coarse, wide, seen_by(gain=8), seen_by(dynamic_range=0.6)):
        assert (frame.masks[0] == usual.masks[0]).all()  # the same breast
    assert seen_by(gain=8).image.mean() > usual.image.mean() + 15
    assert seen_by(dynamic_range=0.6).image.std() > usual.image.std() * 1.1
    small = seen_by(height=0.9, width=0.6)
    assert small.image.shape == small.masks[0].shape == (270, 216)
    areas = [frame.masks[0].mean() for frame in (small, usual)]
    assert areas[0] == pytest.approx(areas[1], rel=0.05)


def test_a_lower_frequency_casts_fainter_shadows():
    """What a shadow takes, in dB, doubles with the frequency."""
    seeds, means = range(6), []
    for frequency in (0.5, 1, 2):
        how = {"scanner": physics.Scanner(frequency)}
        rngs = map(np.random.default_rng, seeds)
        frames = [
            physics.simulate("malignant", rng, 200, 240, **how) for rng in rngs
        ]
        low = [np.log(frame.expected[-60:]).mean() for frame in frames]
        means.append(np.mean(low))
    assert means[0] > means[1] > means[2]


def traits(label, seed):
    """(width / height, solidity, dB below minus beside) of a lesion."""
    frame = simulate(label, seed)
    shape = masks.describe(frame.masks[0])
    top, left, bottom, right = shape["box"]
    width = right - left
    below = np.log(frame.expected[bottom + 5 : bottom + 45])
    under = below[:, left + width // 4 : left + 3 * width // 4]
    beside = np.delete(below, np.s_[max(0, left - 20) : right + 20], axis=1)
    both = under.size and beside.size
    behind = under.mean() - beside.mean() if both else np.nan
    return width / (bottom - top), shape["solidity"], behind


def test_lesions_differ_as_their_class_says():
    """Benign: flat, round, bright behind; malignant: tall, rough, a shadow."""
    benign = [traits("benign", seed) for seed in range(40)]
    flat, solid, behind = np.nanmedian(benign, axis=0)
    assert flat > 1.4 and solid > 0.95 and behind > 0.1
    malignant = [traits("malignant", seed) for seed in range(40)]
    flat, solid, behind = np.nanmedian(malignant, axis=0)
    assert flat < 1.25 and solid < 0.95 and behind < -0.3
    assert np.mean([flat < 1 for flat, *_ in malignant]) > 0.25


def test_a_threshold_does_not_solve_the_task():
    """Darkness alone must not find lesions: it stays a poor guess."""
    scores = []
    for seed in range(40):
        frame = simulate(physics.LABELS[seed % 2], seed)
        grey, mask = cv2.GaussianBlur(frame.image, (0, 0), 4), frame.masks[0]
        scores.append([dice(grey < t, mask) for t in range(10, 150, 10)])
    assert 0.05 < np.mean(scores, 0).max() < 0.45


@pytest.mark.parametrize(
    ("label", "height", "word"), [("cyst", 200, "cyst"), ("benign", 20, "64")]
)
def test_simulate_refuses_what_it_cannot_draw(label, height, word):
    with pytest.raises(ValueError, match=word):
        simulate(label, 0, height, 200)


def digest(root):
    """{file: its SHA-256} of all files of a phantom."""
    files = {str(path.relative_to(root)): path for path in root.rglob("*.*")}
    return {name: sha256(path) for name, path in files.items()}


def marker(root):
    return json.loads((root / dataset.MARKER).read_text())


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    """A phantom with every kind of copy: (cases by name, its marker)."""
    home = tmp_path_factory.mktemp("larger")
    root = dataset.write_dataset(home, 44, 8, 7, seed=3)
    return busi.index(root).set_index("case"), marker(root)


def test_files_are_laid_out_as_in_busi(phantom_root):
    assert phantom_root.name == "Dataset_BUSI_with_GT"
    assert not len(busi.check(phantom_root))
    cases = busi.index(phantom_root)
    counts = {"benign": 12, "malignant": 8, "normal": 6}
    assert cases["label"].value_counts().to_dict() == counts
    for path in cases["image"]:
        image = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        assert image.dtype == np.uint8 and image.shape[2:] == (3,)


def test_mask_files_have_the_modes_of_the_real_ones(larger):
    cases, _ = larger
    one_bit, rgb, rgba = (1, 0), (8, 2), (8, 6)
    modes = {"malignant (1)": one_bit, "benign (1)": one_bit}
    modes |= {"normal (1)": rgb, "benign (5)": rgba}
    for case, mode in modes.items():
        # PNG, bytes 24 and 25: bits per channel, colour type
        data = Path(cases["masks"][case][0]).read_bytes()
        assert (data[24], data[25]) == mode


def test_sizes_and_numbers_of_masks_vary_as_in_busi(larger):
    cases, _ = larger
    assert 2 <= (cases["masks"].map(len) > 1).sum() <= 4
    first, second = map(masks.read_mask, cases["masks"]["benign (9)"])
    assert first.any() and second.any() and not (first & second).any()
    widths = cases["width"]
    assert 300 <= widths.min() < 480 and 620 < widths.max() <= 1000
    assert 520 < widths.median() < 600


def test_the_marker_tells_what_is_simulated_and_what_is_wrong(larger):
    _, facts = larger
    assert facts["schema"] == 1 and facts["seed"] == 3
    assert facts["counts"] == {"benign": 44, "malignant": 8, "normal": 7}
    assert "imulated" in facts["note"]
    pairs, marks = facts["near_duplicates"], facts["marks"]
    assert {"other label", *dataset.COPIES} <= {kind for *_, kind in pairs}
    assert any(a.split()[0] != b.split()[0] for a, b, _ in pairs)
    assert set(itertools.chain(*marks.values())) == {"callipers", "text"}
    normal = [found for case, found in marks.items() if "normal" in case]
    assert "callipers" not in itertools.chain(*normal)


def test_a_copy_is_outlined_again_but_only_a_little_differently(larger):
    """The label noise of a second outline: alike, but not the same."""
    cases, facts = larger
    scores = {"marked": [], "same": []}
    for a, b, kind in facts["near_duplicates"]:
        if kind in scores:
            one, two = map(masks.merge, cases["masks"][[a, b]])
            scores[kind].append(dice(one, two))
    assert {*scores["same"]} == {1}
    assert scores["marked"] and all(0.75 < s < 1 for s in scores["marked"])


def test_files_follow_the_seed_not_the_number_of_cases(phantom_root, tmp_path):
    one, two, other = (
        digest(dataset.write_dataset(tmp_path / name, 7, 1, 1, seed=seed))
        for name, seed in (("one", 1), ("two", 1), ("other", 5))
    )
    assert one == two
    pictures = [name for name in one if "_mask" not in name]
    assert len(pictures) == 10  # nine pictures and the marker
    assert all(one[name] != other[name] for name in pictures)
    del one[dataset.MARKER]
    assert one.items() <= digest(phantom_root).items()


@pytest.fixture
def small(tmp_path):
    """A phantom of one case a class; nothing else may be left beside it."""
    yield dataset.write_dataset(tmp_path, 1, 1, 1, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == [dataset.FOLDER]


def test_an_equal_phantom_is_kept_and_another_replaced(small):
    before = digest(small)
    second = small / "benign" / "benign (2).png"
    (small / "benign" / "benign (1).png").write_bytes(b"touched")
    touched = digest(small)
    assert dataset.write_dataset(small.parent, 1, 1, 1, seed=0) == small
    assert digest(small) == touched
    dataset.write_dataset(small.parent, 2, 1, 1, seed=0)
    assert marker(small)["counts"]["benign"] == 2 and second.exists()
    louder = {"seed": 0, "scanner": physics.Scanner(gain=8.0)}
    dataset.write_dataset(small.parent, 1, 1, 1, **louder)
    assert digest(small).keys() == before.keys() and digest(small) != before
    written = (small / dataset.MARKER).stat().st_mtime_ns
    dataset.write_dataset(small.parent, 1, 1, 1, **louder)
    assert (small / dataset.MARKER).stat().st_mtime_ns == written
    dataset.write_dataset(small.parent, 1, 1, 1, seed=0)
    (small / "benign" / "benign (1).png").unlink()  # it is made again
    dataset.write_dataset(small.parent, 1, 1, 1, seed=0)
    assert digest(small) == before


def test_files_of_others_and_what_is_no_phantom_are_left_alone(small):
    (small / "benign" / "mine.png").write_bytes(b"work of hours")
    assert dataset.write_dataset(small.parent, 1, 1, 1, seed=0) == small
    before = digest(small)
    with pytest.raises(ValueError, match="move that away"):
        dataset.write_dataset(small.parent, 2, 1, 1, seed=0)
    assert digest(small) == before
    (small / dataset.MARKER).unlink()
    del before[dataset.MARKER]
    with pytest.raises(ValueError, match="not a phantom"):
        dataset.write_dataset(small.parent, 1, 1, 1, seed=0)
    assert digest(small) == before


def test_a_failure_leaves_the_old_phantom_and_no_rubbish(small, monkeypatch):
    before, replace = digest(small), os.replace

    def fail(source, target):
        if str(source).endswith("new"):
            raise OSError("disk full")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        dataset.write_dataset(small.parent, 2, 1, 1, seed=0)
    assert digest(small) == before
    assert list(small.parent.iterdir()) == [small]


@pytest.mark.parametrize("bad", [(-1, 1, 1, 0), (1, 0.5, 1, 0), (1, 1, 1, "")])
def test_bad_counts_are_refused_before_anything_is_written(tmp_path, bad):
    with pytest.raises(ValueError, match="whole number"):
        dataset.write_dataset(tmp_path / "new", *bad)
    assert not (tmp_path / "new").exists()
