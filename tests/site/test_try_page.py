"""The small model in the reader's browser: Keras' masks, nothing sent away."""

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
# LiteRT writes its log to the console's errors
LOGS = ("INFO: ", "WARNING: ")
TOOLS = """
  const part = (name) =>
    import(new URL(`_static/try/${name}.js`, location.href));
  const bytes = (coded) =>
    Uint8Array.from(atob(coded), (letter) => letter.charCodeAt(0));
  const coded = (array) => btoa(Array.from(new Uint8Array(array.buffer),
    (byte) => String.fromCharCode(byte)).join(""));
"""
SEGMENT = f"""async (content) => {{ {TOOLS}
  const names = ["network", "picture", "postprocessing"];
  const [net, pic, post] = await Promise.all(names.map(part));
  window.network ??= await net.open();
  const picture = await pic.read(new File([bytes(content)], "x"));
  const {{ map, box, probabilities }} = await net.segment(network, picture);
  const mask = post.lesionMask(map, box, probabilities, network.rule);
  return {{ mask: mask.join(""), probabilities }};
}}"""
RESIZE = f"""async ([height, width, grey, map]) => {{ {TOOLS}
  const {{ letterbox, restore }} = await part("masks");
  const picture = {{ height, width, grey: bytes(grey) }};
  const {{ square, box }} = letterbox(picture, 128);
  const restored = restore(new Float32Array(bytes(map).buffer), box);
  return [coded(square), coded(restored), box];
}}"""
GREY = f"""async (content) => {{ {TOOLS}
  const {{ read }} = await part("picture");
  return Array.from((await read(new File([bytes(content)], "x"))).grey);
}}"""
DROP = f"""(content) => {{ {TOOLS}
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes(content)], "dropped.png"));
  const options = {{ dataTransfer, bubbles: true, cancelable: true }};
  const event = new DragEvent("drop", options);
  document.body.dispatchEvent(event);
  return event.defaultPrevented;
}}"""
CONTROLS = ".try :is(canvas, img, input, button)"
UNNAMED = f"""[...document.querySelectorAll("{CONTROLS}")].filter((part) =>
  !(part.ariaLabel || part.alt || part.labels?.length ||
    part.textContent.trim())).length"""


@pytest.fixture
def opened(tab, home, site):
    """A function that opens the page 'Try it' in a fresh tab; or a skip."""
    if not (site / "_static" / "try").exists():
        pytest.skip("pages built without Node or a network: nothing to try")

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
    """A function that opens the page and loads the network as a reader."""
    return lambda **options: load(opened(**options))


def load(seen):
    seen.page.click("#try-load")
    seen.page.wait_for_selector("#try-choose:enabled", timeout=SOON)
    return seen


def complaints(seen):
    return [text for text in seen.errors if not text.startswith(LOGS)]


def status(seen, words):
    """Wait until the page's status has these words; return all of it."""
    line = seen.page.locator("#try-status", has_text=words)
    line.wait_for(timeout=SOON)
    return line.inner_text()


def choose(seen, name):
    image = f"img[src$='simulated-{name}.png']"
    seen.page.click(f".try-samples button:has({image})")
    return status(seen, f"simulated-{name}.png: most likely")


def grey_png(*shape):
    return cv2.imencode(".png", np.full(shape, 90, np.uint8))[1].tobytes()


def as_text(content):
    return base64.b64encode(content).decode()


def test_the_runtime_comes_with_the_button_and_images_go_nowhere(
    opened, tmp_path
):
    seen = opened()
    early = [url for url in seen.asked if "litert" in url or "tflite" in url]
    assert early == []
    load(seen)
    assert any(url.endswith(".wasm") for url in seen.asked)
    before = len(seen.asked)
    (tmp_path / "mine.png").write_bytes(grey_png(90, 120))
    seen.page.set_input_files("#try-input", tmp_path / "mine.png")
    assert " ms, " in status(seen, "mine.png: most likely")
    assert seen.asked[before:] == [] and seen.foreign == []
    assert complaints(seen) == []


def test_the_browser_predicts_the_masks_of_keras(opened, tmp_path):
    root = dataset.write_dataset(tmp_path, 20, 20, 10, seed=11)
    model = checkpoint.load(try_page.MODEL)
    rule = predict.read_rule(try_page.MODEL.with_suffix(".json"))
    page, scores, size = opened().page, [], model.input_shape[1]
    for path in map(Path, busi.index(root)["image"]):
        found = page.evaluate(SEGMENT, as_text(path.read_bytes()))
        square, box = masks.letterbox(predict.read_grey(path), size)
        (classes,) = training.predict(model, square[None], flip=True)
        expected = postprocessing.lesion_mask(classes, box, **rule)
        mask = np.array([c == "1" for c in found["mask"]])
        mask = mask.reshape(expected.shape)
        is_empty = not (expected | mask).any()
        scores.append(1.0 if is_empty else metrics.dice(expected, mask))
        image = classification.image_probabilities(classes)
        assert found["probabilities"] == pytest.approx(image, abs=0.01)
    assert len(scores) == 50 and min(scores) >= 0.99


SHAPES = [(471, 562), (562, 471), (512, 512), (256, 300)]
SHAPES += [(1000, 130), (128, 96), (40, 61)]


