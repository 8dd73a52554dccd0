"""The phantom: its physics, its layout on disk, and its known faults."""

import hashlib
import itertools
import json
import math
import re

import cv2
import numpy as np
import pytest

from helpers.data.phantom import dataset, physics

# mean / standard deviation, 1.913
RAYLEIGH = math.sqrt(math.pi / (4 - math.pi))


def correlation(envelope, dy, dx):
    """Correlation of an envelope with itself, shifted by (dy, dx) pixels."""
    h, w = envelope.shape
    a, b = envelope[: h - dy, : w - dx], envelope[dy:, dx:]
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def speckle(seed, height, width, probe=None):
    return physics.speckle(height, width, np.random.default_rng(seed), probe)


def simulate(label, seed, height=300, width=360):
    rng = np.random.default_rng(seed)
    return physics.simulate(label, rng, height, width)


def dice(one, two):
    return 2 * (one & two).sum() / (one.sum() + two.sum())


def test_speckle_follows_the_rayleigh_law():
    envelope = speckle(0, 600, 600)
    assert envelope.dtype == np.float32
    ratio = envelope.mean() / envelope.std()
    assert ratio == pytest.approx(RAYLEIGH, rel=0.02)
    assert np.mean(envelope**2) == pytest.approx(1, rel=0.03)


def test_speckle_is_as_strong_at_every_depth_and_at_the_rim():
    power = np.mean([speckle(seed, 240, 400) ** 2 for seed in range(40)], 0)
    assert np.abs(power.mean(1) - 1).max() < 0.1
    assert np.abs(power[:, [0, 1, -2, -1]].mean(0) - 1).max() < 0.15


def test_blending_two_blurs_keeps_the_power():
    """A row's power is the energy of its response to one point."""
    field = np.zeros((200, 401, 2), np.float32)
    field[:, 200] = 1
    blurred = physics.blur_rows(field, np.linspace(1.5, 15, 200), n_bands=6)
    assert np.sum(blurred[..., 0] ** 2, 1) == pytest.approx(1, abs=1e-3)


def test_speckle_is_wider_across_the_beam_and_away_from_the_focus():
    envelope = speckle(1, 800, 800)
    focus, far = envelope[260:380], envelope[-120:]
    assert correlation(focus, 0, 3) > correlation(focus, 3, 0) + 0.2
    assert correlation(far, 0, 4) > correlation(focus, 0, 4) + 0.2
    assert correlation(far, 12, 0) < 0.1


@pytest.mark.parametrize(
    ("shift", "sigma"), [((2, 0), 1.5), ((0, 3), 3.0), ((0, 5), 3.0)]
)
def test_speckle_has_the_correlation_of_its_psf(shift, sigma):
    """It is near the field's correlation squared, exp(-d^2 / (2 s^2))."""
    probe = physics.Probe(axial=1.5, lateral=3.0, focus=0.5, zone=50)
    found = correlation(speckle(2, 700, 700, probe), *shift)
    expected = math.exp(-(max(shift) ** 2) / (2 * sigma**2))
    assert found == pytest.approx(expected, abs=0.06)


def test_uniform_regions_of_a_simulation_show_the_rayleigh_law():
    ratios = []
    for seed in range(30):
        frame = simulate("benign", seed, 400, 500)
        mask = frame.masks[0].astype(np.uint8)
        inside = cv2.erode(mask, np.ones((15, 15))) > 0
        if inside.sum() > 4000:
            ratios.append((frame.envelope / frame.expected)[inside])
    assert len(ratios) >= 8
    pooled = np.concatenate(ratios)
    assert pooled.mean() / pooled.std() == pytest.approx(RAYLEIGH, rel=0.04)
    assert np.mean(pooled**2) == pytest.approx(1, rel=0.08)


@pytest.mark.parametrize("label", physics.LABELS)
def test_a_frame_has_the_shapes_and_types_it_says(label):
    frame = simulate(label, 4, 301, 403)
    arrays = frame.image, frame.envelope, frame.expected, *frame.masks
    assert {array.shape for array in arrays} == {(301, 403)}
    assert frame.image.dtype == np.uint8 and frame.envelope.dtype == np.float32
    assert len(frame.masks) == (label != "normal")
    assert all(mask.dtype == bool for mask in frame.masks)
    assert np.array_equal(frame.image, simulate(label, 4, 301, 403).image)


