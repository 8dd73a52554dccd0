"""Make the start page: the README's ladder, and scores on real images."""

import re

import nbformat
import pandas as pd

from helpers.evaluation import leakage
from tools.site import reading, templates
from tools.site.templates import REFERENCE, RESULTS, ROOT, SHIPPED


def page(notebooks):
    """Return the page, Markdown; `notebooks`: the folder that it links to."""
    leaks = pd.read_csv(REFERENCE / "leaks.csv").set_index("split")
    return templates.fill(
        "index.md.jinja",
        notebooks,
        row=templates.shipped_scores(),
        appendix=any(notebooks.glob("A*.ipynb")),
        copied=leaks.loc["by groups", "copy-nearest Dice"],
        ladder=ladder({path.name for path in notebooks.glob("*.ipynb")}),
        twice=outlined_twice(),
    )


def outlined_twice():
    """Return the mean Dice of two outlines, and of the networks there."""
    outlines = pd.read_csv(REFERENCE / "outlines.csv")
    again = leakage.second_outlines(outlines)
    scores = pd.read_csv(RESULTS / "knowledge_cases.csv")
    own = scores[(scores["set"] == "busi") & (scores["recipe"] == SHIPPED)]
    network = own.set_index("case")["dice"].loc[again.index]
    return {"outlines": again.mean(), "network": network.mean()}


def ladder(names):
    """Return the README's ladder; only notebooks in `names` are links.

    Without its column of badges, as each page has a button for Colab, and
    with the minutes that each takes to read.
    """
    readme = (ROOT / "README.md").read_text()
    table = re.search(r"^## The ladder\n\n((?:\|.*\n)+)", readme, re.MULTILINE)
    link = r"\[([^\]]*)\]\(notebooks/([^)]*)\)"
    rows, ends = table[1].splitlines(), ["minutes to read |", "---: |"]
    for row in rows[2:]:
        path = ROOT / "notebooks" / re.search(link, row)[2]
        found = reading.rhythm(nbformat.read(path, as_version=4))
        ends.append(f"{found['minutes']:.0f} |")
    rows = [row.rsplit("|", 2)[0] for row in rows]
    text = "\n".join(map("{}| {}".format, rows, ends))
    return re.sub(link, lambda m: m[0] if m[2] in names else m[1], text)
