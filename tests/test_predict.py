"""`make predict`: images of one's own, good and bad, and models that are none."""

import os
import resource
import shutil
import subprocess
import sys
import zlib

import cv2
import keras
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image

from helpers.data import busi
from helpers.model import checkpoint, unet
from tools import predict


def tiny():
    keras.utils.set_random_seed(0)
    return unet.build(size=32, width=4, depth=2)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.keras"
    checkpoint.save(tiny(), path)
    return path


@pytest.fixture
def run(monkeypatch, model_file):
    """Call the command in this process; return its exit status."""

    def call(images, out, model=model_file):
        arguments = [
            "predict.py",
            str(images),
            str(out),
            "--model",
            str(model),
        ]
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


def files(folder):
    """Return {path in the folder: content} of all files below it."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_each_image_gets_a_mask_an_overlay_and_a_row(run, tmp_path, capsys):
    folder, out = tmp_path / "my images (1)", tmp_path / "out"
    put(folder / "grey.png", picture())
    put(folder / "sub" / "rgba é.png", picture(50, 40, channels=4))
    put(folder / "deep.tiff", picture(40, 70, np.uint16))
    put(folder / "photo.JPG", picture(33, 31, channels=3))
    put(folder / "a_masked_man.png", picture())
    put(folder / "grey_mask.png", picture())
    put(folder / "grey_mask_1.png", picture())
    (folder / "notes.txt").write_text("no image")
    before = files(folder)
    assert run(folder, out) == 0
    said = capsys.readouterr().out
    assert (
        "Left out: 2 files" in said and said.count("not a medical device") == 1
    )
    table = pd.read_csv(out / "predictions.csv").set_index("file")
    assert list(table.columns) == predict.COLUMNS[1:] and len(table) == 5
    for name, row in table.iterrows():
        mask = cv2.imread(str((out / "masks" / name).with_suffix(".png")), -1)
        shown = cv2.imread(
            str((out / "overlays" / name).with_suffix(".png")), -1
        )
        assert mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 255}
        assert mask.shape == predict.read_grey(folder / name).shape
        assert shown.shape == (*mask.shape, 3)
        assert row["area_pixels"] == (mask > 0).sum()
        parts = row[["p_normal", "p_benign", "p_malignant"]].astype(float)
        assert parts.sum() == pytest.approx(1, abs=1e-3)
        assert f"p_{row['class']}" == parts.idxmax()
    assert files(folder) == before
    assert not list(out.rglob(".partial*"))


def test_box_and_area_are_those_of_the_mask():
    classes = np.zeros((32, 32, 3), np.float32)
    classes[..., 0] = 1
    classes[8:16, 4:20] = [0, 0, 1]
    grey = picture(64, 64)
    box = predict.masks.letterbox(grey, 32)[1]
    written = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            predict, "put", lambda path, data: written.update({path: data})
        )
        row = predict.described("x", grey, classes, box, {}, ROOT)
    bounds = [row[f"box_{part}"] for part in ("x", "y", "width", "height")]
    assert bounds == [8, 16, 32, 16] and row["area_pixels"] == 32 * 16
    assert (
        row["area_fraction"] == 32 * 16 / 64**2 and row["class"] == "malignant"
    )
    overlay = cv2.imdecode(
        np.frombuffer(written[ROOT / "overlays/x.png"], "u1"), 1
    )
    assert tuple(overlay[16, 20]) == (0x00, 0x5E, 0xD5)  # vermilion, BGR
    assert (overlay[40:] == grey[40:, :, None]).all()


@pytest.mark.parametrize(
    ("mode", "suffix", "tolerance"),
    [
        ("1", "png", 0),
        ("L", "png", 0),
        ("LA", "png", 0),
        ("P", "png", 0),
        ("RGB", "png", 1),
        ("RGBA", "png", 1),
        ("L", "bmp", 0),
        ("RGB", "bmp", 1),
        ("L", "tif", 0),
        ("RGB", "tiff", 1),
        ("L", "jpeg", 60),
        ("CMYK", "jpg", 60),
    ],
)
def test_every_kind_of_picture_is_read_as_grey(
    tmp_path, mode, suffix, tolerance
):
    shown = Image.fromarray(picture()).convert(mode)
    shown.save(tmp_path / f"x.{suffix}")
    grey = predict.read_grey(tmp_path / f"x.{suffix}")
    assert grey.shape == (60, 80) and grey.dtype == np.uint8
    expected = np.array(shown.convert("RGB").convert("L"), int)
    assert abs(grey.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_by_the_stated_rule(tmp_path, bits, suffix):
    values = np.linspace(0, 2**bits - 1, 400).astype(np.uint16).reshape(20, 20)
    put(tmp_path / f"a.{suffix}", values)
    grey = predict.read_grey(tmp_path / f"a.{suffix}")
    assert grey.max() == 255
    assert abs(grey - values / (2**bits - 1) * 255).max() <= 0.51


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif"])
@pytest.mark.parametrize("share", [0.02, 0.4, 0.9])
def test_a_cut_off_file_is_no_picture(tmp_path, suffix, share):
    whole = cv2.imencode(f".{suffix}", picture(channels=3))[1].tobytes()
    (tmp_path / "x").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match="no whole picture"):
        predict.read_grey(tmp_path / "x")


def no_pixels(path):
    """Write a PNG whose header says 0 x 0."""
    data = cv2.imencode(".png", picture())[1].tobytes()
    header = b"IHDR" + bytes(8) + data[24:29]
    path.write_bytes(
        data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:]
    )


def of_600_megabytes(path):
    path.touch()
    os.truncate(path, 600_000_000)  # a hole: it takes no room


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_text("no picture"), "no whole picture"),
        (lambda path: path.write_bytes(bytes(1000)), "no whole picture"),
        (no_pixels, "no whole picture"),
        (of_600_megabytes, "larger than 500 MB"),
        (lambda path: None, "cannot be read"),
        (lambda path: path.mkdir(), "cannot be read"),
        (lambda path: put(path, picture(4, 4)), "under 16 pixels"),
    ],
    ids=["empty", "text", "zeros", "0 x 0", "huge", "gone", "folder", "tiny"],
)
def test_what_is_no_image_is_told_in_a_few_words(tmp_path, make, said):
    make(tmp_path / "x.png")
    with pytest.raises(ValueError, match=said):
        predict.read_grey(tmp_path / "x.png")


def test_fractions_and_too_many_pixels_are_told(tmp_path):
    put(tmp_path / "x.tiff", np.zeros((20, 20), np.float32))
    with pytest.raises(ValueError, match="float32"):
        predict.read_grey(tmp_path / "x.tiff")
    Image.new("1", (8000, 7000)).save(tmp_path / "x.png")
    code = "import sys, pathlib, predict; predict.read_grey(pathlib.Path(sys.argv[1]))"
    done = subprocess.run(  # OpenCV reads its limit when it is imported
        [sys.executable, "-c", code, str(tmp_path / "x.png")],
        cwd=ROOT / "tools",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        "ValueError: is no whole picture, or has over 50 million"
        in done.stderr
    )


def test_bad_images_are_listed_and_the_rest_is_done(run, tmp_path, capsys):
    folder = tmp_path / "in"
    put(folder / "good.png", picture())
    (folder / "text.png").write_text("no picture")
    (folder / "empty.jpg").write_bytes(b"")
    assert run(folder, tmp_path / "out") == 1
    table = pd.read_csv(tmp_path / "out/predictions.csv").set_index("file")
    bad = table["problem"].notna()
    assert bad.to_dict() == {
        "empty.jpg": True,
        "good.png": False,
        "text.png": True,
    }
    assert "2 could not be used" in capsys.readouterr().out
    (folder / "good.png").unlink()
    assert run(folder, tmp_path / "out") == 2


def test_a_folder_that_may_not_be_read_is_listed(run, tmp_path, monkeypatch):
    folder, scandir = tmp_path / "in", os.scandir
    put(folder / "good.png", picture())
    put(folder / "locked" / "x.png", picture())

    def refuse(path):
        if "locked" in str(path):  # a real one would not be locked for root
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert run(folder, tmp_path / "out") == 1
    table = pd.read_csv(tmp_path / "out/predictions.csv").set_index("file")
    assert table.loc["locked", "problem"].startswith("cannot be read")
    with pytest.raises(
        predict.Refused, match=r"locked cannot be read \(Permission"
    ):
        run(folder / "locked", tmp_path / "out")


def test_links_pipes_and_hidden_files_are_left_out(run, tmp_path):
    folder = tmp_path / "in"
    put(folder / "x.png", picture())
    put(folder / "._x.png", picture())
    put(tmp_path / "elsewhere/y.png", picture())
    (folder / "link.png").symlink_to(tmp_path / "elsewhere/y.png")
    (folder / "gone.png").symlink_to("nowhere")
    (folder / "round").symlink_to(folder)
    (folder / "elsewhere").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(folder / "pipe.png")
    assert run(folder, tmp_path / "out") == 0
    assert list(pd.read_csv(tmp_path / "out/predictions.csv")["file"]) == [
        "x.png"
    ]


def test_a_link_that_is_named_is_followed(run, tmp_path):
    put(tmp_path / "in/x.png", picture())
    (tmp_path / "link.png").symlink_to(tmp_path / "in/x.png")
    (tmp_path / "folder").symlink_to(tmp_path / "in")
    assert run(tmp_path / "link.png", tmp_path / "out") == 0
    assert run(tmp_path / "folder", tmp_path / "out") == 0
    assert {"link.png", "x.png"} == {
        p.name for p in (tmp_path / "out/masks").iterdir()
    }


def test_names_that_agree_do_not_overwrite_each_other(run, tmp_path):
    names = [
        "a/x.png",
        "b/x.png",
        "x.png",
        "X.jpg",
        "x.png.png",
        "y.png",
        "z.x.tif",
    ]
    for name in names:
        put(tmp_path / "in" / name, picture())
    assert run(tmp_path / "in", tmp_path / "out") == 0
    found = sorted(name.casefold() for name in files(tmp_path / "out/masks"))
    assert len(set(found)) == len(names)
    assert {"a/x.png", "b/x.png", "y.png", "z.x.png"} < set(found)


def test_one_image_alone_may_lie_beside_the_results(run, tmp_path):
    put(tmp_path / "one.png", picture())
    assert run(tmp_path / "one.png", tmp_path) == 0
    assert set(files(tmp_path)) == {
        "one.png",
        "masks/one.png",
        "overlays/one.png",
        "predictions.csv",
    }


def test_older_results_are_replaced_and_files_of_the_user_stay(run, tmp_path):
    put(tmp_path / "in/one.png", picture())
    out = tmp_path / "out"
    for name in ("masks/mine.txt", "masks/one.png", "predictions.csv"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("old")
    assert run(tmp_path / "in", out) == 0
    found = files(out)
    assert (
        found.pop("masks/mine.txt") == b"old" and b"old" not in found.values()
    )


@pytest.mark.parametrize(
    ("images", "out", "said"),
    [
        ("gone", "out", "gone cannot be read"),
        ("empty", "out", "holds no image"),
        ("in", "in", "would write where the images are"),
        ("in", "in/results", "would write where the images are"),
        ("in", "empty/../in/results", "would write where the images are"),
        ("in", "link", "would write where the images are"),
        ("link", "in", "would write where the images are"),
        ("in", "linked", "would write where the images are"),
        ("old/masks", "old", "would write where the images are"),
        ("old/masks/one.png", "old", "would write where the images are"),
        ("in", "file/results", "could not be written"),
        ("in", "file", "could not be written"),
    ],
)
def test_wrong_folders_are_refused(run, tmp_path, images, out, said):
    put(tmp_path / "in/one.png", picture())
    put(tmp_path / "old/masks/one.png", picture())
    (tmp_path / "empty").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/masks").symlink_to(tmp_path / "in")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    (tmp_path / "file").write_text("no folder")
    before = files(tmp_path)
    with pytest.raises(predict.Refused, match=said):
        run(tmp_path / images, tmp_path / out)
    assert files(tmp_path) == before


def test_a_full_disk_leaves_nothing_half_written(run, tmp_path):
    put(tmp_path / "in/one.png", picture(200, 200))
    run(tmp_path / "in", tmp_path / "out")
    before = files(tmp_path / "out")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
        with pytest.raises(
            predict.Refused, match=r"one.png could not be written \(File"
        ):
            run(tmp_path / "in", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    after = files(tmp_path / "out")
    assert after.keys() == before.keys()
    assert after["overlays/one.png"] == before["overlays/one.png"]


def test_an_interruption_leaves_a_table_of_what_was_done(
    run, tmp_path, monkeypatch
):
    for i in range(4):
        put(tmp_path / f"in/{i}.png", picture())
    monkeypatch.setattr(predict, "CHUNK", 2)
    real = predict.described

    def stopped(name, *others):
        if name == "3":
            raise KeyboardInterrupt
        return real(name, *others)

    monkeypatch.setattr(predict, "described", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "in", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out/predictions.csv")
    assert list(table["file"]) == ["0.png", "1.png"]


def carries_code(path):
    layer = keras.layers.Lambda(lambda x: x + 1)
    keras.Sequential([keras.Input((32, 32, 1)), layer]).save(path)


def other_shape(path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(path)


def two_classes(path):
    keras.Sequential(
        [keras.Input((32, 32, 1)), keras.layers.Conv2D(2, 1)]
    ).save(path)


def any_size(path):
    image = keras.Input((None, None, 1))
    layer = keras.layers.Conv2D(3, 1, activation="softmax")
    keras.Model(image, layer(image)).save(path)


def two_inputs(path):
    parts = [keras.Input((32, 32, 1)), keras.Input((32, 32, 1))]
    keras.Model(parts, keras.layers.Concatenate()(parts)).save(path)


def no_input(path):
    keras.Sequential([keras.layers.Dense(3)]).save(path)


def no_softmax(path):
    layer = keras.layers.Conv2D(3, 1, bias_initializer="ones")
    keras.Sequential([keras.Input((32, 32, 1)), layer]).save(path)


def broken_weights(path):
    model = tiny()
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    model.save(path)


def cut_off(path):
    other_shape(path)
    path.write_bytes(path.read_bytes()[:500])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "is no .keras file"),
        (lambda path: path.mkdir(), "is no .keras file"),
        (
            lambda path: path.write_text("no model"),
            "no model that can be used",
        ),
        (cut_off, "no model that can be used"),
        (carries_code, "no model that can be used"),
        (no_input, "no model that can be used"),
        (other_shape, "wanted is"),
        (two_classes, "wanted is"),
        (any_size, "wanted is"),
        (two_inputs, "wanted is"),
        (no_softmax, "no probabilities"),
        (broken_weights, "no probabilities"),
    ],
)
def test_files_that_are_no_model_are_refused(run, tmp_path, make, said):
    put(tmp_path / "in/one.png", picture())
    make(tmp_path / "m.keras")
    with pytest.raises(predict.Refused, match=said) as refused:
        run(tmp_path / "in", tmp_path / "out", tmp_path / "m.keras")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_only_keras_files_are_opened(run, tmp_path, model_file):
    put(tmp_path / "in/one.png", picture())
    shutil.copy(
        model_file, tmp_path / "model.h5"
    )  # the older format may carry code
    with pytest.raises(predict.Refused, match=r"is no \.keras file"):
        run(tmp_path / "in", tmp_path / "out", tmp_path / "model.h5")


def test_without_a_model_the_small_one_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "SMALL_MODEL", tmp_path / "small.keras")
    put(tmp_path / "in/one.png", picture())
    with pytest.raises(
        predict.Refused, match=r"small model .* give a model.keras"
    ):
        run(tmp_path / "in", tmp_path / "out", "")


def test_the_rule_beside_the_model_counts(run, tmp_path, model_file):
    put(tmp_path / "in/one.png", picture())
    model = tmp_path / "m.keras"
    shutil.copy(model_file, model)
    for threshold, area in ((0.0, 60 * 80), (1.0, 0)):
        model.with_suffix(".json").write_text(f'{{"threshold": {threshold}}}')
        run(tmp_path / "in", tmp_path / "out", model)
        row = pd.read_csv(tmp_path / "out/predictions.csv").iloc[0]
        assert row["area_pixels"] == area
        assert pd.isna(row["box_x"]) == (area == 0)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"threshold": 2}',
        '{"threshold": "x"}',
        '{"minimum_area": NaN}',
        "\xff",
    ],
)
def test_a_rule_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "m.json").write_text(text, encoding="latin-1")
    with pytest.raises(predict.Refused, match="no rule"):
        predict.read_rule(tmp_path / "m.json")


def command(*arguments, **environment):
    tool = [
        sys.executable,
        str(ROOT / "tools/predict.py"),
        *map(str, arguments),
    ]
    environment = {**os.environ, **environment}
    return subprocess.run(
        tool, capture_output=True, check=False, env=environment
    )


def test_the_command_says_only_its_own_sentences(tmp_path, model_file):
    folder = tmp_path / "in"
    put(folder / "[a] b's é (1).png", picture())
    data = cv2.imencode(".png", picture())[1].tobytes()
    (folder / "cut.png").write_bytes(data[:900])
    with open(os.fsencode(folder) + b"/no utf-8 \xff\n.png", "wb") as file:
        file.write(data)
    (folder / os.fsdecode(b"bad \xff.png")).write_text("no picture")
    done = command(folder, tmp_path / "out", "--model", model_file, LC_ALL="C")
    said = done.stderr.decode().splitlines()
    assert done.returncode == 1 and len(said) == 2, done.stderr
    assert all("no whole picture" in line for line in said)
    assert len(list((tmp_path / "out/masks").iterdir())) == 2
    assert (
        done.stdout.decode().rstrip().endswith("This is not a medical device.")
    )


@pytest.mark.parametrize(
    ("images", "out", "said"),
    [
        ("", "", "Give IMAGES="),
        ("in", "", "Give IMAGES="),
        ("empty", "out", "holds no image"),
        ("~nobody-of-this-name/x", "out", "cannot be read"),
        ("x" * 300, "out", "cannot be read"),
    ],
)
def test_the_command_ends_with_one_sentence_and_status_2(
    tmp_path, images, out, said
):
    (tmp_path / "empty").mkdir()
    where = str(tmp_path / images) if images == "empty" else images
    done = command(where, out)
    lines = done.stderr.decode().strip().splitlines()
    assert done.returncode == 2 and len(lines) == 1 and said in lines[0], lines


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_hands_names_with_spaces_on():
    code = "import sys; print(sys.argv[2:])"
    show = f"{sys.executable} -c '{code}'"
    values = ["IMAGES=my images (1)", 'OUT=it\'s "here"', "MODEL=a; b.keras"]
    done = subprocess.run(
        ["make", "-s", "-o", "setup", "predict", f"PY={show}", *values],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(
        ["my images (1)", 'it\'s "here"', "--model", "a; b.keras"]
    )


def test_what_is_read_is_what_the_notebooks_read(phantom_root):
    path = phantom_root / "benign" / "benign (1).png"
    assert np.array_equal(predict.read_grey(path), busi.read_image(path))


def test_the_model_card_has_the_headings_of_its_sources():
    card = (ROOT / "models/README.md").read_text()
    headings = [
        line[3:] for line in card.splitlines() if line.startswith("## ")
    ]
    assert headings == [
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ]
    assert "not a medical device" in card
