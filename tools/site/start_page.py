"""Make the start page: the README's ladder, and scores on real images."""

import re

import nbformat
import pandas as pd

from helpers.evaluation import postprocessing
from tools.site import reading
from tools.site.templates import REFERENCE, ROOT, fill, shipped_scores


def page(notebooks):
    """Return the page, Markdown; `notebooks`: the folder that it links to."""
    leaks = pd.read_csv(REFERENCE / "leaks.csv").set_index("split")
    return fill(
        "index.md.jinja",
        notebooks,
        row=shipped_scores(),
        missed=postprocessing.MISSED,
        appendix=any(notebooks.glob("A*.ipynb")),
        copied=leaks.loc["by groups", "copy-nearest Dice"],
        ladder=ladder({path.name for path in notebooks.glob("*.ipynb")}),
        twice_outlined=pd.read_csv(REFERENCE / "outlines.csv")["dice"].mean(),
    )


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