def traits(label, seed):
    """(width / height, solidity, dB below minus beside) of a lesion."""
    frame = simulate(label, seed)
    mask = frame.masks[0].astype(np.uint8)
    outlines, _ = cv2.findContours(mask, 0, cv2.CHAIN_APPROX_NONE)
    edge = max(outlines, key=len)
    x, y, w, h = cv2.boundingRect(edge)
    solid = cv2.contourArea(edge) / cv2.contourArea(cv2.convexHull(edge))
    below = np.log(frame.expected[y + h + 5 : y + h + 45])
    under = below[:, x + w // 4 : x + 3 * w // 4]
    beside = np.delete(below, np.s_[max(0, x - 20) : x + w + 20], axis=1)
    both = under.size and beside.size
    return w / h, solid, under.mean() - beside.mean() if both else np.nan


def test_lesions_differ_as_their_class_says():
    """Benign: flat, round, bright behind; malignant: tall, rough, a shadow."""
    benign, malignant = (
        np.array([traits(label, seed) for seed in range(40)]).T
        for label in ("benign", "malignant")
    )
    flat, solid, behind = np.nanmedian(benign, axis=1)
    assert flat > 1.4 and solid > 0.95 and behind > 0.1
    flat, solid, behind = np.nanmedian(malignant, axis=1)
    assert flat < 1.25 and solid < 0.95 and behind < -0.3
    assert np.mean(malignant[0] < 1) > 0.25


def test_a_threshold_does_not_solve_the_task():
    """Darkness alone must not find lesions: it stays a poor guess."""
    scores = []
    for seed in range(40):
        frame = simulate(physics.LABELS[seed % 2], seed)
        grey, mask = cv2.GaussianBlur(frame.image, (0, 0), 4), frame.masks[0]
        scores.append([dice(grey < t, mask) for t in range(10, 150, 10)])
    assert 0.05 < np.mean(scores, 0).max() < 0.45


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(("cyst", 200, 200), "cyst"), (("benign", 20, 200), "64")],
)
def test_simulate_refuses_what_it_cannot_draw(arguments, word):
    label, height, width = arguments
    with pytest.raises(ValueError, match=word):
        simulate(label, 0, height, width)


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    home = tmp_path_factory.mktemp("larger")
    return dataset.write_dataset(home, 45, 16, 8, seed=3)


def digest(root):
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).digest()
        for path in root.rglob("*.*")
    }


def marker(root):
    return json.loads((root / dataset.MARKER).read_text())


def grey(root, case, ending=""):
    path = root / case.split()[0] / f"{case}{ending}.png"
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def masks_of(root, case):
    paths = sorted((root / case.split()[0]).glob(f"{case}_mask*.png"))
    return [cv2.imread(str(p), cv2.IMREAD_GRAYSCALE) > 0 for p in paths]


def test_files_are_laid_out_as_in_busi(larger):
    assert larger.name == "Dataset_BUSI_with_GT"
    mask_name = re.compile(r"\w+ \(\d+\)_mask(_[12])?\.png")
    for label, count in zip(physics.LABELS, (45, 16, 8), strict=True):
        names = {path.name for path in (larger / label).iterdir()}
        cases = [f"{label} ({number})" for number in range(1, count + 1)]
        rest = names - {f"{case}.png" for case in cases}
        assert len(names) == len(rest) + count
        assert all(mask_name.fullmatch(n) and label in n for n in rest)
        for case in cases:
            image = cv2.imread(str(larger / label / f"{case}.png"), -1)
            assert image.dtype == np.uint8 and image.shape[2:] == (3,)
            mask = np.any(masks_of(larger, case), axis=0)
            assert mask.shape == image.shape[:2]
            assert mask.any() == (label != "normal")


def test_mask_files_have_the_modes_of_the_real_ones(larger):
    def header(case):  # PNG, bytes 24 and 25: bits per channel, colour type
        data = (larger / case.split()[0] / f"{case}_mask.png").read_bytes()
        return data[24], data[25]

    assert header("malignant (1)") == header("benign (1)") == (1, 0)  # one bit
    assert header("normal (1)") == (8, 2)  # RGB
    assert header("benign (5)") == (8, 6)  # RGBA


def test_some_cases_have_several_masks(larger, phantom_root):
    assert (phantom_root / "benign" / "benign (9)_mask_1.png").exists()
    cases = {p.name.split("_mask")[0] for p in larger.rglob("*_mask_*.png")}
    assert 2 <= len(cases) <= 4
    first, second = masks_of(larger, "benign (9)")
    assert first.any() and second.any() and not (first & second).any()


def test_sizes_vary_as_in_busi(larger):
    names = [p.stem for p in larger.rglob("*.png") if "_mask" not in p.name]
    widths = [grey(larger, name).shape[1] for name in names]
    assert 300 <= min(widths) < 480 and 620 < max(widths) <= 1000
    assert 520 < np.median(widths) < 600


def test_the_marker_tells_what_is_simulated_and_what_is_wrong(larger):
    facts = marker(larger)
    assert facts["schema"] == 1 and facts["seed"] == 3
    assert facts["counts"] == {"benign": 45, "malignant": 16, "normal": 8}
    assert "imulated" in facts["note"]
    pairs, marks = facts["near_duplicates"], facts["marks"]
    assert {"other label", *dataset.COPIES} <= {kind for *_, kind in pairs}
    assert any(a.split()[0] != b.split()[0] for a, b, _ in pairs)
    assert set(itertools.chain(*marks.values())) == {"callipers", "text"}
    normal = [found for case, found in marks.items() if "normal" in case]
    assert "callipers" not in itertools.chain(*normal)


