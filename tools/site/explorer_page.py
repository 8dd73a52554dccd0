"""Make the page 'Results explorer': what a rule does, in the browser."""

import json
import shutil

from helpers.evaluation import error_analysis, metrics, postprocessing
from tools.site import templates

HERE = templates.ROOT / "pages" / "explorer"
KEPT = templates.RESULTS / "explorer.json"
SCRIPTS = "rule", "bootstrap", "chart", "cases", "main"  # in this order
NORMALS = "falsely marked", "correctly empty"  # as in rule.js
ORDERS = {
    "worst": "lowest Dice first",
    "best": "highest Dice first",
    "surest": "highest lesion probability first",
    "largest": "largest prediction first",
}


def add(source):
    """Write the page and what it loads into Sphinx' source folder."""
    found = json.loads(KEPT.read_text())
    target = source / "_static" / "explorer"
    target.mkdir(parents=True)
    for path in [*HERE.glob("*.js"), HERE / "style.css"]:
        shutil.copy(path, target)
    (target / "data.js").write_text(script(found))
    (source / "results_explorer.md").write_text(page(found))


def script(found):
    """Return a script that gives the page its data: it works from a disk."""
    data = {**found, "settings": settings()}
    text = json.dumps(data, separators=(",", ":"))
    return f"globalThis.explorer = {{ data: {text} }};\n"


def settings():
    """Return the constants of helpers/evaluation that rule.js takes."""
    return {
        "missed": postprocessing.MISSED,
        "speck": metrics.SPECK,
        "costs": {"miss": postprocessing.MISS, "empty": postprocessing.EMPTY},
    }


def page(found):
    """Return the page, Markdown; found: of `tools.research.explorer`."""
    held, validation = found["held_out"], found["validation"]
    figures = found["figures"]
    normals = sum(case["label"] == "normal" for case in validation)
    known = {case["case"] for case in validation}
    return templates.fill(
        "explorer/page.md.jinja",
        recipe=found["recipe"],
        dice={name: triple(of["dice"]) for name, of in figures.items()},
        empty_normals=triple(figures["validation"]["empty"]),
        filters=filters(),
        scripts=SCRIPTS,
        n={
            "validation": len(validation),
            "validated": len(known),
            "held_out": len(held),
            "normals": normals,
            "new": sum(case["case"] not in known for case in held),
        },
    )


def triple(ends):
    """Return a value with its interval as `templates.interval` reads it."""
    return dict(zip(("value", "low", "high"), ends, strict=True))


def filters():
    """Return {name: (label, text of no choice, {value: text})}."""
    kinds = dict.fromkeys([*error_analysis.KINDS, *NORMALS])
    labels = "benign", "malignant", "normal"
    return {
        "kind": ("Kind of error", "all kinds", {k: k for k in kinds}),
        "cause": ("Cause", "any", {k: k for k in error_analysis.CAUSES}),
        "label": ("Class", "all classes", {k: k for k in labels}),
        "order": ("Order", None, ORDERS),
    }
