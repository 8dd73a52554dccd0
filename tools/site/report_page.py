"""Make the page 'Model report': model card, data sheet and CLAIM, from one kept run."""

import json
import re
from collections import Counter

import pandas as pd

from tools.site.templates import FILES, ROOT, fill

ANSWERS = ("Yes", "In part", "No", "Not applicable")


def page(run, notebooks):
    """Return the page, Markdown.

    run: folder in results/ of the network that models/ ships; notebooks:
    folder of the notebooks that become pages.
    """
    told = {
        path.stem: json.loads(path.read_text()) for path in run.glob("*.json")
    }
    shipped = json.loads((ROOT / "models" / "small.json").read_text())
    return fill(
        "model_report.md.jinja",
        notebooks,
        card=card((ROOT / "models" / "README.md").read_text()),
        data=data(run),
        findings=told["findings"],
        made=told["made_by"],
        recipe=told["made_by"]["steps"]["04_train_the_segmenter"][
            "parameters"
        ],
        report=told["report"],
        shipped=shipped,
        tally=tally,
    )


def card(text):
    """Return the card that lies beside the model, as a section of this page."""
    body = text.split("\n# ")[0].split("\n", 1)[
        1
    ]  # without titles, and one model only
    body = re.sub(r"^#", "##", body, flags=re.MULTILINE)
    return body.replace("](../", f"]({FILES}/").strip()


def data(run):
    """Return the counts of the data sheet."""
    cases, outlines = (
        pd.read_csv(run / f"{n}.csv") for n in ("cases", "outlines")
    )
    pairs = pd.read_csv(run / "near_duplicates.csv")
    leaks = pd.read_csv(run / "leaks.csv").set_index("split")
    label = cases.set_index("case")["label"]
    return {
        "n": len(cases),
        "labels": cases["label"].value_counts().to_dict(),
        "groups": cases["group"].nunique(),
        "with_copy": (
            cases["group"].map(cases["group"].value_counts()) > 1
        ).mean(),
        "conflicts": int(
            (pairs["a"].map(label) != pairs["b"].map(label)).sum()
        ),
        "several_masks": int((cases["n_masks"] > 1).sum()),
        "marked": cases["marked"].mean(),
        "outlined_twice": len(outlines),
        "outline_dice": outlines["dice"].mean(),
        "leaked": leaks.loc["random", "held out with a copy in training"],
        "not_leaked": leaks.loc[
            "by groups", "held out with a copy in training"
        ],
    }


def tally(items):
    """Return in words how many items of a checklist got which answer."""
    found = Counter(
        re.findall(r"^\d+\. \*\*.+?\*\* \*(.+?)\.\*", items, re.MULTILINE)
    )
    if not set(found) <= set(ANSWERS):
        raise ValueError(
            f"an answer is none of {', '.join(ANSWERS)}: {set(found)}"
        )
    each = ", ".join(
        f"{found[answer]} *{answer.lower()}*" for answer in ANSWERS
    )
    return f"{found.total()} items: {each}"
