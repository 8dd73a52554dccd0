"""The network learns; a run may be stopped at any moment; its files load safely."""

import os
import shutil
import signal
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import yaml
from conftest import ROOT

from helpers.model import augmentation, checkpoint, losses, training, unet

SIZE = 32
SETTINGS = {"epochs": 3, "learning_rate": 5e-3, "seed": 0}


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


def parts(discs, augment=True):
    images, labels = discs
    return (
        augmentation.Batches(
            images[:36], labels[:36], 6, seed=0, augment=augment
        ),
        augmentation.Batches(
            images[36:], labels[36:], 12, seed=0, augment=False
        ),
    )


def new_model(width=4, seed=0):
    keras.utils.set_random_seed(seed)
    return unet.build(size=SIZE, width=width, depth=2)


@pytest.fixture(scope="module")
def fitted(discs, tmp_path_factory):
    """A run long enough to learn, in bfloat16: (its folder, model, history)."""
    folder = tmp_path_factory.mktemp("run")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = new_model(width=8)
    finally:
        keras.config.set_dtype_policy("float32")
    settings = {**SETTINGS, "epochs": 10}
    return folder, *training.fit(
        model, *parts(discs, False), folder, **settings
    )


@pytest.fixture(scope="module")
def finished(discs, tmp_path_factory):
    """A short run that nothing interrupted: (its folder, what fit returned)."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, training.fit(new_model(), *parts(discs), folder, **SETTINGS)


@pytest.fixture(scope="module")
def whole(finished):
    """Its (weights, history without times)."""
    return outcome(*finished[1])


def outcome(model, history):
    rows = [
        {k: v for k, v in row.items() if k != "seconds"} for row in history
    ]
    return [np.array(w) for w in model.get_weights()], rows


def assert_same(one, other):
    assert one[1] == other[1]
    assert all(
        np.array_equal(a, b) for a, b in zip(one[0], other[0], strict=True)
    )


class Trap(augmentation.Batches):
    """Batches that do something at the third batch of the third epoch."""

    def __getitem__(self, i):
        if self.epoch == 2 and i == 2:
            self.spring()
        return super().__getitem__(i)


def trapped(discs, spring):
    train, validation = parts(discs)
    trap = Trap(train.images, train.labels, 6, seed=0)
    trap.spring = spring
    return trap, validation


def killed():
    """Train until SIGKILL in the middle of the third epoch: a script's own job."""
    with np.load("discs.npz") as file:
        discs = file["images"], file["labels"]
    data = trapped(discs, lambda: os.kill(os.getpid(), signal.SIGKILL))
    training.fit(new_model(), *data, "run", drive="drive", **SETTINGS)


def test_network_gives_each_pixel_a_distribution():
    model = unet.build(size=SIZE, width=4)
    classes = training.predict(model, np.zeros((2, SIZE, SIZE), np.uint8))
    assert classes.shape == (2, SIZE, SIZE, 3) and classes.dtype == np.float32
    assert classes.sum(axis=-1) == pytest.approx(1, abs=1e-5)


def test_compact_network_has_under_a_million_parameters():
    assert unet.build(width=16).count_params() < 1_000_000


def test_encoder_without_its_weights_is_said(monkeypatch, capsys):
    real = keras.applications.MobileNetV2

    def offline(weights, **options):
        if weights:
            raise Exception("URL fetch failure")
        return real(weights=None, **options)

    monkeypatch.setattr(keras.applications, "MobileNetV2", offline)
    model = unet.build(size=SIZE, encoder="mobilenet")
    assert "starts from random" in capsys.readouterr().out
    assert model.output_shape == (None, SIZE, SIZE, 3)
    assert all(
        layer.trainable for layer in model.get_layer("mobilenet").layers
    )


def test_encoder_with_weights_keeps_its_first_layers_and_its_statistics(
    monkeypatch,
):
    real = keras.applications.MobileNetV2

    def online(weights, **options):
        return real(weights=None, **options)

    monkeypatch.setattr(keras.applications, "MobileNetV2", online)
    model = unet.build(size=SIZE, encoder="mobilenet")
    encoder = model.get_layer("mobilenet")
    last = [layer.name for layer in encoder.layers].index(unet.FROZEN)
    kept = [
        [w.copy() for w in layer.get_weights()] for layer in encoder.layers
    ]
    model.compile(keras.optimizers.SGD(0.1), loss=losses.segmentation_loss)
    images = np.random.default_rng(0).random((4, SIZE, SIZE, 1), np.float32)
    model.train_on_batch(images, np.ones((4, SIZE, SIZE), np.int32))
    changed = []
    for i, (layer, old) in enumerate(zip(encoder.layers, kept, strict=True)):
        new = layer.get_weights()
        if isinstance(layer, keras.layers.BatchNormalization):
            assert np.array_equal(
                old[2:], new[2:]
            )  # the moving mean and variance
        if not all(map(np.array_equal, old, new)):
            changed.append(i)
    assert changed and min(changed) > last


