"""`make predict`: images of one's own, and models, good and bad."""

import hashlib
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from picture_files import smooth

from helpers.data import listing, pictures
from helpers.evaluation import lesion_size
from helpers.evaluation.postprocessing import RULE
from helpers.model import unet
from tools import outputs, predict


def picture(*shape, dtype=np.uint8):
    """Return random pixels of a shape, of (60, 80) if none is given."""
    rng, top = np.random.default_rng(0), np.iinfo(dtype).max
    return rng.integers(0, top, shape or (60, 80), dtype)


def encoded(pixels, suffix=".png"):
    """Return the bytes of an image file."""
    return cv2.imencode(suffix, pixels)[1].tobytes()


def put(name, pixels=None):
    """Write an image file, and its folder."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = encoded(picture() if pixels is None else pixels, path.suffix)
    path.write_bytes(data)


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    """Each test begins in a folder of its own that holds in/one.png only."""
    monkeypatch.chdir(tmp_path)
    put("in/one.png")


@pytest.fixture
def run(monkeypatch, model_file):
    """Call the command in this process; return its exit status."""

    def call(images="in", out="out", mm="", model=model_file):
        arguments = ["predict", images, out, "--model", str(model)]
        arguments += ["--mm-per-pixel", mm]
        monkeypatch.setattr(sys, "argv", arguments)
        return predict.main()

    return call


def command(*arguments, **environment):
    """Run the command in a process of its own; return the process."""
    tool = [sys.executable, "-m", "tools.predict", *arguments]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    options = {"env": variables, "capture_output": True, "check": False}
    return subprocess.run(tool, **options)


def table():
    """Return the table that the command wrote, a row for each file."""
    return pd.read_csv("out/predictions.csv", index_col="file")


def files(folder="."):
    """Return {path in the folder: content} of all files below it."""
    found = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_each_image_gets_a_mask_an_overlay_and_a_row(run, capsys):
    folder = Path("my images (1)")
    images = {
        "grey.png": picture(),
        "sub/rgba é.png": picture(50, 40, 4),
        "deep.tiff": picture(40, 70, dtype=np.uint16),
        "photo.JPG": picture(33, 31, 3),
    }
    for name, pixels in images.items():
        put(folder / name, pixels)
    before = files(folder)
    assert run(str(folder)) == 0
    said = capsys.readouterr().out
    assert "16-bit file, read as 16 bits: deep.tiff" in said
    assert said.count("not a medical device") == 1
    assert list(table().columns) == predict.COLUMNS[1:]
    assert set(table().index) == set(images)
    for name, row in table().iterrows():
        written = Path(name).with_suffix(".png")
        mask = cv2.imread(f"out/masks/{written}", cv2.IMREAD_UNCHANGED)
        overlay = cv2.imread(f"out/overlays/{written}", cv2.IMREAD_UNCHANGED)
        assert mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 255}
        assert mask.shape == images[name].shape[:2]
        assert overlay.shape == (*mask.shape, 3)
        assert row["area_pixels"] == (mask > 0).sum()
        page = Path("out/reports", name).with_suffix(".html").read_text()
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert digest in page and row["class"] in page
        probabilities = row[predict.PROBABILITIES].astype(float)
        assert probabilities.sum() == pytest.approx(1, abs=1e-3)
        of_lesions = probabilities[1:].idxmax() if mask.any() else "p_normal"
        assert f"p_{row['class']}" == of_lesions
    assert files(folder) == before
    assert not list(Path("out").rglob(".partial*"))


def test_box_and_sizes_are_those_of_the_mask():
    classes = np.zeros((32, 32, 3), np.float32)
    classes[..., 0] = 1
    classes[8:16, 4:20] = [0, 0, 1]
    grey = picture(64, 64)
    both = np.stack([classes, classes])
    found = pictures.Picture(grey, [], (0.1, 0.2))
    mask, row = predict.described(found, both, RULE)
    assert [row[name] for name in predict.BOX] == [8, 16, 32, 16]
    assert row["area_pixels"] == 32 * 16
    assert row["area_fraction"] == 32 * 16 / 64**2
    assert row["unit"] == "mm" and row["mm_across"] == 0.2
    assert row["area"] == pytest.approx(32 * 0.2 * 16 * 0.1, rel=0.02)
    assert row["length"] == pytest.approx(np.hypot(6.4, 1.6), rel=0.02)
    for name in lesion_size.SIZES:
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
    assert row["class"] == "malignant"
    assert (row["look_again"], row["why"]) == ("no", "")
    overlay = predict.outlined(grey, mask, "malignant")
    assert tuple(overlay[16, 20]) == (0x00, 0x5E, 0xD5)  # vermilion, BGR
    assert (overlay[40:] == grey[40:, :, None]).all()
    both[:, 8:16, :4] = [0, 0, 1]
    _, row = predict.described(pictures.Picture(grey, []), both, RULE)
    assert row["look_again"] == "yes" and "touches the edge" in row["why"]
    assert row["unit"] == "pixels" and "mm_down" not in row
    assert row["area_pixels"] == row["area"] == 40 * 16


def test_a_spacing_is_down_and_across_the_files_own_goes_first(monkeypatch):
    assert predict.spacing_of("0.08,0.1") == (0.08, 0.1)
    assert predict.spacing_of("0.08") == (0.08, 0.08)
    own = pictures.Picture(smooth(), [], (0.2, 0.3))
    monkeypatch.setattr(pictures, "read", lambda path: own)
    run = predict.Run(Path("in"), listing.Listing(), Path("out"), (0.5, 0.5))
    assert run.read(Path("in/one.png"), {}).spacing == (0.2, 0.3)


def test_a_folder_that_may_not_be_read_is_listed(run, monkeypatch):
    put("in/locked/x.png")
    listdir = os.listdir

    def refuse(path):
        if "locked" in str(path):  # a real one would not be locked for root
            raise PermissionError(13, "Permission denied", str(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    assert run() == 1
    assert table().loc["locked", "problem"].startswith("cannot be read")
    message = r"locked cannot be read \(Permission"
    with pytest.raises(predict.Refused, match=message):
        run("in/locked")


def test_all_that_was_seen_is_counted_and_named(run, capsys):
    put("in/sub/two.png")
    put("in/masks/one.png")
    put("in/.hidden/x.png")
    put("in/black and white.png", (picture() > 99) * np.uint8(255))
    put("in/grey.png", np.full((60, 80), 90, np.uint8))
    Path("in/notes.txt").write_text("no image")
    assert run() == 1
    said = capsys.readouterr()
    assert "7 seen: 2 images done, 1 could not be used, 4 left" in said.out
    assert list(table().index) == ["grey.png", "one.png", "sub/two.png"]
    assert "shows nothing" in table().loc["grey.png", "problem"]
    left = pd.read_csv("out/left_out.csv", index_col="file")["reason"]
    expected = {"masks", ".hidden", "black and white.png", "notes.txt"}
    assert set(left.index) == expected
    assert all(name in said.out for name in expected)
    # a mask that is named is a problem: nothing else is asked for
    assert run("in/black and white.png") == 2


def test_own_results_are_never_predicted(run):
    assert run("in", "kept/results") == 0
    put("kept/two.png")
    assert run("kept") == 0
    assert list(table().index) == ["two.png"]
    for result in ("kept/results/masks", "kept/results/overlays/one.png"):
        with pytest.raises(predict.Refused, match="a result of this command"):
            run(result)


def test_a_link_that_is_named_is_followed(run):
    os.symlink("in/one.png", "link.png")
    os.symlink("in", "folder")
    assert run("link.png") == run("folder") == 0
    assert files("out/masks").keys() == {"link.png", "one.png"}


def test_names_that_agree_or_are_too_long_stay_apart(tmp_path):
    names = ["a/x.png", "b/x.png", "x.png", "X.jpg", "x.png.png"]
    names += ["y.png", "z.x.tif", *(f"{'x' * 249}{k}.png" for k in (1, 2))]
    found = outputs.names_of(tmp_path, [tmp_path / name for name in names])
    assert len({name.casefold() for name in found}) == len(names)
    assert {"a/x", "b/x", "y", "z.x"} < set(found)
    for name in found:
        outputs.put({tmp_path / "reports" / f"{name}.html": b"whole"})


def test_results_of_an_earlier_run_are_told_apart(run, capsys):
    put("in/two.png")
    run()
    Path("in/two.png").unlink()
    Path("out/masks/mine.txt").write_text("of the user")
    assert run() == 0
    (line,) = [
        line
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("In OUT, but not of this run")
    ]
    assert "masks/mine.txt" in line and "masks/two.png" in line
    assert "one" not in line
    assert Path("out/masks/mine.txt").read_text() == "of the user"


def test_rows_of_an_earlier_run_stay_until_their_image_is_done_again(run):
    put("in/two.png")
    put("other/three.png", picture(16, 5000))  # as narrow as a picture may be
    assert run() == run("other") == 0
    assert list(table().index) == ["one.png", "two.png", "three.png"]
    # as a spreadsheet may save it
    path = Path("out/predictions.csv")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b",", b";"))
    with pytest.raises(predict.Refused, match="is a result of this command"):
        run("out/masks")
    assert run("other") == 0 and len(table()) == 3


ENDED = """
import os, signal
from helpers import files
from tools import outputs

