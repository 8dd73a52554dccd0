"""The simulated images: their physics, their layout on disk, and their known faults."""

import hashlib
import itertools
import json
import math
import re

import cv2
import numpy as np
import pytest

from helpers.data.phantom import dataset, physics

RAYLEIGH = math.sqrt(
    math.pi / (4 - math.pi)
)  # mean / standard deviation, 1.913


def correlation(envelope, dy, dx):
    """Correlation of an envelope with itself, shifted by (dy, dx) pixels."""
    h, w = envelope.shape
    a, b = envelope[: h - dy, : w - dx], envelope[dy:, dx:]
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def digest(root):
    files = sorted(p for p in root.rglob("*") if p.is_file())
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in files
    }


def told(root):
    return json.loads((root / dataset.MARKER).read_text())


def mask_of(root, case):
    label = case.split()[0]
    paths = [root / label / f"{case}_mask.png"]
    paths += sorted((root / label).glob(f"{case}_mask_*.png"))
    return np.any(
        [cv2.imread(str(p), cv2.IMREAD_GRAYSCALE) > 0 for p in paths], 0
    )


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    home = tmp_path_factory.mktemp("larger")
    return dataset.write_dataset(home, 45, 16, 8, seed=3)


def test_speckle_follows_the_rayleigh_law():
    envelope = physics.speckle(600, 600, np.random.default_rng(0))
    assert envelope.dtype == np.float32
    assert envelope.mean() / envelope.std() == pytest.approx(
        RAYLEIGH, rel=0.02
    )
    assert np.mean(envelope**2) == pytest.approx(1, rel=0.03)


def test_speckle_is_as_strong_at_every_depth_and_at_the_rim():
    seeds = map(np.random.default_rng, range(40))
    power = np.mean([physics.speckle(240, 400, rng) ** 2 for rng in seeds], 0)
    assert np.abs(power.mean(1) - 1).max() < 0.1
    assert np.abs(power[:, [0, 1, -2, -1]].mean(0) - 1).max() < 0.15


def test_blending_two_blurs_keeps_the_power():
    """A row's power is the energy of its response to one point, whatever its depth."""
    field = np.zeros((200, 401, 2), np.float32)
    field[:, 200] = 1
    blurred = physics.across(field, np.linspace(1.5, 15, 200), n_bands=6)
    assert np.sum(blurred[..., 0] ** 2, 1) == pytest.approx(1, abs=1e-3)


def test_speckle_is_wider_across_the_beam_and_away_from_the_focus():
    envelope = physics.speckle(800, 800, np.random.default_rng(1))
    focus, far = envelope[260:380], envelope[-120:]
    assert correlation(focus, 0, 3) > correlation(focus, 3, 0) + 0.2
    assert correlation(far, 0, 4) > correlation(focus, 0, 4) + 0.2
    assert correlation(far, 12, 0) < 0.1


def test_speckle_has_the_correlation_of_its_psf():
    """Envelope correlation is near the squared field correlation, exp(-d^2/(2 s^2))."""
    probe = physics.Probe(axial=1.5, lateral=3.0, focus=0.5, zone=50)
    envelope = physics.speckle(700, 700, np.random.default_rng(2), probe)
    for shift, sigma in (((2, 0), 1.5), ((0, 3), 3.0), ((0, 5), 3.0)):
        expected = math.exp(-(max(shift) ** 2) / (2 * sigma**2))
        assert correlation(envelope, *shift) == pytest.approx(
            expected, abs=0.06
        )


def test_uniform_regions_of_a_simulation_show_the_rayleigh_law():
    ratios = []
    for seed in range(30):
        frame = physics.simulate(
            "benign", np.random.default_rng(seed), 400, 500
        )
        inside = (
            cv2.erode(frame.masks[0].astype(np.uint8), np.ones((15, 15))) > 0
        )
        if inside.sum() > 4000:
            ratios.append((frame.envelope / frame.expected)[inside])
    assert len(ratios) >= 8
    pooled = np.concatenate(ratios)
    assert pooled.mean() / pooled.std() == pytest.approx(RAYLEIGH, rel=0.04)
    assert np.mean(pooled**2) == pytest.approx(1, rel=0.08)


