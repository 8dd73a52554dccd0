"""`make predict`: images of one's own, good and bad, and models that are none."""

import os
import subprocess
import sys

import cv2
import keras
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from helpers import busi, networks, training

sys.path.insert(0, str(ROOT / "tools"))
import predict


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.keras"
    keras.utils.set_random_seed(0)
    training.save(networks.unet(size=32, width=4, depth=2), path)
    return path


@pytest.fixture
def run(monkeypatch, model_file):
    """Call the command in this process; return its exit status."""

    def call(images, out, model=model_file):
        arguments = ["predict.py", str(images), str(out), "--model", str(model)]
        monkeypatch.setattr(sys, "argv", arguments)
        return predict.main()

    return call


def picture(height=60, width=80, kind=np.uint8, channels=0):
    top = np.iinfo(kind).max
    shape = (height, width, channels) if channels else (height, width)
    return np.random.default_rng(0).integers(0, top, shape).astype(kind)


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), content)


def test_each_image_gets_a_mask_an_overlay_and_a_row(run, tmp_path):
    folder, out = tmp_path / "my images (1)", tmp_path / "out"
    put(folder / "grey.png", picture())
    put(folder / "sub" / "rgba é.png", picture(50, 40, channels=4))
    put(folder / "deep.tiff", picture(40, 70, np.uint16))
    put(folder / "photo.JPG", picture(33, 31, channels=3))
    put(folder / "grey_mask.png", picture())
    before = sorted(folder.rglob("*"))
    assert run(folder, out) == 0
    table = pd.read_csv(out / "predictions.csv").set_index("file")
    assert list(table.columns) == predict.COLUMNS[1:] and len(table) == 4
    for name, row in table.iterrows():
        mask = cv2.imread(str((out / "masks" / name).with_suffix(".png")), -1)
        shown = cv2.imread(str((out / "overlays" / name).with_suffix(".png")), -1)
        assert mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 255}
        assert mask.shape == predict.read_grey(folder / name).shape
        assert shown.shape == (*mask.shape, 3)
        assert row["area_pixels"] == (mask > 0).sum()
        parts = row[["p_normal", "p_benign", "p_malignant"]].sum()
        assert parts == pytest.approx(1, abs=1e-3)
    assert sorted(folder.rglob("*")) == before
    assert not list(out.rglob(".partial*"))


def test_sixteen_bits_are_scaled_by_the_stated_rule(tmp_path):
    put(tmp_path / "a.png", np.full((20, 20), 257 * 100, np.uint16))
    assert (predict.read_grey(tmp_path / "a.png") == 100).all()


def test_names_that_agree_do_not_overwrite_each_other(run, tmp_path):
    put(tmp_path / "in/x.png", picture())
    put(tmp_path / "in/x.jpg", picture())
    assert run(tmp_path / "in", tmp_path / "out") == 0
    assert len(list((tmp_path / "out/masks").iterdir())) == 2


def test_bad_images_are_listed_and_the_rest_is_done(run, tmp_path, capsys):
    folder = tmp_path / "in"
    put(folder / "good.png", picture())
    put(folder / "tiny.png", picture(4, 4))
    (folder / "text.png").write_text("no picture")
    (folder / "empty.jpg").write_bytes(b"")
    whole = cv2.imencode(".png", picture())[1].tobytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 8])
    assert run(folder, tmp_path / "out") == 1
    table = pd.read_csv(tmp_path / "out/predictions.csv").set_index("file")
    assert table["problem"].isna().to_dict() == {
        "cut.png": False,
        "empty.jpg": False,
        "good.png": True,
        "text.png": False,
        "tiny.png": False,
    }
    assert "4 could not be used" in capsys.readouterr().out


def test_one_image_alone(run, tmp_path):
    put(tmp_path / "in/one.png", picture())
    assert run(tmp_path / "in/one.png", tmp_path / "out") == 0
    assert (tmp_path / "out/masks/one.png").exists()


def test_older_files_of_the_user_stay(run, tmp_path):
    put(tmp_path / "in/one.png", picture())
    (tmp_path / "out/masks").mkdir(parents=True)
    (tmp_path / "out/masks/mine.txt").write_text("keep")
    run(tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out/masks/mine.txt").read_text() == "keep"


@pytest.mark.parametrize(
    ("images", "out", "said"),
    [
        ("gone", "out", "does not exist"),
        ("empty", "out", "holds no image"),
        ("in", "in", "outside of it"),
        ("in", "in/results", "outside of it"),
        ("in", "file/results", "could not be written"),
    ],
)
def test_wrong_folders_are_refused(run, tmp_path, images, out, said):
    put(tmp_path / "in/one.png", picture())
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(predict.Refused, match=said):
        run(tmp_path / images, tmp_path / out)


def carries_code(path):
    layer = keras.layers.Lambda(lambda x: x + 1)
    keras.Sequential([keras.Input((32, 32, 1)), layer]).save(path)


def other_shape(path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(path)


def cut_off(path):
    other_shape(path)
    path.write_bytes(path.read_bytes()[:500])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.write_text("no model"), "is no model"),
        (cut_off, "is no model"),
        (carries_code, "is no model that can be used"),
        (other_shape, "wanted is"),
    ],
    ids=["missing", "text", "cut off", "carries code", "other shape"],
)
def test_files_that_are_no_model_are_refused(run, tmp_path, make, said):
    put(tmp_path / "in/one.png", picture())
    make(tmp_path / "m.keras")
    with pytest.raises(predict.Refused, match=said):
        run(tmp_path / "in", tmp_path / "out", tmp_path / "m.keras")
    assert not (tmp_path / "out").exists()


def test_the_rule_beside_the_model_counts(run, tmp_path, model_file):
    put(tmp_path / "in/one.png", picture())
    model = tmp_path / "m.keras"
    model.write_bytes(model_file.read_bytes())
    for threshold, area in ((0.0, 60 * 80), (1.0, 0)):
        model.with_suffix(".json").write_text(f'{{"threshold": {threshold}}}')
        run(tmp_path / "in", tmp_path / "out", model)
        table = pd.read_csv(tmp_path / "out/predictions.csv")
        assert table["area_pixels"][0] == area
    model.with_suffix(".json").write_text("[]")
    with pytest.raises(predict.Refused, match="no rule"):
        run(tmp_path / "in", tmp_path / "out", model)


def test_the_command_ends_with_one_sentence_and_status_2(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/predict.py"), str(tmp_path), "out"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 2
    assert (
        len(done.stderr.strip().splitlines()) == 1 and "holds no image" in done.stderr
    )


def test_what_is_read_is_what_the_notebooks_read(phantom_root):
    case = busi.index(phantom_root).iloc[0]
    assert np.array_equal(predict.read_grey(case.image), busi.read_image(case.image))
