"""Make the start page: the README's ladder, and scores on real images."""

import re

import pandas as pd

from tools.site.templates import COMPACT, ROOT, fill, reports


def page(notebooks):
    """Return the page, Markdown; `notebooks`: the folder that it links to."""
    leaks = pd.read_csv(COMPACT / "leaks.csv").set_index("split")
    return fill(
        "index.md.jinja",
        notebooks,
        **reports(COMPACT),
        appendix=any(notebooks.glob("A*.ipynb")),
        copied=leaks.loc["by groups", "copy-nearest Dice"],
        ladder=ladder({path.name for path in notebooks.glob("*.ipynb")}),
        people=pd.read_csv(COMPACT / "outlines.csv")["dice"].mean(),
    )


def ladder(names):
    """Return the README's ladder; only notebooks in `names` are links.

    Without its column of badges: each page has a button for Colab.
    """
    readme = (ROOT / "README.md").read_text()
    table = re.search(r"^## The ladder\n\n((?:\|.*\n)+)", readme, re.MULTILINE)
    rows = [line.rsplit("|", 2)[0] + "|" for line in table[1].splitlines()]
    link = r"\[([^\]]*)\]\(notebooks/([^)]*)\)"
    text = "\n".join(rows)
    return re.sub(link, lambda m: m[0] if m[2] in names else m[1], text)