@pytest.mark.parametrize("label", physics.LABELS)
def test_a_frame_has_the_shapes_and_types_it_says(label):
    frame = physics.simulate(label, np.random.default_rng(4), 301, 403)
    assert (
        frame.image.shape
        == frame.envelope.shape
        == frame.expected.shape
        == (301, 403)
    )
    assert frame.image.dtype == np.uint8 and frame.envelope.dtype == np.float32
    assert len(frame.masks) == (label != "normal")
    assert all(m.dtype == bool and m.shape == (301, 403) for m in frame.masks)
    again = physics.simulate(label, np.random.default_rng(4), 301, 403)
    assert np.array_equal(frame.image, again.image)


def test_lesions_differ_as_their_class_says():
    """Benign: flatter, rounder, brighter behind; malignant: taller, rough, a shadow."""
    flat, solid, behind = {}, {}, {}
    for label in ("benign", "malignant"):
        for seed in range(40):
            frame = physics.simulate(
                label, np.random.default_rng(seed), 300, 360
            )
            mask = frame.masks[0].astype(np.uint8)
            edge = max(
                cv2.findContours(mask, 0, cv2.CHAIN_APPROX_NONE)[0], key=len
            )
            x, y, w, h = cv2.boundingRect(edge)
            flat.setdefault(label, []).append(w / h)
            hull = cv2.contourArea(cv2.convexHull(edge))
            solid.setdefault(label, []).append(cv2.contourArea(edge) / hull)
            below = np.log(frame.expected[y + h + 5 : y + h + 45])
            under = below[:, x + w // 4 : x + 3 * w // 4]
            beside = np.delete(
                below, np.s_[max(0, x - 20) : x + w + 20], axis=1
            )
            if under.size and beside.size:
                behind.setdefault(label, []).append(
                    under.mean() - beside.mean()
                )
    assert (
        np.median(flat["benign"]) > 1.4 > 1.25 > np.median(flat["malignant"])
    )
    assert np.mean(np.array(flat["malignant"]) < 1) > 0.25
    assert np.median(solid["benign"]) > 0.95 > np.median(solid["malignant"])
    assert (
        np.median(behind["benign"]) > 0.1
        and np.median(behind["malignant"]) < -0.3
    )


def test_a_threshold_does_not_solve_the_task():
    """Darkness alone must not find lesions: one threshold for all stays a poor guess."""
    scores = []
    for seed in range(40):
        label = physics.LABELS[seed % 2]
        frame = physics.simulate(label, np.random.default_rng(seed), 300, 360)
        grey, mask = cv2.GaussianBlur(frame.image, (0, 0), 4), frame.masks[0]
        dark = [grey < t for t in range(10, 150, 10)]
        scores.append(
            [2 * (d & mask).sum() / (d.sum() + mask.sum()) for d in dark]
        )
    assert 0.05 < np.mean(scores, 0).max() < 0.45


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(("cyst", 200, 200), "cyst"), (("benign", 20, 200), "64")],
)
def test_simulate_refuses_what_it_cannot_draw(arguments, word):
    label, height, width = arguments
    with pytest.raises(ValueError, match=word):
        physics.simulate(label, np.random.default_rng(0), height, width)


