"""The small model in the reader's browser: Keras' own masks, and nothing leaves the page."""

import base64
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import Tab

from helpers.data import busi, masks
from helpers.data.phantom import dataset
from helpers.evaluation import classification, metrics, postprocessing
from helpers.model import checkpoint, training
from tools import predict
from tools.site import try_page

SOON = 30_000  # milliseconds: a busy machine is slow
LOGS = ("INFO: ", "WARNING: ")  # LiteRT writes its log to the console's errors
SEGMENT = """async (content) => {
  const part = (name) => import(new URL(`_static/try/${name}.js`, location.href));
  const [net, pic, find] = await Promise.all(["network", "picture", "findings"].map(part));
  window.network ??= await net.open();
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const began = performance.now();
  const picture = await pic.read(new File([bytes], "x"));
  const { map, box, probabilities, milliseconds } = await net.segment(network, picture);
  const mask = find.lesionMask(map, box, probabilities, network.rule);
  const all = performance.now() - began;
  return { mask: mask.join(""), probabilities, milliseconds, all };
}"""
RESIZE = """async ([height, width, grey, map]) => {
  const { letterbox, restore } = await import(new URL("_static/try/masks.js", location.href));
  const bytes = (coded) => Uint8Array.from(atob(coded), (letter) => letter.charCodeAt(0));
  const coded = (array) => btoa(Array.from(new Uint8Array(array.buffer),
                                           (byte) => String.fromCharCode(byte)).join(""));
  const { square, box } = letterbox({ height, width, grey: bytes(grey) }, 128);
  return [coded(square), coded(restore(new Float32Array(bytes(map).buffer), box)), box];
}"""
GREY = """async (content) => {
  const { read } = await import(new URL("_static/try/picture.js", location.href));
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  return Array.from((await read(new File([bytes], "x"))).grey);
}"""


@pytest.fixture
def opened(tab, home, site):
    """A function that opens the page 'Try it' in a fresh tab; or a skip."""
    if not (site / "_static" / "try").exists():
        pytest.skip(
            "the pages were built without Node or a network: nothing to try"
        )

    def open_page(**options):
        seen = tab(**options)
        seen.asked = []
        seen.page.on("request", lambda request: seen.asked.append(request.url))
        seen.page.goto(home + "try_it.html")
        seen.page.wait_for_selector("#try-app:visible", timeout=SOON)
        return seen

    return open_page


@pytest.fixture
def loaded(opened):
    """A function that opens the page and loads the network as a reader does."""

    def load(**options):
        seen = opened(**options)
        seen.page.click("#try-load")
        seen.page.wait_for_selector("#try-choose:enabled", timeout=SOON)
        return seen

    return load


def complaints(seen):
    return [text for text in seen.errors if not text.startswith(LOGS)]


def told(seen, words):
    """Wait until the page's status has these words; return all of it."""
    status = seen.page.locator("#try-status", has_text=words)
    status.wait_for(timeout=SOON)
    return status.inner_text()


def choose(seen, name):
    seen.page.click(
        f'.try-samples button:has(img[src$="simulated-{name}.png"])'
    )
    return told(seen, f"simulated-{name}.png: most likely")


def png(picture):
    return cv2.imencode(".png", picture)[1].tobytes()


def text(content):
    return base64.b64encode(content).decode()


def test_the_runtime_comes_with_the_button_and_images_go_nowhere(
    opened, tmp_path
):
    seen = opened()
    early = [url for url in seen.asked if "litert" in url or "tflite" in url]
    assert early == []
    seen.page.click("#try-load")
    seen.page.wait_for_selector("#try-choose:enabled", timeout=SOON)
    assert any(url.endswith(".wasm") for url in seen.asked)
    before = len(seen.asked)
    (tmp_path / "mine.png").write_bytes(png(np.full((90, 120), 90, np.uint8)))
    seen.page.set_input_files("#try-input", tmp_path / "mine.png")
    assert " ms, " in told(seen, "mine.png: most likely")
    assert seen.asked[before:] == [] and seen.foreign == []
    assert complaints(seen) == []


