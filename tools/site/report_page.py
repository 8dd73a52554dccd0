"""Make the page 'Model report': model card, data sheet and CLAIM."""

import re
from collections import Counter

import pandas as pd

from helpers.evaluation import leakage
from tools.research.recipes import RECIPES
from tools.site import templates
from tools.site.templates import FILES, RESULTS, ROOT, SHIPPED

ANSWERS = ("Yes", "In part", "No", "Not applicable")


def page(run, notebooks, results=RESULTS):
    """Return the page, Markdown.

    run: of the lesson's network; results: where knowledge.csv is, with the
    scores of the shipped network's recipe.
    """
    found = templates.reports(run)
    found["scores"] = templates.shipped_scores(results)
    parts = [RECIPES[name] for name in RECIPES[SHIPPED].parts]
    values = found | {"parts": parts, "shipped": templates.shipped()}
    values["card"] = card((ROOT / "models" / "README.md").read_text())
    starts = pd.read_csv(run / "starts.csv")
    (chosen,) = starts["network"][starts["chosen"]].unique()
    values |= {"data": data(run), "tally": tally, "chosen": chosen}
    return templates.fill("model_report.md.jinja", notebooks, **values)


def card(text):
    """Return the small model's card of models/README.md, without title."""
    body = text.split("\n# ")[0].split("\n", 1)[1]
    body = re.sub(r"^#", "##", body, flags=re.MULTILINE)
    return body.replace("](../", f"]({FILES}/").strip()


def data(run):
    """Return the counts and shares of the data sheet, a dict."""
    cases = pd.read_csv(run / "cases.csv")
    outlines = pd.read_csv(run / "outlines.csv")
    again = leakage.second_outlines(outlines)
    dice = pd.read_csv(run / "scores.csv").set_index("case")["dice"]
    pairs = pd.read_csv(run / "near_duplicates.csv")
    leaks = pd.read_csv(run / "leaks.csv").set_index("split")
    leaked = leaks["held out with a copy in training"]
    label = cases.set_index("case")["label"]
    group_sizes = cases["group"].map(cases["group"].value_counts())
    return {
        "n": len(cases),
        "labels": cases["label"].value_counts().to_dict(),
        "groups": cases["group"].nunique(),
        "with_copy": (group_sizes > 1).mean(),
        "conflicts": (pairs["a"].map(label) != pairs["b"].map(label)).sum(),
        "several_masks": (cases["n_masks"] > 1).sum(),
        "marked": cases["marked"].mean(),
        "outlined_twice": len(outlines),
        "outline_dice": outlines["dice"].mean(),
        "outline_median": outlines["dice"].median(),
        "second_dice": again.mean(),
        "network_there": dice.loc[again.index].mean(),
        "leaked": leaked["random"],
        "not_leaked": leaked["by groups"],
    }


def tally(items):
    """Return in words how many items of a checklist got which answer.

    ValueError: an answer is none of ANSWERS.
    """
    answers = r"^\d+\. \*\*.+?\*\*\s\*(.+?)\.\*"
    found = Counter(re.findall(answers, items, re.MULTILINE | re.DOTALL))
    if not set(found) <= set(ANSWERS):
        raise ValueError(f"answers other than {ANSWERS}: {set(found)}")
    each = [f"{found[answer]} *{answer.lower()}*" for answer in ANSWERS]
    return f"{found.total()} items: {', '.join(each)}"