def test_files_are_laid_out_as_in_busi(larger):
    assert larger.name == "Dataset_BUSI_with_GT"
    name = re.compile(
        r"(benign|malignant|normal) \(\d+\)(_mask(_[12])?)?\.png"
    )
    for label, count in zip(physics.LABELS, (45, 16, 8), strict=True):
        names = [p.name for p in (larger / label).iterdir()]
        assert all(name.fullmatch(n) and n.startswith(label) for n in names)
        assert sum("_mask" not in n for n in names) == count
        for number in range(1, count + 1):
            case = f"{label} ({number})"
            image = cv2.imread(str(larger / label / f"{case}.png"), -1)
            assert (
                image.ndim == 3
                and image.shape[2] == 3
                and image.dtype == np.uint8
            )
            mask = mask_of(larger, case)
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
    first = cv2.imread(str(larger / "benign" / "benign (9)_mask.png"), 0) > 0
    second = (
        cv2.imread(str(larger / "benign" / "benign (9)_mask_1.png"), 0) > 0
    )
    assert first.any() and second.any() and not (first & second).any()


def test_sizes_vary_as_in_busi(larger):
    paths = [p for p in larger.rglob("*.png") if "_mask" not in p.name]
    widths = [cv2.imread(str(p), 0).shape[1] for p in paths]
    assert 300 <= min(widths) < 480 and 620 < max(widths) <= 1000
    assert 520 < np.median(widths) < 600


def test_the_marker_tells_what_is_simulated_and_what_is_wrong(larger):
    facts = told(larger)
    assert facts["schema"] == 1 and facts["seed"] == 3
    assert facts["counts"] == {"benign": 45, "malignant": 16, "normal": 8}
    assert "imulated" in facts["note"]
    kinds = {kind for *_, kind in facts["near_duplicates"]}
    assert {"other label", *dataset.COPIES} <= kinds
    assert any(
        a.split()[0] != b.split()[0] for a, b, _ in facts["near_duplicates"]
    )
    shown = {mark for marks in facts["marks"].values() for mark in marks}
    assert shown == {"callipers", "text"}
    assert not any(
        "callipers" in m for c, m in facts["marks"].items() if "normal" in c
    )


def grey(root, case):
    return cv2.imread(str(root / case.split()[0] / f"{case}.png"), 0)


def alike(root, a, b, flip):
    """How well the middle of picture b is found in picture a, at any of some scales."""
    one, two = (
        cv2.resize(
            grey(root, case),
            None,
            fx=0.3,
            fy=0.3,
            interpolation=cv2.INTER_AREA,
        )
        for case in (a, b)
    )
    h, w = two.shape
    middle = (np.fliplr(two) if flip else two)[
        h // 4 : -h // 4, w // 4 : -w // 4
    ]
    return max(
        cv2.matchTemplate(
            one,
            cv2.resize(middle, None, fx=scale, fy=scale),
            cv2.TM_CCOEFF_NORMED,
        ).max()
        for scale in np.linspace(0.7, 1.4, 36)
        if scale * middle.shape[0] < one.shape[0]
        and scale * w / 2 < one.shape[1] - 2
    )


def test_near_duplicates_are_alike_and_other_cases_are_not(larger):
    pairs = told(larger)["near_duplicates"]
    for a, b, kind in pairs:
        if kind == "marked":  # all other pixels are the same
            assert 0.9 < np.mean(grey(larger, a) == grey(larger, b)) < 1, (
                a,
                b,
            )
        else:
            assert alike(larger, a, b, "mirrored" in kind) > 0.9, (a, b, kind)
    known = {frozenset(pair[:2]) for pair in pairs}
    names = [f"benign ({i})" for i in range(1, 12)]
    for a, b in itertools.pairwise(names):
        assert (
            frozenset((a, b)) in known or alike(larger, a, b, False) < 0.85
        ), (a, b)


def test_a_copy_is_outlined_again_but_only_a_little_differently(larger):
    """The label noise of a second outline: alike, but not the same."""
    scores = []
    for a, b, kind in told(larger)["near_duplicates"]:
        if kind == "marked":
            one, two = mask_of(larger, a), mask_of(larger, b)
            scores.append(2 * (one & two).sum() / (one.sum() + two.sum()))
        if kind == "same" and "normal" not in a:
            assert np.array_equal(mask_of(larger, a), mask_of(larger, b))
    assert scores and all(0.75 < score < 1 for score in scores)