def alike(root, a, b, flip):
    """How well the middle of picture b is found in a, at the best scale."""
    how = {"fx": 0.3, "fy": 0.3, "interpolation": cv2.INTER_AREA}
    one, two = (cv2.resize(grey(root, case), None, **how) for case in (a, b))
    h, w = two.shape
    two = np.fliplr(two) if flip else two
    middle = two[h // 4 : -h // 4, w // 4 : -w // 4]
    best = 0
    for scale in np.linspace(0.7, 1.4, 36):
        part = cv2.resize(middle, None, fx=scale, fy=scale)
        if part.shape[0] <= one.shape[0] and part.shape[1] <= one.shape[1]:
            match = cv2.matchTemplate(one, part, cv2.TM_CCOEFF_NORMED)
            best = max(best, match.max())
    return best


def test_near_duplicates_are_alike_and_other_cases_are_not(larger):
    pairs = marker(larger)["near_duplicates"]
    for a, b, kind in pairs:
        if kind == "marked":  # all other pixels are the same
            same = np.mean(grey(larger, a) == grey(larger, b))
            assert 0.9 < same < 1, (a, b)
        else:
            assert alike(larger, a, b, "mirrored" in kind) > 0.9, (a, b, kind)
    known = {frozenset(pair[:2]) for pair in pairs}
    names = [f"benign ({i})" for i in range(1, 12)]
    for pair in itertools.pairwise(names):
        assert {*pair} in known or alike(larger, *pair, False) < 0.85, pair


def test_a_copy_is_outlined_again_but_only_a_little_differently(larger):
    """The label noise of a second outline: alike, but not the same."""
    scores = []
    for a, b, kind in marker(larger)["near_duplicates"]:
        one, two = (np.any(masks_of(larger, case), axis=0) for case in (a, b))
        if kind == "marked":
            scores.append(dice(one, two))
        if kind == "same":
            assert np.array_equal(one, two)
    assert scores and all(0.75 < score < 1 for score in scores)


def test_same_seed_same_bytes_and_another_seed_others(tmp_path):
    one, two, other = (
        digest(dataset.write_dataset(tmp_path / name, 7, 3, 2, seed=seed))
        for name, seed in (("a", 5), ("b", 5), ("c", 6))
    )
    assert one == two
    both = one.keys() & other.keys()
    pictures = [name for name in both if "_mask" not in name]
    assert len(pictures) == 13  # twelve pictures and the marker
    assert all(one[name] != other[name] for name in pictures)


def test_a_case_does_not_depend_on_how_many_there_are(tmp_path):
    few = digest(dataset.write_dataset(tmp_path / "few", 7, 2, 1, seed=5))
    more = digest(dataset.write_dataset(tmp_path / "more", 9, 3, 2, seed=5))
    few.pop(dataset.MARKER)
    assert few.items() <= more.items()


@pytest.fixture
def small(tmp_path):
    """A phantom of one case a class; nothing else may be left beside it."""
    yield dataset.write_dataset(tmp_path, 1, 1, 1, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == [dataset.FOLDER]


def test_an_equal_phantom_is_kept_and_another_replaced(small):
    image = small / "benign" / "benign (1).png"
    image.write_bytes(b"touched")
    assert dataset.write_dataset(small.parent, 1, 1, 1, seed=0) == small
    assert image.read_bytes() == b"touched"
    dataset.write_dataset(small.parent, 2, 1, 1, seed=0)
    assert marker(small)["counts"]["benign"] == 2
    assert (small / "benign" / "benign (2).png").exists()
    dataset.write_dataset(small.parent, 1, 1, 1, seed=0)
    assert image.read_bytes() != b"touched"
    assert not (small / "benign" / "benign (2).png").exists()


def test_a_folder_that_is_no_phantom_is_left_alone(tmp_path):
    mine = tmp_path / dataset.FOLDER / "benign" / "benign (1).png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"a real image")
    with pytest.raises(ValueError, match="not a phantom"):
        dataset.write_dataset(tmp_path, 1, 1, 1, seed=0)
    assert mine.read_bytes() == b"a real image"
    assert [p.name for p in tmp_path.iterdir()] == [dataset.FOLDER]


def test_a_phantom_that_someone_added_files_to_is_not_replaced(small):
    mine = small / "benign" / "mine.png"
    mine.write_bytes(b"work of hours")
    assert dataset.write_dataset(small.parent, 1, 1, 1, seed=0) == small
    with pytest.raises(ValueError, match="move that away"):
        dataset.write_dataset(small.parent, 2, 1, 1, seed=0)
    assert mine.exists()


def test_a_failure_leaves_the_old_phantom_and_no_rubbish(small, monkeypatch):
    before, replace = digest(small), dataset.os.replace

    def fail(source, target):
        if str(source).endswith("new"):
            raise OSError("disk full")
        replace(source, target)

    monkeypatch.setattr(dataset.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        dataset.write_dataset(small.parent, 2, 1, 1, seed=0)
    assert digest(small) == before


@pytest.mark.parametrize(
    "bad", [(-1, 1, 1, 0), (1, 1.5, 1, 0), (1, 1, 1, "x")]
)
def test_bad_counts_are_refused_before_anything_is_written(tmp_path, bad):
    with pytest.raises(ValueError, match="whole number"):
        dataset.write_dataset(tmp_path / "new", *bad)
    assert not (tmp_path / "new").exists()
