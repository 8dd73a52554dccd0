"""Models and states load safely, or are put aside with a sentence."""

import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import yaml

from helpers.files import ROOT
from helpers.model import checkpoint, optimizer, pretrained, training, unet

SETTINGS = {"epochs": 3, "code": "abc"}
ROWS = [{"epoch": 1, "val_loss": 0.5}]
WEIGHTS = [np.arange(4.0), np.ones((2, 3), np.float32)]


def tiny(width=4):
    return unet.build(size=32, width=width, depth=1)


def test_a_start_gives_its_weights_to_a_network_of_any_size(tmp_path):
    path, rng, model = tmp_path / "start.npz", np.random.default_rng(0), tiny()
    model.set_weights([rng.random(w.shape) for w in model.get_weights()])
    checkpoint.save_start(model, path)
    larger = unet.build(size=64, width=4, depth=1)
    checkpoint.start_from(larger, path)
    pairs = zip(larger.get_weights(), model.get_weights(), strict=True)
    assert all(np.allclose(a, b, rtol=1e-3, atol=1e-6) for a, b in pairs)
    with pytest.raises(ValueError, match=r"start\.npz holds .* another netw"):
        checkpoint.start_from(tiny(width=5), path)
    with pytest.raises(FileNotFoundError, match=r"no\.npz is not there: take"):
        checkpoint.start_from(larger, tmp_path / "no.npz")


def test_each_profile_finds_the_start_that_it_names():
    profiles = (ROOT / "profiles").glob("*.yaml")
    profiles = [yaml.safe_load(path.read_text()) for path in profiles]
    widths = {p["width"] for p in profiles if p["epochs_simulated"]}
    assert widths
    for width in widths:
        model = unet.build(size=32, width=width)
        checkpoint.start_from(model, ROOT / f"models/start_{width}.npz")
        classes = model(np.zeros((1, 32, 32, 1), np.float32))
        assert np.isfinite(np.array(classes)).all()
    known = ROOT / "models" / "start_pretrained.npz"
    assert known.stat().st_size <= 10e6
    checkpoint.start_from(pretrained.build(32), known)


def test_a_saved_model_holds_nothing_that_colabs_keras_refuses(tmp_path):
    model = tiny()
    checkpoint.save(model, tmp_path / "new.keras")
    for path in (tmp_path / "new.keras", ROOT / "models" / "small.keras"):
        with zipfile.ZipFile(path) as file:
            config = file.read("config.json")
        assert b"BatchNormalization" in config
        assert b"renorm" not in config and b"put_axes" not in config
    loaded = checkpoint.load(tmp_path / "new.keras").get_weights()
    assert all(map(np.array_equal, loaded, model.get_weights()))


OPEN = "import sys, keras; keras.models.load_model(sys.argv[1])"


def test_a_model_in_training_is_saved_as_any_keras_opens_it(tmp_path):
    model = tiny()
    checkpoint.save(model, tmp_path / "plain.keras")
    training.compile_for(model, optimizer.FlatAdamW(1e-3))
    checkpoint.save(model, tmp_path / "trained.keras")
    sizes = [path.stat().st_size for path in sorted(tmp_path.iterdir())]
    assert sizes[1] < 1.05 * sizes[0]
    asked = [sys.executable, "-c", OPEN, tmp_path / "trained.keras"]
    subprocess.run(asked, cwd=tmp_path, check=True)  # without this package


def test_a_small_model_is_read_back_in_32_bits(tmp_path):
    model, sizes = pretrained.build(32), []
    for small in (False, True):
        checkpoint.save(model, tmp_path / "new.keras", small=small)
        sizes.append((tmp_path / "new.keras").stat().st_size)
    assert sizes[1] < 0.45 * sizes[0]
    loaded = checkpoint.load(tmp_path / "new.keras")
    assert {str(w.dtype) for w in loaded.weights} == {"float32"}
    pairs = zip(loaded.get_weights(), model.get_weights(), strict=True)
    for one, other in pairs:
        assert np.allclose(one, other, rtol=0.01, atol=1e-6)
        assert one.ndim > 1 or np.array_equal(one, other)


@pytest.fixture
def state(tmp_path):
    """A state of SETTINGS, written after the first of three epochs."""
    state = checkpoint.State(tmp_path / "run", None, SETTINGS)
    state.write(ROWS, WEIGHTS[:1], WEIGHTS)
    return state


def read_with(state, **changed):
    """Return what a run of changed settings finds in this state's folder."""
    folder = state.path.parent
    return checkpoint.State(folder, None, SETTINGS | changed).read()


def flipped(whole):
    at = len(whole) // 2
    return whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :]


@pytest.mark.parametrize("spoil", [flipped, lambda whole: b""])
def test_a_state_that_cannot_be_read_is_put_aside(state, capsys, spoil):
    content = spoil(state.path.read_bytes())
    state.path.write_bytes(content)
    assert read_with(state) == ([], [], [])
    assert "The earlier run cannot be read" in capsys.readouterr().out
    (aside,) = state.path.parent.glob("earlier-*-resume.npz")
    assert aside.read_bytes() == content and not state.path.exists()


def test_a_state_of_other_settings_is_put_aside_with_a_reason(state, capsys):
    # of another version, which had no setting of that name
    assert read_with(state, epochs=4, code="abd", new=1) == ([], [], [])
    said = capsys.readouterr().out
    assert "The earlier run had another epochs, code, new: starting" in said
    (aside,) = state.path.parent.glob("earlier-*-resume.npz")
    assert f"It is kept as {aside}." in said


def test_no_state_that_is_put_aside_replaces_another(state):
    first = state.path.read_bytes()
    read_with(state, epochs=4)
    checkpoint.State(state.path.parent, None, SETTINGS).write([], [], [])
    read_with(state, epochs=5)
    kept = state.path.parent.glob("earlier-*-resume.npz")
    contents = [path.read_bytes() for path in kept]
    assert len(contents) == 2 and first in contents


def test_no_local_folder_replaces_a_drive_that_went_away(tmp_path, capsys):
    drive = tmp_path / "unmounted"
    state = checkpoint.State(tmp_path / "run", drive, SETTINGS)
    shutil.rmtree(drive)
    state.write(ROWS, WEIGHTS, [])
    said = capsys.readouterr().out
    assert "Drive failed (" in said and "): going on without." in said
    assert state.path.exists() and not drive.exists()