@pytest.mark.parametrize(
    "options",
    [{"size": 100}, {"size": 48, "encoder": "mobilenet"}, {"encoder": "vgg"}],
)
def test_impossible_networks_are_refused(options):
    with pytest.raises(ValueError, match="must be"):
        unet.build(**options)


def test_loss_on_an_empty_mask_falls_with_the_false_lesion():
    losses = []
    for probability in (0.9, 0.5, 0.1):
        classes = np.zeros((1, 8, 8, 3), np.float32)
        classes[..., 0], classes[..., 1] = 1 - probability, probability
        empty = np.zeros((1, 8, 8), np.int32)
        losses.append(
            [
                float(part(empty, classes)[0])
                for part in (losses.dice_loss, losses.image_loss)
            ]
        )
    assert losses[0] > losses[1] > losses[2]
    assert np.all(np.array(losses[0]) > np.array(losses[2]) + 0.1)


def test_image_loss_asks_for_the_class_too():
    labels = np.zeros((1, 8, 8), np.int32)
    labels[0, 2:5, 2:5] = 2
    right = np.zeros((1, 8, 8, 3), np.float32)
    right[..., 0] = 1
    right[0, 2:5, 2:5] = [0.05, 0.05, 0.9]
    wrong = right[..., [0, 2, 1]]
    assert (
        losses.image_loss(labels, wrong)
        > losses.image_loss(labels, right) + 0.5
    )


def test_metric_is_dice_of_the_thresholded_lesion():
    labels = np.zeros((1, 4, 4), np.int32)
    labels[0, :2] = 2
    classes = np.zeros((1, 4, 4, 3), np.float32)
    classes[..., 0] = 1
    classes[0, 1:3] = [0.2, 0.4, 0.4]
    assert float(losses.lesion_dice(labels, classes)) == pytest.approx(0.5)


def test_the_network_learns_and_keeps_its_best_weights(fitted, discs):
    folder, model, history = fitted
    assert history[-1]["loss"] < history[0]["loss"]
    images, labels = (part[36:] for part in discs)
    answer = training.predict(model, images)
    score = float(losses.lesion_dice(labels, answer))
    assert score > 0.5
    kept = min(history, key=lambda row: row["val_loss"])
    assert score == pytest.approx(kept["val_dice"], abs=1e-3)
    assert not list(folder.glob(".partial*"))


def test_a_model_trained_in_bfloat16_loads_and_answers_anywhere(fitted, discs):
    folder, model, _ = fitted
    loaded = checkpoint.load(folder / "model.keras")
    one, other = (training.predict(m, discs[0][:12]) for m in (model, loaded))
    assert abs(one - other).max() < 1e-6
    plain = new_model(width=8)
    plain.set_weights(loaded.get_weights())
    assert abs(training.predict(plain, discs[0][:12]) - one).max() < 0.05


def test_a_start_gives_its_weights_to_a_network_of_any_size(fitted, tmp_path):
    path = tmp_path / "start.npz"
    checkpoint.save_start(fitted[1], path)
    larger = unet.build(size=64, width=8, depth=2)
    checkpoint.start_from(larger, path)
    pairs = zip(larger.get_weights(), fitted[1].get_weights(), strict=True)
    assert all(np.allclose(a, b, rtol=1e-3, atol=1e-6) for a, b in pairs)
    with pytest.raises(
        ValueError, match=r"start\.npz holds .* another network"
    ):
        checkpoint.start_from(new_model(width=5), path)
    with pytest.raises(
        FileNotFoundError, match=r"nowhere\.npz is not there: take"
    ):
        checkpoint.start_from(larger, tmp_path / "nowhere.npz")


def test_each_profile_finds_the_start_that_it_names():
    profiles = [
        yaml.safe_load(p.read_text())
        for p in (ROOT / "profiles").glob("*.yaml")
    ]
    widths = {p["width"] for p in profiles if p.get("start") == "simulated"}
    assert widths
    for width in widths:
        model = unet.build(size=32, width=width)
        checkpoint.start_from(model, ROOT / f"models/start_{width}.npz")
        assert np.isfinite(
            training.predict(model, np.zeros((1, 32, 32)))
        ).all()


def test_flip_answers_the_same_for_a_mirrored_image(fitted, discs):
    _, model, _ = fitted
    image = discs[0][:2]
    straight = training.predict(model, image, flip=True)
    mirrored = training.predict(model, image[:, :, ::-1], flip=True)
    assert straight == pytest.approx(mirrored[:, :, ::-1], abs=1e-5)


