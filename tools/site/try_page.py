"""Make the page on which the small model runs in the reader's own browser.

    python -m tools.site.try_page export FILE.tflite     the model for LiteRT

`tools.site.build` calls `add`. What is fetched (LiteRT's web runtime, from
npm by pages/try/package-lock.json) and computed (the exported model, samples)
is made once, in pages/try/made/, and again when one of its SOURCES changes.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np

from helpers import figures
from helpers.data import grey_levels
from helpers.data.phantom import physics
from helpers.evaluation import postprocessing
from helpers.files import ROOT, replacing_folder
from tools.site import templates

HERE = ROOT / "pages" / "try"
MADE = HERE / "made"
MODEL = ROOT / "models" / "small.keras"
LOCK = HERE / "package-lock.json"
SOURCES = (MODEL, LOCK, Path(__file__), Path(physics.__file__))
# as in network.js
RUNTIME = "litert/wasm/litert_wasm_compat_internal"
PACKED = "small.tflite.zlib"
SAMPLES = {  # name: (label, seed)
    "benign": ("benign", 2),
    "malignant": ("malignant", 3),
    "normal": ("normal", 1),
    "normal-too": ("normal", 5),
}
SAMPLE_SIZE = {"height": 380, "width": 460}
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
    # a service worker serves what lies beside and below it
    (source / "top").mkdir()
    shutil.move(target / "offline.js", source / "top")
    (target / "settings.json").write_text(json.dumps(settings()))
    rules = f"export const RULES = {json.dumps(grey_levels.RULES)};\n"
    (target / "picture_rules.js").write_text(rules)
    names = ["litert/index.js", PACKED]
    names += [f"{RUNTIME}.js", f"{RUNTIME}.wasm"]
    values = {"samples": SAMPLES, "sample_size": SAMPLE_SIZE, **settings()}
    size = sum((target / name).stat().st_size for name in names)
    values["megabytes"] = size / 1e6
    page.write_text(templates.fill("try/page.md.jinja", **values))


def make():
    """Make pages/try/made/ unless it is there and up to date.

    Missing: there is no Node, or npm could not fetch the runtime.
    """
    sources = b"".join(path.read_bytes() for path in SOURCES)
    stamp = hashlib.sha256(sources).hexdigest()
    kept = MADE / "made-from.txt"
    if kept.exists() and kept.read_text() == stamp:
        return
    with replacing_folder(MADE) as fresh:
        fetch_runtime(fresh / "litert")
        draw_samples(fresh / "samples")
        export_apart(fresh / "small.tflite")
        whole = (fresh / "small.tflite").read_bytes()
        (fresh / PACKED).write_bytes(zlib.compress(whole, 9))
        (fresh / "small.tflite").unlink()
        (fresh / "made-from.txt").write_text(stamp)


def fetch_runtime(target):
    """Copy what the browser will load from npm's packages of the lock file."""
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("there was no Node (npm) where the pages were built.")
    quick = "ci --ignore-scripts --no-audit --no-fund --fetch-retries=1"
    quick += " --fetch-timeout=20000"  # ms
    (target / "wasm").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        for path in (LOCK, HERE / "package.json"):
            shutil.copy(path, scratch)
        print("Fetching the runtime of the page 'Try it'.", flush=True)
        done = run(npm, *quick.split(), cwd=scratch)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["no reason given"])[0]
            raise Missing(f"npm could not fetch the runtime ({why}).")
        packages = Path(scratch) / "node_modules" / "@litertjs"
        runtime = packages / "core" / "wasm" / Path(RUNTIME).name
        for suffix in (".js", ".wasm"):
            shutil.copy(runtime.with_suffix(suffix), target / "wasm")
        for source, name in (("core", "index"), ("wasm-utils", "wasm-utils")):
            script = packages / source / "dist" / "index.js"
            shutil.copy(script, target / f"{name}.js")


def run(*command, cwd):
    """Run a command, its output caught, and return the finished process."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def draw_samples(folder):
    """Write the simulated images as grey PNG files."""
    folder.mkdir(parents=True)
    for name, (label, seed) in SAMPLES.items():
        rng = np.random.default_rng(seed)
        image = physics.simulate(label, rng, **SAMPLE_SIZE).image
        path = folder / f"simulated-{name}.png"
        cv2.imwrite(str(path), image, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def settings():
    """Return the rule, the side of the model's square (pixels), colours."""
    rule = {name: templates.shipped()[name] for name in postprocessing.RULE}
    with zipfile.ZipFile(MODEL) as file:
        layers = json.loads(file.read("config.json"))["config"]["layers"]
    size = layers[0]["config"]["batch_shape"][1]
    return {"rule": rule, "size": size, "colours": figures.COLOURS}


def export_apart(path):
    """Call `export` in a process of its own: it keeps TensorFlow's chatter."""
    module = "tools.site.try_page"
    done = run(sys.executable, "-m", module, "export", path, cwd=ROOT)
    if done.returncode:
        failed = f"{MODEL} could not be exported for the browser"
        sys.exit(f"{failed}:\n{done.stderr}")


def export(path):
    """Write the small model for LiteRT: square in, probabilities out.

    Kernels in 16 bits. It predicts the square and its mirror image, (2, size,
    size, 3), as `training.predict_both` does.
    """
    import keras  # takes seconds
    import tensorflow as tf

    # not `checkpoint.load`, whose layers are those that suit TensorFlow
    model = keras.saving.load_model(MODEL, compile=False)
    square = keras.Input(batch_shape=(1, *model.input_shape[1:]))
    mirrored = keras.ops.flip(square, axis=2)
    both = keras.ops.concatenate([square, mirrored], axis=0)
    first, second = keras.ops.split(model(both), 2, axis=0)
    turned = keras.ops.flip(second, axis=2)
    classes = keras.ops.concatenate([first, turned], axis=0)
    # no free batch size
    one = keras.InputSpec(shape=square.shape, dtype=square.dtype)
    litert = {"format": "litert", "input_signature": [one]}
    litert["optimizations"] = [tf.lite.Optimize.DEFAULT]
    litert["target_spec"] = {"supported_types": [tf.float16]}
    keras.Model(square, classes).export(path, **litert, verbose=False)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "export":
        sys.exit(__doc__)
    export(sys.argv[2])
