"""The small model in the reader's browser: Keras' masks, nothing sent away."""

import base64
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from picture_files import (
    GREY,
    KINDS,
    REFUSED,
    SHOWN,
    UPRIGHT,
    deep_png,
    saved,
    turned,
)
from PIL import Image

from helpers.data import busi, grey_levels, masks, pictures
from helpers.data.phantom import dataset
from helpers.evaluation import (
    classification,
    lesion_size,
    metrics,
    postprocessing,
)
from helpers.model import checkpoint, training
from tools import predict
from tools.site import try_page
from tools.site.browser import Tab, served

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
OUTCOMES = f"""async (files) => {{ {TOOLS}
  const {{ read, Refused }} = await part("picture");
  const outcome = async ([name, content]) => {{
    try {{
      const found = await read(new File([bytes(content)], name));
      const {{ grey, height, notes }} = found;
      return {{ grey: coded(grey), height, notes }};
    }} catch (error) {{
      if (!(error instanceof Refused)) throw error;
      return {{ refused: error.message }};
    }}
  }};
  return Promise.all(files.map(outcome));
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
    return status(seen, f"simulated-{name}.png: ")


def grey_png(*shape):
    greys = np.arange(np.prod(shape)).reshape(shape) % 251
    return cv2.imencode(".png", greys.astype(np.uint8))[1].tobytes()


def as_text(content):
    return base64.b64encode(content).decode()


def test_a_button_brings_the_runtime_and_images_stay_here(opened, tmp_path):
    seen = opened()
    early = [url for url in seen.asked if "litert" in url or "tflite" in url]
    assert early == []
    load(seen)
    assert any(url.endswith(".wasm") for url in seen.asked)
    before = len(seen.asked)
    (tmp_path / "mine.png").write_bytes(grey_png(90, 120))
    seen.page.set_input_files("#try-input", tmp_path / "mine.png")
    assert " ms, " in status(seen, "mine.png: ")
    assert seen.asked[before:] == [] and seen.foreign == []
    assert complaints(seen) == []


KEPT = """() => caches.open("try-it").then((kept) => kept.keys())
  .then((all) => performance.getEntriesByType("resource").every(({ name }) =>
    name.endsWith("favicon.ico") || all.some(({ url }) => url === name)))"""


def test_once_loaded_the_page_works_without_a_server(browser, site, opened):
    with served(site) as address:
        seen = Tab(browser, address)
        seen.page.goto(address + "try_it.html")
        load(seen)
        for _ in range(100):
            if seen.page.evaluate(KEPT):
                break
            seen.page.wait_for_timeout(200)
    seen.page.reload()
    load(seen)
    assert "benign" in choose(seen, "benign")
    seen.context.close()


def compared(page, model, rule, path):
    """Return the Dice of the page's mask and ours, and both's classes."""
    found = page.evaluate(SEGMENT, as_text(path.read_bytes()))
    size = model.input_shape[1]
    square, box = masks.letterbox(pictures.read(path).grey, size)
    (classes,) = training.predict(model, square[None], flip=True)
    expected = postprocessing.lesion_mask(classes, box, **rule)
    mask = np.array([c == "1" for c in found["mask"]])
    both = found["probabilities"], classification.image_probabilities(classes)
    return metrics.dice(expected, mask.reshape(expected.shape)), both


@pytest.fixture
def comparison(opened):
    """The page and the small model, as `compared` takes them."""
    rule = predict.read_rule(try_page.MODEL.with_suffix(".json"))
    return opened().page, checkpoint.load(try_page.MODEL), rule


def test_the_browser_predicts_the_masks_of_keras(comparison, tmp_path):
    root = dataset.write_dataset(tmp_path, 20, 20, 10, seed=11)
    for path in map(Path, busi.index(root)["image"]):
        dice, (theirs, ours) = compared(*comparison, path)
        assert dice >= 0.99 and theirs == pytest.approx(ours, abs=0.01)


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


ON_PAGE = (".png", ".jpg", ".jfif", ".bmp")


def outcomes(page, files):
    """Return {name: what the page reads of it, a dict, or its refusal}."""
    given = [[name, as_text(data)] for name, data in files.items()]
    found = dict(zip(files, page.evaluate(OUTCOMES, given), strict=True))
    for outcome in found.values():
        if "grey" in outcome:
            grey = np.frombuffer(base64.b64decode(outcome["grey"]), np.uint8)
            outcome["grey"] = grey.reshape(outcome["height"], -1).astype(int)
    return found


def commands(name, data, folder):
    """Return the same of the command: a `Picture` or a refusal."""
    path = folder / "x"
    path.write_bytes(data)
    try:
        picture = pictures.read(path)
    except grey_levels.Unreadable as refused:
        return str(refused)
    shown = grey_levels.content(picture.grey)
    return predict.NO_IMAGE.get(shown, picture)


def test_page_and_command_read_one_table_of_files_alike(opened, tmp_path):
    files = {name: data for name, (data, *_) in KINDS.items()}
    files |= {name: data for name, (data, _) in REFUSED.items()}
    for suffix in ("jpg", "png", "png late", "tif"):
        for way in UPRIGHT:
            name = f"way {way} of {suffix}.{suffix[:3]}"
            files[name] = turned(suffix, way)
    for shown, greys in SHOWN.items():
        for i, grey in enumerate(greys):
            files[f"{shown} {i}.png"] = saved(grey, "png")
    rest = [Image.fromarray(255 - GREY)] * 2
    several = {"save_all": True, "append_images": rest}
    files["frames.png"] = saved(Image.fromarray(GREY), "png", **several)
    cut = {f"cut {n}": d[: len(d) * 2 // 3] for n, d in files.items()}
    files |= cut
    alike = 0
    for name, found in outcomes(opened().page, files).items():
        expected = commands(name, files[name], tmp_path)
        if isinstance(expected, str):
            assert "refused" in found, name
        elif name.endswith(ON_PAGE) and "16" not in name:
            off = np.abs(found["grey"] - expected.grey)
            assert off.max() <= (6 if name[-3:] in ("jpg", "fif") else 2), name
            assert found["notes"] == expected.notes, name
            alike += 1
        else:
            assert "`make predict` reads it" in found["refused"], name
    assert alike > 30


MEASURE = f"""async ([height, width, mask]) => {{ {TOOLS}
  const {{ measure }} = await part("size");
  return measure(bytes(mask), {{ height, width }});
}}"""


def test_outlines_are_measured_as_in_python(opened):
    page, rng = opened().page, np.random.default_rng(0)
    for n in range(6):
        noise = rng.random((90, 130))
        mask = cv2.GaussianBlur(noise, (0, 0), 2 + 2 * n) > 0.5
        given = [*mask.shape, as_text(mask.astype(np.uint8).tobytes())]
        expected = lesion_size.measure(mask)
        # of two diameters of nearly one length either may be taken
        close = pytest.approx(expected, rel=0.01)
        assert page.evaluate(MEASURE, given) == close
    nothing = [8, 9, as_text(bytes(72))]
    assert set(page.evaluate(MEASURE, nothing).values()) == {0}


def test_two_marks_of_the_ruler_give_millimetres(loaded):
    seen = loaded()
    choose(seen, "benign")
    size = seen.page.locator("#try-size", has_text="pixels (")
    size.wait_for(timeout=SOON)
    number = re.search(r"diameter (\d+) pixels", size.inner_text())[1]
    shown = seen.page.locator("#try-outline").bounding_box()["width"]
    seen.page.click("#try-ruler")
    for x in (0.2, 0.7):
        where = {"x": x * shown, "y": 30}
        seen.page.click("#try-outline", position=where)
    spacing = float(seen.page.input_value("#try-spacing"))
    across = try_page.SAMPLE_SIZE["width"]
    assert spacing == pytest.approx(10 / (0.5 * across), rel=0.02)
    size = seen.page.locator("#try-size", has_text="mm (")
    size.wait_for(timeout=SOON)
    sizes = r"([\d.]+) mm \(([\d.]+) to ([\d.]+)\)"
    values = re.findall(sizes, size.inner_text())
    assert float(values[0][0]) == pytest.approx(int(number) * spacing, abs=0.1)
    for value, low, high in values:
        assert float(low) <= float(value) <= float(high)
    seen.page.fill("#try-spacing", "9")
    seen.page.locator("#try-size", has_text="cannot be true").wait_for()
    choose(seen, "malignant")
    assert seen.page.input_value("#try-spacing") == ""


BAD = {  # file: (what it holds, what is said of it)
    "report.pdf": (b"%PDF-1.7 no image", "report.pdf is no image"),
    "notes.txt": (b"hello", "notes.txt is no image"),
    "cut.png": (grey_png(90, 90)[:60], "cut.png is cut off"),
    "half.png": (deep_png(GREY, 45), "half.png is no whole image"),
    "grey.png": (saved(SHOWN["nothing"][1], "png"), "shows nothing"),
    "mask.png": (saved(SHOWN["mask"][0], "png"), "is a mask, no image"),
    "deep.png": (KINDS["16.png"][0], "`make predict` reads it"),
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
    status(seen, "dropped.png: ")


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
    slider.fill("0.95")
    choose(seen, "malignant")  # what is said of a new image is by the rule
    assert float(slider.input_value()) == rule["threshold"]


def test_samples_show_what_is_said_of_them_also_on_a_phone(loaded):
    seen = loaded(width=390)
    text = seen.page.inner_text
    labels = classification.LABELS
    for name in labels:
        assert f"png: {name}, " in choose(seen, name)
        shown = [text(f"#try-{label}-number").split()[0] for label in labels]
        assert sum(map(float, shown)) == pytest.approx(100, abs=0.2)
        is_empty = "No outline at any threshold" in text("#try-area")
        assert is_empty == (name == "normal")
    choose(seen, "normal-too")
    assert "pixels" in text("#try-area")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert seen.page.evaluate(UNNAMED) == 0


@pytest.mark.parametrize("lost", ["*.wasm", "*.tflite.zlib", "settings.json"])
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