def test_the_browser_marks_what_keras_marks(opened, tmp_path):
    root = dataset.write_dataset(tmp_path, 20, 20, 10, seed=11)
    paths = [Path(image) for image in busi.index(root)["image"]]
    greys = [predict.read_grey(path) for path in paths]
    squares, boxes = zip(
        *(masks.letterbox(grey, 128) for grey in greys), strict=True
    )
    model = checkpoint.load(try_page.MODEL)
    answers = training.predict(model, np.stack(squares), flip=True)
    rule = predict.read_rule(try_page.MODEL.with_suffix(".json"))
    page, alike = opened().page, []
    for path, grey, box, classes in zip(
        paths, greys, boxes, answers, strict=True
    ):
        found = page.evaluate(SEGMENT, text(path.read_bytes()))
        wanted = postprocessing.lesion_mask(classes, box, **rule)
        mask = (
            np.frombuffer(found["mask"].encode(), np.uint8).reshape(grey.shape)
            == 49
        )
        alike.append(
            metrics.dice(wanted, mask) if (wanted | mask).any() else 1.0
        )
        expected = classification.image_probabilities(classes)
        assert found["probabilities"] == pytest.approx(expected, abs=0.01)
    assert len(alike) == 50 and min(alike) >= 0.99


@pytest.mark.parametrize(
    "shape",
    [
        (471, 562),
        (562, 471),
        (512, 512),
        (256, 300),
        (1000, 130),
        (128, 96),
        (40, 61),
    ],
)
def test_squares_and_maps_are_resized_as_in_python(opened, shape):
    rng = np.random.default_rng(0)
    grey = cv2.GaussianBlur(
        rng.integers(0, 256, shape).astype(np.uint8), (0, 0), 1
    )
    given = rng.random((128, 128)).astype(np.float32)
    arguments = [*shape, text(grey), text(given)]
    square, back, inside = opened().page.evaluate(RESIZE, arguments)
    square = np.frombuffer(base64.b64decode(square), np.uint8).reshape(
        128, 128
    )
    back = np.frombuffer(base64.b64decode(back), np.float32).reshape(shape)
    wanted, box = masks.letterbox(grey, 128)
    names = (
        "height",
        "width",
        "size",
        "innerHeight",
        "innerWidth",
        "top",
        "left",
    )
    assert [inside[name] for name in names] == list(vars(box).values())
    off = np.abs(square - wanted.astype(int))
    most = (
        0.02 if max(shape) > 128 else 0.1
    )  # OpenCV enlarges in whole numbers
    assert off.max() <= 1 and (off > 0).mean() < most
    assert np.allclose(back, masks.restore(given, box), atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "most"), [("png", 0), ("bmp", 0), ("jpg", 3)]
)
def test_colours_become_the_grey_of_opencv(opened, tmp_path, kind, most):
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(
        rng.integers(0, 256, (40, 50, 3)).astype(np.uint8), (0, 0), 2
    )
    path = tmp_path / f"x.{kind}"
    path.write_bytes(cv2.imencode(f".{kind}", picture)[1])
    grey = opened().page.evaluate(GREY, text(path.read_bytes()))
    off = np.array(grey) - predict.read_grey(path).ravel().astype(int)
    assert np.abs(off).max() <= most


def huge():
    """A small file of 25 million pixels."""
    return png(np.zeros((5000, 5000), np.uint8))


BAD = {  # file: (what it holds, what is said of it)
    "report.pdf": (lambda: b"%PDF-1.7 no image", "report.pdf is no image"),
    "notes.txt": (lambda: b"hello", "notes.txt is no image"),
    "cut.png": (
        lambda: png(np.eye(90, dtype=np.uint8))[:60],
        "cut.png is no image",
    ),
    "none.png": (lambda: b"", "none.png is empty"),
    "tiny.png": (lambda: png(np.zeros((8, 8), np.uint8)), "under 16 pixels"),
    "huge.png": (huge, "over 16 million pixels"),
    "long.png": (lambda: bytes(21_000_000), "larger than 20 MB"),
}


def test_a_bad_file_gets_a_sentence_and_the_next_one_works(loaded, tmp_path):
    seen = loaded()
    for name, (make, words) in BAD.items():
        choose(seen, "benign")
        assert seen.page.is_visible("#try-result")
        (tmp_path / name).write_bytes(make())
        seen.page.set_input_files("#try-input", tmp_path / name)
        sentence = told(seen, words)
        assert name in sentence and sentence.endswith(".")
        assert not seen.page.is_visible("#try-result")
    assert complaints(seen) == []


