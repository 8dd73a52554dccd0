"""The network learns, its loss works on empty masks, and its files load safely."""

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import batches, networks, training

SIZE = 32


@pytest.fixture(scope="module")
def discs():
    """Bright discs of class 1 and squares of class 2 on noise, and empty images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 90, (48, SIZE, SIZE)).astype(np.uint8)
    labels = np.zeros_like(images)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    for i in range(48):
        y, x = rng.integers(9, 23, 2)
        disc = (yy - y) ** 2 + (xx - x) ** 2 < 36
        square = (abs(yy - y) < 6) & (abs(xx - x) < 6)
        labels[i] = [disc, 2 * square, 0 * disc][i % 3]
        images[i] += (labels[i] > 0).astype(np.uint8) * 120
    return images, labels


@pytest.fixture(scope="module")
def fitted(discs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    images, labels = discs
    train = batches.Batches(images[:36], labels[:36], 6, seed=0, augment=False)
    validation = batches.Batches(images[36:], labels[36:], 12, seed=0, augment=False)
    settings = {"size": SIZE, "width": 8, "epochs": 8, "learning_rate": 5e-3, "seed": 0}
    return folder, *training.fit(train, validation, folder, **settings)


def test_network_gives_each_pixel_a_distribution():
    model = networks.unet(size=SIZE, width=4)
    classes = training.predict(model, np.zeros((2, SIZE, SIZE), np.uint8))
    assert classes.shape == (2, SIZE, SIZE, 3) and classes.dtype == np.float32
    assert classes.sum(axis=-1) == pytest.approx(1, abs=1e-5)


def test_size_that_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match="multiple of 16"):
        networks.unet(size=100)


def test_loss_on_an_empty_mask_falls_with_the_false_lesion():
    losses = []
    for probability in (0.9, 0.5, 0.1):
        classes = np.zeros((1, 8, 8, 3), np.float32)
        classes[..., 0], classes[..., 1] = 1 - probability, probability
        empty = np.zeros((1, 8, 8), np.int32)
        losses.append(float(networks.segmentation_loss(empty, classes)[0]))
    assert losses[0] > losses[1] + 0.05 > losses[2] + 0.1


def test_metric_equals_the_score(discs):
    from helpers import scores

    labels = discs[1][:9]
    guess = np.roll(labels, 3, axis=1)
    classes = np.eye(3, dtype=np.float32)[guess]
    expected = np.mean(
        [scores.dice(a > 0, b > 0) for a, b in zip(labels, guess, strict=True)]
    )
    assert float(networks.lesion_dice(labels, classes)) == pytest.approx(expected)


def test_training_learns_what_can_be_learned(fitted, discs):
    _, model, history = fitted
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    images, labels = discs[0][36:], discs[1][36:]
    answer = training.predict(model, images)
    lesion = np.argmax(answer, axis=-1) > 0
    overlap = 2 * (lesion & (labels > 0)).sum() / (lesion.sum() + (labels > 0).sum())
    assert overlap > 0.8  # answering nothing gives 0


def test_model_file_gives_the_same_answer_and_loads_safely(fitted, discs):
    folder, model, _ = fitted
    again = keras.saving.load_model(
        folder / "model.keras", compile=False, safe_mode=True
    )
    same = training.predict(again, discs[0][:4]) - training.predict(model, discs[0][:4])
    assert np.abs(same).max() < 1e-6
    assert list(folder.glob(".partial*")) == []


def test_history_file_holds_every_epoch(fitted):
    folder, _, history = fitted
    table = pd.read_csv(folder / "history.csv")
    assert (
        list(table["epoch"]) == list(range(1, 9)) == [row["epoch"] for row in history]
    )


def test_images_of_another_size_are_refused(fitted):
    with pytest.raises(ValueError, match="letterbox"):
        training.predict(fitted[1], np.zeros((1, 64, 64), np.uint8))


def test_a_model_with_code_in_it_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)])
    model.save(tmp_path / "foreign.keras")
    with pytest.raises(ValueError, match=r"safe|unsafe|lambda"):
        training.load(tmp_path / "foreign.keras")
