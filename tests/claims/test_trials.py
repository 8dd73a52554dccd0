"""A trial learns, repeats with its seed, and is scored and timed."""

import numpy as np
import pytest

from helpers.claims import toy_images, trials
from helpers.evaluation import metrics
from helpers.model import losses

SIZE = 32
QUICK = {"steps": 200, "width": 4, "depth": 2, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def land():
    return toy_images.draw(48, SIZE, seed=0)


@pytest.fixture(scope="module")
def model(land):
    return trials.trained(*land, **QUICK)


def test_a_trial_learns_what_it_was_shown(land, model):
    images, labels = land
    has_object = labels.any(axis=(1, 2))
    references = list(labels[has_object] > 0)
    dice = trials.case_dice(model, images[has_object], references)
    everything = [metrics.dice(r, np.ones_like(r)) for r in references]
    assert dice.shape == (has_object.sum(),)
    assert dice.mean() > np.mean(everything) + 0.2


def test_same_seed_same_weights_other_seed_others(land, model):
    again = trials.trained(*land, **QUICK, seed=0).get_weights()
    other = trials.trained(*land, **QUICK, seed=1).get_weights()
    np.testing.assert_equal(again, model.get_weights())
    assert not np.array_equal(again[0], other[0])


def test_one_graph_serves_several_learning_rates(land, model):
    slow = trials.trained(*land, **QUICK | {"learning_rate": 1e-5})
    assert model.curve.shape == slow.curve.shape == (QUICK["steps"],)
    assert model.curve[-20:].mean() < 0.8 * slow.curve[-20:].mean()
    assert slow.curve[0] == pytest.approx(model.curve[0])


def test_the_score_is_taken_at_the_original_size(model, monkeypatch):
    """Where the image is twice as large, and narrower than its square."""
    classes = np.zeros((2, SIZE, SIZE, 3))
    classes[..., 0] = 1
    classes[1, 10:20, 12:20] = 0, 1, 0
    monkeypatch.setattr(trials.training, "predict", lambda *_: classes)
    wide = np.zeros((2 * SIZE, SIZE), bool)
    wide[20:40, 8:24] = True
    images = np.zeros((2, SIZE, SIZE), np.uint8)
    missed, found = trials.case_dice(model, images, [wide, wide])
    assert missed == 0 and found > 0.95


def test_views_are_disturbed_and_repeat_with_epoch_and_seed(land):
    def dark(image, rng):
        return image // 2 + rng.integers(0, 2, dtype=np.uint8)

    plain, changed, again = (
        trials.Views(*land, 8, 0, disturb)[0] for disturb in (None, dark, dark)
    )
    assert changed[0].mean() < 0.6 * plain[0].mean()
    assert np.array_equal(changed[1], plain[1])
    assert np.array_equal(again[0], changed[0])


def test_disturbed_images_are_seeded_and_of_the_kind_asked_for(land):
    images, changed = land[0][:6], {}
    for kind in trials.TESTS:
        one, again = (trials.disturbed(images, kind) for _ in range(2))
        assert np.array_equal(one, again) and one.dtype == np.uint8
        changed[kind] = (one != images).mean()
    assert 0 < changed["marks"] < changed["speckle"]
    rngs = list(map(np.random.default_rng, range(60)))
    tried = [trials.disturb(images[0], rng) for rng in rngs]
    same = np.mean([np.array_equal(one, images[0]) for one in tried])
    assert 0.15 < same < 0.6


def test_the_loss_without_overlap_lacks_just_that():
    labels = np.zeros((2, 8, 8), "int32")
    labels[0, 2:5, 2:5] = 1
    classes = np.full((2, 8, 8, 3), 1 / 3, "float32")
    overlap = losses.dice_loss(labels, classes)
    rest = trials.without_overlap(labels, classes)
    whole = losses.segmentation_loss(labels, classes)
    assert np.allclose(rest + overlap, whole, atol=1e-6)