def test_a_dropped_image_is_segmented_once_the_network_is_there(opened):
    drop = """(content) => {
      const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], "dropped.png"));
      const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
      document.body.dispatchEvent(event);
      return event.defaultPrevented;
    }"""
    content = text(png(np.full((90, 120), 90, np.uint8)))
    seen = opened()
    assert seen.page.evaluate(drop, content)
    told(seen, "Load the network first.")
    seen.page.click("#try-load")
    seen.page.wait_for_selector("#try-choose:enabled", timeout=SOON)
    seen.page.evaluate(drop, content)
    told(seen, "dropped.png: most likely")


def test_the_slider_moves_the_outline_by_keyboard_and_goes_back(loaded):
    seen = loaded()
    choose(seen, "benign")
    area, slider = (
        seen.page.locator("#try-area"),
        seen.page.locator("#try-threshold"),
    )
    first = area.inner_text()
    rule = json.loads(try_page.MODEL.with_suffix(".json").read_text())
    assert (
        float(slider.input_value()) == rule["threshold"] and "pixels" in first
    )
    slider.focus()
    for _ in range(30):
        seen.page.keyboard.press("ArrowRight")
    pixels = [int(said.split()[3]) for said in (first, area.inner_text())]
    assert 0 < pixels[1] < pixels[0]
    assert area.inner_text() in slider.get_attribute("aria-valuetext")
    seen.page.click("#try-reset")
    assert area.inner_text() == first


def test_the_samples_show_what_the_page_says_of_them(loaded):
    seen = loaded()
    for name in ("benign", "malignant", "normal"):
        assert f"most likely {name}" in choose(seen, name)
        shown = [
            seen.page.inner_text(f"#try-{label}-number")
            for label in findings_names()
        ]
        assert sum(float(p.split()[0]) for p in shown) == pytest.approx(
            100, abs=0.2
        )
        empty = "No outline at any threshold" in seen.page.inner_text(
            "#try-area"
        )
        assert empty == (name == "normal")
    choose(seen, "normal-too")
    assert "pixels" in seen.page.inner_text("#try-area")


def findings_names():
    return list(classification.image_probabilities(np.full((2, 2, 3), 1 / 3)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(loaded, scheme):
    seen = loaded(width=390, color_scheme=scheme)
    choose(seen, "malignant")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    unnamed = """[...document.querySelectorAll(".try :is(canvas, img, input, button)")]
      .filter((part) => !(part.ariaLabel || part.alt || part.labels?.length ||
                          part.textContent.trim())).length"""
    assert seen.page.evaluate(unnamed) == 0


@pytest.mark.parametrize("lost", ["*.wasm", "small.tflite", "settings.json"])
def test_a_part_that_does_not_come_is_told(opened, lost):
    seen = opened()
    seen.page.route(f"**/{lost}", lambda route: route.fulfill(status=404))
    seen.page.click("#try-load")
    assert told(seen, "could not be loaded").endswith(
        "Reload the page to try again."
    )
    assert seen.page.is_disabled("#try-input")


def test_opened_as_a_file_the_page_names_make_serve(browser, opened, site):
    opened()  # or a skip
    seen = Tab(browser, site.as_uri())
    seen.page.goto((site / "try_it.html").as_uri())
    assert "make serve" in seen.page.inner_text("#try-file")
    assert not seen.page.is_visible("#try-app") and complaints(seen) == []
    seen.context.close()


@pytest.mark.parametrize(
    ("npm", "words"),
    [
        (None, "there was no Node"),
        ("false", "could not fetch the runtime (no reason"),
    ],
)
def test_without_node_or_network_the_page_says_so(
    tmp_path, monkeypatch, capsys, npm, words
):
    monkeypatch.setattr(try_page, "MADE", tmp_path / "made")
    monkeypatch.setattr(try_page.shutil, "which", lambda _: npm)
    try_page.add(tmp_path)
    page = (tmp_path / "try_it.md").read_text()
    assert words in page and "make pages" in page and "<script" not in page
    assert words in capsys.readouterr().out
    assert not (tmp_path / "_static").exists()
    assert not list(try_page.HERE.glob(".made-*"))