@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_squares_and_maps_are_resized_as_in_python(opened, height, width):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (height, width)).astype(np.uint8)
    grey = cv2.GaussianBlur(noise, (0, 0), 1)
    given = rng.random((128, 128)).astype(np.float32)
    arguments = [height, width, as_text(grey), as_text(given)]
    square, back, inside = opened().page.evaluate(RESIZE, arguments)
    square = np.frombuffer(base64.b64decode(square), np.uint8)
    back = np.frombuffer(base64.b64decode(back), np.float32)
    expected, box = masks.letterbox(grey, 128)
    assert list(inside.values()) == list(vars(box).values())
    off = np.abs(square.reshape(128, 128) - expected.astype(int))
    # OpenCV enlarges in whole numbers
    most = 0.02 if max(height, width) > 128 else 0.1
    assert off.max() <= 1 and (off > 0).mean() < most
    restored = masks.restore(given, box)
    assert np.allclose(back.reshape(height, width), restored, atol=1e-5)


LOSSES = {"png": 0, "bmp": 0, "jpg": 3}  # grey levels


@pytest.mark.parametrize(("kind", "most"), LOSSES.items())
def test_colours_become_the_grey_of_opencv(opened, tmp_path, kind, most):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    path = tmp_path / f"x.{kind}"
    cv2.imwrite(str(path), cv2.GaussianBlur(noise, (0, 0), 2))
    grey = opened().page.evaluate(GREY, as_text(path.read_bytes()))
    off = np.array(grey) - predict.read_grey(path).ravel().astype(int)
    assert np.abs(off).max() <= most


BAD = {  # file: (what it holds, what is said of it)
    "report.pdf": (b"%PDF-1.7 no image", "report.pdf is no image"),
    "notes.txt": (b"hello", "notes.txt is no image"),
    "cut.png": (grey_png(90, 90)[:60], "cut.png is no image"),
    "none.png": (b"", "none.png is empty"),
    "tiny.png": (grey_png(8, 8), "under 16 pixels"),
    "huge.png": (grey_png(5000, 5000), "over 16 million pixels"),
    "long.png": (bytes(21_000_000), "larger than 20 MB"),
}


def test_a_bad_file_gets_a_sentence_and_the_next_one_works(loaded, tmp_path):
    seen = loaded()
    for name, (content, words) in BAD.items():
        choose(seen, "benign")
        assert seen.page.is_visible("#try-result")
        (tmp_path / name).write_bytes(content)
        seen.page.set_input_files("#try-input", tmp_path / name)
        sentence = status(seen, words)
        assert name in sentence and sentence.endswith(".")
        assert not seen.page.is_visible("#try-result")
    assert complaints(seen) == []


def test_a_dropped_image_is_segmented_once_the_network_is_there(opened):
    content = as_text(grey_png(90, 120))
    seen = opened()
    assert seen.page.evaluate(DROP, content)
    status(seen, "Load the network first.")
    load(seen).page.evaluate(DROP, content)
    status(seen, "dropped.png: most likely")


def test_the_slider_moves_the_outline_by_keyboard_and_goes_back(loaded):
    seen = loaded()
    choose(seen, "benign")
    area = seen.page.locator("#try-area")
    slider = seen.page.locator("#try-threshold")
    first = area.inner_text()
    rule = json.loads(try_page.MODEL.with_suffix(".json").read_text())
    assert float(slider.input_value()) == rule["threshold"]
    slider.focus()
    for _ in range(30):
        seen.page.keyboard.press("ArrowRight")
    pixels = [int(text.split()[3]) for text in (first, area.inner_text())]
    assert 0 < pixels[1] < pixels[0] and "pixels" in first
    assert area.inner_text() in slider.get_attribute("aria-valuetext")
    seen.page.click("#try-reset")
    assert area.inner_text() == first


def test_the_samples_show_what_the_page_says_of_them(loaded):
    seen = loaded()
    text = seen.page.inner_text
    labels = classification.LABELS
    for name in labels:
        assert f"most likely {name}" in choose(seen, name)
        shown = [text(f"#try-{label}-number").split()[0] for label in labels]
        assert sum(map(float, shown)) == pytest.approx(100, abs=0.2)
        is_empty = "No outline at any threshold" in text("#try-area")
        assert is_empty == (name == "normal")
    choose(seen, "normal-too")
    assert "pixels" in text("#try-area")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(loaded, scheme):
    seen = loaded(width=390, color_scheme=scheme)
    choose(seen, "malignant")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert seen.page.evaluate(UNNAMED) == 0


@pytest.mark.parametrize("lost", ["*.wasm", "small.tflite", "settings.json"])
def test_a_part_that_does_not_come_is_reported(opened, lost):
    seen = opened()
    seen.page.route(f"**/{lost}", lambda route: route.fulfill(status=404))
    seen.page.click("#try-load")
    sentence = status(seen, "could not be loaded")
    assert sentence.endswith("Reload the page to try again.")
    assert seen.page.is_disabled("#try-input")


def test_opened_as_a_file_the_page_names_make_serve(browser, opened, site):
    opened()  # or a skip
    seen = Tab(browser, site.as_uri())
    seen.page.goto((site / "try_it.html").as_uri())
    assert "make serve" in seen.page.inner_text("#try-file")
    assert not seen.page.is_visible("#try-app") and complaints(seen) == []
    seen.context.close()


WITHOUT = {None: "there was no Node"}
WITHOUT["false"] = "could not fetch the runtime (no reason"


@pytest.mark.parametrize(("npm", "words"), WITHOUT.items())
def test_without_node_or_network_the_page_says_so(
    tmp_path, monkeypatch, capsys, npm, words
):
    monkeypatch.setattr(try_page, "MADE", tmp_path / "made")
    monkeypatch.setattr(try_page.shutil, "which", lambda _: npm)
    try_page.add(tmp_path)
    page = (tmp_path / "try_it.md").read_text()
    assert words in page and "make pages" in page and "<script" not in page
    assert words in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["try_it.md"]