def test_a_saved_model_holds_nothing_that_colabs_keras_refuses(tmp_path):
    model = new_model()
    checkpoint.save(model, tmp_path / "new.keras")
    for path in (tmp_path / "new.keras", ROOT / "models" / "small.keras"):
        with zipfile.ZipFile(path) as file:
            config = file.read("config.json")
        assert b"BatchNormalization" in config
        assert b"renorm" not in config and b"put_axes" not in config
    loaded = checkpoint.load(tmp_path / "new.keras").get_weights()
    assert all(map(np.array_equal, loaded, model.get_weights()))


class Counted(keras.optimizers.schedules.PolynomialDecay):
    """A learning rate that counts how often it is computed."""

    times = 0

    def __call__(self, step):
        self.times += 1
        return super().__call__(step)


def test_a_step_computes_its_rate_once_and_ends_with_the_same_weights():
    class AsKeras(training.AveragingAdamW):
        apply = keras.optimizers.AdamW.apply

    rng, ends = np.random.default_rng(0), []
    gradients = rng.normal(size=(5, 3, 4)).astype("float32")
    for kind, computed in [(training.AveragingAdamW, 1), (AsKeras, 4)]:
        weights = [keras.Variable(np.ones(4, "float32")) for _ in range(3)]
        rate = Counted(0.1, 5)
        optimizer = kind(rate, weight_decay=0.1, clipnorm=1.0, use_ema=True)
        optimizer.build(weights)
        for gradient in gradients:
            rate.times = 0
            optimizer.apply(list(gradient), weights)
            assert rate.times == computed
        live = [np.array(weight) for weight in weights]
        optimizer.finalize_variable_values(weights)
        ends.append(live + [np.array(weight) for weight in weights])
    assert np.array_equal(*ends) and not np.array_equal(ends[0][0], ends[0][3])


