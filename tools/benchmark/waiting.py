"""Measure what a user waits for: imports, predictions, the page's answer.

    python -m tools.benchmark.waiting

Writes results/waiting.json: seconds until the imports of each notebook and of
each part of helpers are done, each in a process of its own; milliseconds an
image of `make predict` with the small model, its network's alone beside all;
and, with a browser and built pages, seconds until "Try it" answers.
"""

import ast
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

from helpers import files, workspace
from helpers.data.phantom import dataset
from helpers.files import ROOT
from helpers.model import training
from tools import predict
from tools.benchmark import compare
from tools.site import browser, build, try_page

OUT = ROOT / "results" / "waiting.json"
TURNS = 4  # the first, before which nothing is cached, is thrown away
IMAGES = 30, 18, 0  # benign, malignant, normal phantoms
PARTS = "data.sources", "evaluation.measures", "figures", "model.training"


def importing(names):
    """Return {name: spread of seconds} of what starts with these imports.

    names: {name: source}.
    """
    spent = collections.defaultdict(list)
    for _ in range(TURNS):
        for name, source in names.items():
            began = time.perf_counter()
            asked = [sys.executable, "-c", source]
            subprocess.run(asked, check=True, cwd=ROOT, capture_output=True)
            spent[name].append(time.perf_counter() - began)
    return {name: compare.spread(each[1:]) for name, each in spent.items()}


def imports_of(notebook):
    """Return the import statements of a notebook's source, one a line."""
    body = ast.parse(notebook.read_text()).body
    found = [n for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, found))


def predicting():
    """Return {"images", "all", "network", "ratio"}: spreads, ms an image."""
    spent, rows, predicts = 0.0, [], training.predict_both

    def timed(*given):
        nonlocal spent
        began = time.perf_counter()
        result = predicts(*given)
        spent += time.perf_counter() - began
        return result

    with tempfile.TemporaryDirectory(prefix="waiting-") as work:
        images = Path(work) / "images"
        images.mkdir()
        for path in dataset.write_dataset(work, *IMAGES, 0).rglob("*).png"):
            shutil.copy(path, images)
        model, rule = predict.load_model(predict.SMALL_MODEL)
        seen, about = predict.found(images), {"model": "", "model_digest": ""}
        with mock.patch.object(training, "predict_both", timed):
            for _ in range(TURNS):
                spent = 0.0
                run = predict.Run(images, seen, Path(work) / "out")
                began = time.perf_counter()
                run.predict(model, rule, about | {"rule": rule})
                took = time.perf_counter() - began
                rows.append({"all": took, "network": spent})
    n = sum(IMAGES)
    found = {
        kind: compare.spread([1000 * row[kind] / n for row in rows[1:]])
        for kind in ("all", "network")
    }
    ratios = [row["all"] / row["network"] for row in rows[1:]]
    return {"images": n, **found, "ratio": compare.spread(ratios)}


UNTIL = """([button, words]) => new Promise((done) => {
  const status = document.querySelector("#try-status");
  const began = performance.now();
  const shown = () => done((performance.now() - began) / 1000);
  const seen = new MutationObserver(() => {
    if (!status.textContent.includes(words)) return;
    seen.disconnect();
    requestAnimationFrame(() => setTimeout(shown)); // it is painted now
  });
  seen.observe(status, { childList: true });
  document.querySelector(button).click();
})"""  # in the page: a driver's own clicks and looks take a third of a second


def answering():
    """Return spreads of seconds on "Try it", in a browser that is empty.

    {"network": from the button until it is loaded, "first", "next": from an
    image's button until its answer}; or {"why_not": ...}.
    """
    if why := browser.missing():
        return {"why_not": why}
    if not (build.SITE / "_static" / "try").exists():
        return {"why_not": f"no such page in {build.SITE}: `make run-all`"}
    rows = collections.defaultdict(list)
    with browser.started() as chromium, browser.served(build.SITE) as home:
        for _ in range(TURNS):
            tab = browser.Tab(chromium, home)
            tab.page.goto(home + "try_it.html")
            tab.page.wait_for_selector("#try-app:visible")
            for name, *click in clicks():
                rows[name].append(tab.page.evaluate(UNTIL, click))
            tab.context.close()
    return {name: compare.spread(each[1:]) for name, each in rows.items()}


def clicks():
    """Give (name of a time, what is clicked, what the page then says)."""
    yield "network", "#try-load", "The network is here"
    for name, sample in zip(("first", "next"), try_page.SAMPLES, strict=False):
        image = f"simulated-{sample}.png"
        button = f".try-samples button:has(img[src$='{image}'])"
        yield name, button, f"{image}: "


def main():
    notebooks = sorted((ROOT / "notebooks").glob("*.py"))
    names = {f"helpers.{part}": f"import helpers.{part}" for part in PARTS}
    names |= {path.stem: imports_of(path) for path in notebooks}
    report = {
        "machine": compare.machine(),
        "imports": importing(names),
        "predict": predicting(),
        "page": answering(),
    }
    files.write(OUT, workspace.as_json(report))
    print(json.dumps(report, indent=1), f"{OUT} written")


if __name__ == "__main__":
    main()