def main():
    with files.replacing("kept") as partial:
        partial.write_bytes(b"half")
        {}

outputs.command(main)
"""
ENDS = {
    "os.kill(os.getpid(), signal.SIGTERM); signal.pause()": "Interrupted",
    "print('x' * 10**6, flush=True)": "The output was closed",
}


@pytest.mark.parametrize("end", ENDS)
def test_what_is_ended_leaves_nothing_half_written(end):
    tool = [sys.executable, "-c", ENDED.format(end)]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(tool, env=variables, **pipes) as process:
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 2 and said.strip().count("\n") == 0
    assert said.strip().startswith(ENDS[end])
    assert list(files()) == ["in/one.png"]


@pytest.mark.parametrize("name", outputs.NAMES)
def test_files_of_others_are_not_overwritten(run, name):
    path = Path("out", name)
    if name in outputs.PICTURES:
        path = path / "one.png"
    path.parent.mkdir(parents=True)
    path.write_text("my,own,table")
    with pytest.raises(predict.Refused, match="was not written by this"):
        run()
    assert files("out") == {str(path.relative_to("out")): b"my,own,table"}


def test_mm_per_pixel_counts_where_the_file_tells_nothing(run, monkeypatch):
    put("in/one.png", picture(120, 160))
    everything = {"threshold": 0.0, "minimum_area": 0, "image_threshold": 0}
    monkeypatch.setattr(predict, "read_rule", lambda path: everything)
    assert run("in", "out", "0.1") == 0
    row = table().loc["one.png"]
    assert row["unit"] == "mm"
    assert row["area"] == pytest.approx(120 * 160 / 100)
    assert "mm" in Path("out/reports/one.html").read_text()
    assert run("in", "out", "9") == 0  # a breast of more than a metre
    row = table().loc["one.png"]
    assert row["unit"] == "pixels" and "cannot be true" in row["notes"]


@pytest.mark.parametrize("text", ["x", "0", "-1", "nan", "1,2,3", "10 cm"])
def test_a_spacing_that_is_none_is_refused(text):
    with pytest.raises(predict.Refused, match="is no spacing"):
        predict.spacing_of(text)


AMONG = "would write where the images are"
WRONG_FOLDERS = [
    ("in", "", "Give IMAGES="),
    ("~nobody-of-this-name/x", "out", "cannot be read"),
    ("x" * 300, "out", "cannot be read"),
    ("gone", "out", "gone cannot be read"),
    ("empty", "out", "holds no image"),
    ("in", "in", AMONG),
    ("in", "in/results", AMONG),
    ("in", "empty/../in/results", AMONG),
    ("in", "link", AMONG),
    ("link", "in", AMONG),
    ("in", "linked", AMONG),
    ("in/one.png", "in", AMONG),
    ("old/masks", "old", AMONG),
    ("old/masks/one.png", "old", AMONG),
    ("old/masks/a", "old", AMONG),
    ("in", "file/results", "could not be written"),
    ("in", "file", "could not be written"),
]


@pytest.mark.parametrize(("images", "out", "message"), WRONG_FOLDERS)
def test_wrong_folders_are_refused(run, images, out, message):
    put("old/masks/one.png")
    put("old/masks/a/one.png")
    os.mkdir("empty")
    os.mkdir("linked")
    os.symlink("../in", "linked/masks")
    os.symlink("in", "link")
    Path("file").write_text("no folder")
    before = files()
    with pytest.raises(predict.Refused, match=message):
        run(images, out)
    assert files() == before


def test_a_full_disk_leaves_nothing_half_written(run):
    put("in/one.png", picture(200, 200))
    run()
    before = files("out")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    message = r"one.png could not be written \(File"
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
        with pytest.raises(predict.Refused, match=message):
            run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    after = files("out")
    assert after.keys() == before.keys()
    assert after["overlays/one.png"] == before["overlays/one.png"]


def test_an_interruption_leaves_a_table_of_what_was_done(run, monkeypatch):
    for i in range(4):
        put(f"four/{i}.png")
    write = predict.Run.write

    def stopped(self, name, *others):
        if name == "3":
            raise KeyboardInterrupt
        return write(self, name, *others)

    monkeypatch.setattr(predict, "CHUNK", 2)
    monkeypatch.setattr(predict.Run, "write", stopped)
    with pytest.raises(KeyboardInterrupt):
        run("four")
    assert list(table().index) == ["0.png", "1.png"]


def saves(*layers):
    """Return a function that saves a network of these layers."""
    return lambda path: keras.Sequential(list(layers)).save(path)


def two_inputs(path):
    images = [keras.Input((32, 32, 1)), keras.Input((32, 32, 1))]
    keras.Model(images, keras.layers.Concatenate()(images)).save(path)


def broken_weights(path):
    model = unet.build(size=32, width=4, depth=2)
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    model.save(path)


def damaged(path):
    broken_weights(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


IMAGE, ANY_SIZE = keras.Input((32, 32, 1)), keras.Input((None, None, 1))
CODE = keras.layers.Lambda(lambda x: x + 1)
UNBUILT, DENSE = keras.layers.Dense(3), keras.layers.Dense(3)
TWO_CLASSES = keras.layers.Conv2D(2, 1)
ONES = keras.layers.Conv2D(3, 1, bias_initializer="ones")
SOFTMAX = keras.layers.Conv2D(3, 1, activation="softmax")
NO_MODELS = {
    "gone": (lambda path: None, "does not exist"),
    "folder": (Path.mkdir, "is no .keras file"),
    "text": (lambda path: path.write_text("none"), "cut off or no .keras"),
    "damaged": (damaged, "cut off or no .keras file"),
    "carries code": (saves(IMAGE, CODE), "no model that can be used"),
    "without input": (saves(UNBUILT), "no model that can be used"),
    "other shape": (saves(keras.Input((4,)), DENSE), "wanted is"),
    "two classes": (saves(IMAGE, TWO_CLASSES), "wanted is"),
    "any size": (saves(ANY_SIZE, SOFTMAX), "wanted is"),
    "two inputs": (two_inputs, "wanted is"),
    "no softmax": (saves(IMAGE, ONES), "no probabilities"),
    "broken weights": (broken_weights, "no probabilities"),
}


@pytest.mark.parametrize(("make", "said"), NO_MODELS.values(), ids=NO_MODELS)
@pytest.mark.filterwarnings("ignore:You are saving a model that has not")
def test_files_that_are_no_model_are_refused(run, make, said):
    make(Path("m.keras"))
    with pytest.raises(predict.Refused, match=said) as refused:
        run(model="m.keras")
    assert "\n" not in str(refused.value)
    assert not os.path.exists("out")


def test_only_keras_files_are_opened(run, model_file):
    shutil.copy(model_file, "m.h5")  # the older format may carry code
    with pytest.raises(predict.Refused, match=r"is no \.keras file"):
        run(model="m.h5")


def test_without_a_model_the_small_one_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "SMALL_MODEL", tmp_path / "small.keras")
    message = r"small model .* give a model.keras"
    with pytest.raises(predict.Refused, match=message):
        run(model="")


@pytest.mark.parametrize(("threshold", "area"), [(0.0, 60 * 80), (1.0, 0)])
def test_the_rule_beside_the_model_counts(run, model_file, threshold, area):
    shutil.copy(model_file, "m.keras")
    Path("m.json").write_text(f'{{"threshold": {threshold}}}')
    run(model="m.keras")
    row = table().loc["one.png"]
    assert row["area_pixels"] == area
    assert pd.isna(row["box_x"]) == (area == 0)


NO_RULES = ["[]", "{", '{"threshold": 2}', '{"threshold": "x"}']
NO_RULES += ['{"minimum_area": NaN}', "\xff"]


@pytest.mark.parametrize("text", NO_RULES)
def test_a_rule_that_is_none_is_refused(text):
    Path("m.json").write_text(text, encoding="latin-1")
    with pytest.raises(predict.Refused, match="no rule"):
        predict.read_rule(Path("m.json"))


def test_the_command_says_only_its_own_sentences(model_file):
    data = encoded(picture())
    put("all/[a] b's é (1).png")
    Path("all/truncated.png").write_bytes(data[:900])
    Path("all", os.fsdecode(b"no utf-8 \xff\n.png")).write_bytes(data)
    Path("all", os.fsdecode(b"bad \xff.png")).write_text("no picture")
    done = command("all", "out", "--model", model_file, LC_ALL="C")
    said = done.stderr.splitlines()
    assert done.returncode == 1 and len(said) == 2, done.stderr
    assert all(b"no whole picture" in line for line in said)
    assert len(files("out/masks")) == 2
    assert done.stdout.rstrip().endswith(b"This is not a medical device.")


def test_the_command_ends_with_one_sentence_and_status_2():
    done = command("", "")
    (line,) = done.stderr.decode().strip().splitlines()
    assert done.returncode == 2 and "Give IMAGES=" in line


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_hands_names_with_spaces_on():
    show = f"{sys.executable} -c 'import sys; print(sys.argv[3:])'"
    values = ["IMAGES=my images (1)", 'OUT=it\'s "here"', "MODEL=a; b.keras"]
    make = ["make", "-s", "-o", "setup", "predict", f"PY={show}", *values]
    said = subprocess.check_output(make, cwd=ROOT, text=True)
    given = ["--model=a; b.keras", "--mm-per-pixel=", "--"]
    given += ["my images (1)", 'it\'s "here"']
    assert said.strip() == str(given)