def test_same_seed_same_bytes_and_another_seed_others(tmp_path):
    one = digest(dataset.write_dataset(tmp_path / "a", 7, 3, 2, seed=5))
    two = digest(dataset.write_dataset(tmp_path / "b", 7, 3, 2, seed=5))
    other = digest(dataset.write_dataset(tmp_path / "c", 7, 3, 2, seed=6))
    assert one == two
    pictures = [
        name for name in one.keys() & other.keys() if "_mask" not in name
    ]
    assert len(pictures) == 13  # twelve pictures and the marker
    assert all(one[name] != other[name] for name in pictures)


def test_a_case_does_not_depend_on_how_many_there_are(tmp_path):
    few = digest(dataset.write_dataset(tmp_path / "few", 7, 2, 1, seed=5))
    more = digest(dataset.write_dataset(tmp_path / "more", 9, 3, 2, seed=5))
    few.pop(dataset.MARKER)
    assert few.items() <= more.items()


def test_an_equal_phantom_is_kept_and_another_replaced(tmp_path):
    root = dataset.write_dataset(tmp_path, 2, 1, 1, seed=0)
    image = root / "benign" / "benign (1).png"
    image.write_bytes(b"touched")
    assert dataset.write_dataset(tmp_path, 2, 1, 1, seed=0) == root
    assert image.read_bytes() == b"touched"
    dataset.write_dataset(tmp_path, 1, 1, 1, seed=0)
    assert image.read_bytes() != b"touched"
    assert told(root)["counts"]["benign"] == 1
    assert not (root / "benign" / "benign (2).png").exists()
    assert [p.name for p in tmp_path.iterdir()] == [dataset.FOLDER]


def test_a_folder_that_is_no_phantom_is_left_alone(tmp_path):
    mine = tmp_path / dataset.FOLDER / "benign" / "benign (1).png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"a real image")
    with pytest.raises(ValueError, match="not a phantom"):
        dataset.write_dataset(tmp_path, 1, 1, 1, seed=0)
    assert mine.read_bytes() == b"a real image"
    assert [p.name for p in tmp_path.iterdir()] == [dataset.FOLDER]


def test_a_phantom_that_someone_added_files_to_is_not_replaced(tmp_path):
    root = dataset.write_dataset(tmp_path, 1, 1, 1, seed=0)
    (root / "benign" / "mine.png").write_bytes(b"work of hours")
    assert dataset.write_dataset(tmp_path, 1, 1, 1, seed=0) == root
    with pytest.raises(ValueError, match="move that away"):
        dataset.write_dataset(tmp_path, 2, 1, 1, seed=0)
    assert (root / "benign" / "mine.png").exists()


def test_a_failure_leaves_the_old_phantom_and_no_rubbish(
    tmp_path, monkeypatch
):
    root = dataset.write_dataset(tmp_path, 1, 1, 1, seed=0)
    before = digest(root)
    replace = phantom.os.replace

    def fail(source, target):
        if str(source).endswith("new"):
            raise OSError("disk full")
        replace(source, target)

    monkeypatch.setattr(phantom.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        dataset.write_dataset(tmp_path, 2, 1, 1, seed=0)
    assert digest(root) == before
    assert [p.name for p in tmp_path.iterdir()] == [dataset.FOLDER]


@pytest.mark.parametrize(
    "bad", [(-1, 1, 1, 0), (1, 1.5, 1, 0), (1, 1, 1, "x")]
)
def test_bad_counts_are_refused_before_anything_is_written(tmp_path, bad):
    with pytest.raises(ValueError, match="whole number"):
        dataset.write_dataset(tmp_path / "new", *bad)
    assert not (tmp_path / "new").exists()