@pytest.fixture(scope="module")
def remains(discs, tmp_path_factory):
    """The folders "run" and "drive" that SIGKILL left behind in a process of its own."""
    folder = tmp_path_factory.mktemp("killed")
    np.savez(folder / "discs.npz", images=discs[0], labels=discs[1])
    dead = subprocess.run(
        [sys.executable, "-c", "from test_training import killed; killed()"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr[-500:]
    return folder


def again(discs, folder, **changed):
    return outcome(
        *training.fit(new_model(), *parts(discs), folder, **SETTINGS | changed)
    )


def test_a_run_that_was_killed_ends_as_if_it_was_not(
    discs, whole, remains, tmp_path, capsys
):
    run = shutil.copytree(remains / "run", tmp_path / "run")
    (run / "model.keras").write_bytes(
        b"of another run"
    )  # what counts is the state
    assert_same(again(discs, run), whole)
    assert "Going on after epoch 2" in capsys.readouterr().out


def test_a_new_machine_goes_on_from_drive(
    discs, whole, remains, tmp_path, capsys
):
    drive = shutil.copytree(remains / "drive", tmp_path / "drive")
    assert_same(again(discs, tmp_path / "new", drive=drive), whole)
    assert (
        "Going on after epoch 1" in capsys.readouterr().out
    )  # copies keep a pause
    told, best, values = checkpoint.read_state(drive / "resume.npz")
    assert len(told["rows"]) == SETTINGS["epochs"] and best and not values


def test_ctrl_c_leaves_a_run_that_goes_on_even_if_drive_fails(
    discs, whole, tmp_path, capsys
):
    data = trapped(discs, lambda: signal.raise_signal(signal.SIGINT))
    # a process started in the background ignores Ctrl-C unless it asks for it
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            training.fit(new_model(), *data, tmp_path / "run", **SETTINGS)
    finally:
        signal.signal(signal.SIGINT, before)
    assert "Stopped after epoch 2" in capsys.readouterr().out
    drive = tmp_path / "drive"
    drive.write_text("not a folder")  # nothing can be written below it
    assert_same(again(discs, tmp_path / "run", drive=drive), whole)
    assert "Drive failed" in capsys.readouterr().out


def test_a_drive_that_went_away_is_not_replaced_by_a_local_folder(
    tmp_path, capsys
):
    (tmp_path / "state").write_text("state")
    checkpoint.copy(tmp_path / "state", tmp_path / "unmounted" / "state")
    assert "Drive failed" in capsys.readouterr().out
    assert not (tmp_path / "unmounted").exists()


def test_a_finished_run_is_not_trained_again(discs, finished, whole, capsys):
    (finished[0] / "model.keras").unlink()
    assert_same(again(discs, finished[0]), whole)
    assert "Trained already" in capsys.readouterr().out
    assert (finished[0] / "model.keras").exists()


def taken_up(folder, settings):
    """Return the history that a run of these settings finds in a folder."""
    return training.Run(folder, None, settings, [], None, None).rows


def test_a_damaged_state_is_put_aside(finished, tmp_path, capsys):
    content = bytearray((finished[0] / "resume.npz").read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "resume.npz").write_bytes(content)
    assert taken_up(tmp_path, {}) == []
    assert "cannot be read" in capsys.readouterr().out
    assert (tmp_path / "earlier-resume.npz").read_bytes() == content


def test_another_run_starts_anew_and_says_why(
    discs, finished, tmp_path, capsys
):
    shutil.copy(finished[0] / "resume.npz", tmp_path)
    settings = SETTINGS | training.fingerprints(new_model(), *parts(discs))
    assert taken_up(tmp_path, settings) == finished[1][1]
    images = discs[0].copy()
    images[0, 0, 0] ^= 1
    other = training.fingerprints(
        new_model(width=5), *parts((images, discs[1]))
    )
    assert taken_up(tmp_path, settings | other | {"learning_rate": 1e-3}) == []
    said = "had another learning_rate, start, network, data: starting anew"
    assert said in capsys.readouterr().out.replace("\n", " ")
    assert (tmp_path / "earlier-resume.npz").exists()


def test_a_model_that_was_used_is_refused(discs, tmp_path):
    model = new_model()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="new model"):
        training.fit(model, *parts(discs), tmp_path, **SETTINGS)


@pytest.mark.parametrize("batch", [2, 5])
def test_a_loss_that_is_not_finite_stops_with_the_weights_of_before(
    discs, tmp_path, monkeypatch, batch
):
    """Also where the last step of an epoch breaks the weights, after its own loss."""

    class Spoilt(training.Run):
        def on_train_batch_end(self, step, logs):
            super().on_train_batch_end(step, logs)
            if self.train.epoch == 1 and step == batch:
                weights = self.model.get_weights()
                self.model.set_weights([w * np.nan for w in weights])

    monkeypatch.setattr(training, "Run", Spoilt)
    with pytest.raises(
        FloatingPointError, match=r"epoch 2.*smaller learning_rate"
    ):
        again(discs, tmp_path)
    kept = checkpoint.load(tmp_path / "model.keras")
    assert all(np.isfinite(w).all() for w in kept.get_weights())
    told, _, values = checkpoint.read_state(tmp_path / "resume.npz")
    assert len(told["rows"]) == 1 and all(np.isfinite(v).all() for v in values)


def test_a_batch_that_is_too_large_names_a_smaller_one(discs, tmp_path):
    class Full(augmentation.Batches):
        def __getitem__(self, i):
            raise RuntimeError(
                "RESOURCE_EXHAUSTED: out of memory allocating 9 GB"
            )

    train, validation = Full(*discs, 6, seed=0), parts(discs)[1]
    with pytest.raises(MemoryError, match=r"batch of 6 images.*batch_size=3"):
        training.fit(new_model(), train, validation, tmp_path, **SETTINGS)


@pytest.mark.parametrize(
    ("capability", "bfloat16", "policy"),
    [
        (8.0, False, "mixed_bfloat16"),
        (7.5, True, "mixed_float16"),
        (None, True, "mixed_bfloat16"),
        (None, False, "float32"),
    ],
)
def test_precision_suits_the_device(monkeypatch, capability, bfloat16, policy):
    monkeypatch.setattr(training.place, "gpu_capability", lambda: capability)
    monkeypatch.setattr(training.place, "cpu_has_bfloat16", lambda: bfloat16)
    assert training.precision() == policy


def test_uint8_and_float_images_mean_the_same():
    grey = np.array([[0, 255], [51, 102]], np.uint8)[None]
    assert np.allclose(
        augmentation.as_input(grey), augmentation.as_input(grey / 255)
    )


@pytest.mark.parametrize("bad", [np.full((1, 4, 4), 200.0), np.zeros((4, 4))])
def test_images_of_another_kind_are_refused(bad):
    with pytest.raises(ValueError, match="images must"):
        augmentation.as_input(bad)


def test_images_of_another_size_are_refused(fitted):
    with pytest.raises(ValueError, match="letterbox"):
        training.predict(fitted[1], np.zeros((1, 64, 64), np.uint8))


def test_a_model_that_carries_code_is_refused(tmp_path):
    layer = keras.layers.Lambda(lambda x: x + 1)
    keras.Sequential([keras.Input((4,)), layer]).save(
        tmp_path / "foreign.keras"
    )
    with pytest.raises(ValueError, match=r"[Ll]ambda"):
        checkpoint.load(tmp_path / "foreign.keras")
