"""Make the page on which the small model runs in the reader's own browser.

    python tools/try_page.py export FILE.tflite      writes models/small.keras for LiteRT

`tools/pages.py` calls `add`. What has to be fetched (LiteRT's web runtime,
from npm by pages/try/package-lock.json) and what has to be computed (the
exported model, the samples) is made once, in pages/try/made/, and again when
one of its SOURCES has changed.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from string import Template

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np

from helpers import figures
from helpers.data.phantom import physics
from helpers.evaluation import postprocessing
from helpers.files import ROOT

HERE = ROOT / "pages" / "try"
MADE = HERE / "made"
MODEL = ROOT / "models" / "small.keras"
SOURCES = (
    MODEL,
    HERE / "package-lock.json",
    Path(__file__),
    Path(physics.__file__),
)
RUNTIME = "litert/wasm/litert_wasm_compat_internal"  # the build that network.js loads
SAMPLES = {  # name: (label, seed)
    "benign": ("benign", 2),
    "malignant": ("malignant", 3),
    "normal": ("normal", 1),
    "normal-too": ("normal", 3),
}
SIZE_OF_SAMPLES = {"height": 380, "width": 460}
ABSENT = "# Try it in the page\n\nThis page is empty, because {why} {mend}\n"
MEND = "With Node 18 or newer and a network, `make pages` makes it."


class Missing(Exception):
    """The page cannot be made here; the message says why."""


def add(source):
    """Write the page and what it loads into Sphinx' source folder.

    Where that cannot be made, the page says so, and so does this command.
    """
    page = source / "try_it.md"
    try:
        make()
    except Missing as missing:
        print(f"The page 'Try it' is left empty: {missing} {MEND}")
        page.write_text(ABSENT.format(why=missing, mend=MEND))
        return
    target = source / "_static" / "try"
    shutil.copytree(MADE, target)
    for path in [*HERE.glob("*.js"), HERE / "style.css"]:
        shutil.copy(path, target)
    (target / "settings.json").write_text(json.dumps(settings()))
    page.write_text(
        Template((HERE / "page.md").read_text()).substitute(words(target))
    )


def make():
    """Make pages/try/made/ unless it is there and up to date.

    Raises:
        Missing: there is no Node, or npm could not fetch the runtime.
    """
    stamp = hashlib.sha256(
        b"".join(path.read_bytes() for path in SOURCES)
    ).hexdigest()
    kept = MADE / "made-from.txt"
    if kept.exists() and kept.read_text() == stamp:
        return
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".made-") as scratch:
        fresh = Path(scratch) / "made"
        fetch_runtime(Path(scratch), fresh / "litert")
        draw_samples(fresh / "samples")
        export_apart(fresh / "small.tflite")
        (fresh / "made-from.txt").write_text(stamp)
        shutil.rmtree(MADE, ignore_errors=True)
        os.replace(fresh, MADE)


def fetch_runtime(scratch, target):
    """Copy from the npm packages of the lock file what the browser will load."""
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("there was no Node (npm) where the pages were built.")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, scratch)
    quick = [
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--fetch-retries=1",
    ]
    done = subprocess.run(
        [npm, "ci", *quick],
        cwd=scratch,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise Missing(f"npm could not fetch the runtime ({why}).")
    packages = scratch / "node_modules" / "@litertjs"
    (target / "wasm").mkdir(parents=True)
    shutil.copy(packages / "core/dist/index.js", target / "index.js")
    shutil.copy(
        packages / "wasm-utils/dist/index.js", target / "wasm-utils.js"
    )
    for kind in (".js", ".wasm"):
        name = Path(RUNTIME + kind).name
        shutil.copyfile(packages / "core/wasm" / name, target / "wasm" / name)


def draw_samples(folder):
    """Write the simulated images as grey PNG files."""
    folder.mkdir(parents=True)
    for name, (label, seed) in SAMPLES.items():
        frame = physics.simulate(
            label, np.random.default_rng(seed), **SIZE_OF_SAMPLES
        )
        picture = cv2.imencode(
            ".png", frame.image, [cv2.IMWRITE_PNG_COMPRESSION, 9]
        )
        (folder / f"simulated-{name}.png").write_bytes(picture[1])


def settings():
    """Return what the page's scripts must know: the model's rule, its size, our colours."""
    told = json.loads(MODEL.with_suffix(".json").read_text())
    rule = {name: told[name] for name in postprocessing.RULE}
    return {"rule": rule, "size": side(), "colours": figures.COLOURS}


def side():
    """Return the side of the square that the model reads, pixels."""
    with zipfile.ZipFile(MODEL) as file:
        config = json.loads(file.read("config.json"))
    return config["config"]["layers"][0]["config"]["batch_shape"][1]


def words(target):
    """Return {placeholder: text} for page.md."""
    loaded = [target / name for name in ("litert/index.js", "small.tflite")]
    loaded += [target / (RUNTIME + kind) for kind in (".js", ".wasm")]
    rule = settings()["rule"]
    return {
        "megabytes": f"{sum(path.stat().st_size for path in loaded) / 1e6:.0f}",
        "samples": "\n".join(map(sample_button, SAMPLES)),
        "threshold": f"{rule['threshold']:.2f}",
        "smallest": f"{100 * rule['minimum_area']:.1f} %",
        "surest": f"{100 * rule['image_threshold']:.1f} %",
        "size": side(),
    }


def sample_button(name):
    """Return the list item of one sample, HTML."""
    label = SAMPLES[name][0]
    what = (
        "without a lesion" if label == "normal" else f"with a {label} lesion"
    )
    size = " ".join(
        f'{key}="{value}"' for key, value in SIZE_OF_SAMPLES.items()
    )
    return (
        f'        <li><button type="button"><img src="_static/try/samples/simulated-'
        f'{name}.png" {size} alt="Simulated ultrasound image {what}">{label}</button></li>'
    )


def export_apart(path):
    """Call `export` in a process of its own, which keeps TensorFlow's chatter."""
    command = [sys.executable, __file__, "export", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(
            f"{MODEL} could not be exported for the browser:\n{done.stderr}"
        )


def export(path):
    """Write the small model for LiteRT, float32: one square in, one answer out.

    The mirrored image is looked at inside of it, as `training.predict` does
    with `flip`.
    """
    import keras  # takes seconds

    from helpers.model import checkpoint

    model = checkpoint.load(MODEL)
    square = keras.Input(batch_shape=(1, *model.input_shape[1:]))
    both = keras.ops.concatenate(
        [square, keras.ops.flip(square, axis=2)], axis=0
    )
    answer, other = keras.ops.split(model(both), 2, axis=0)
    classes = (answer + keras.ops.flip(other, axis=2)) / 2
    one = [
        keras.InputSpec(shape=square.shape, dtype=square.dtype)
    ]  # no free batch size
    keras.Model(square, classes).export(
        path, format="litert", input_signature=one, verbose=False
    )


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "export":
        sys.exit(__doc__)
    export(sys.argv[2])
