"""Make the start page: the README's ladder, and how the small network does on real images."""

import json
import re

import pandas as pd

from tools.site.results_page import COMPACT
from tools.site.templates import ROOT, fill


def page(notebooks):
    """Return the page, Markdown.

    notebooks: folder of the notebooks that become pages.
    """
    report, findings = (
        json.loads((COMPACT / f"{name}.json").read_text())
        for name in ("report", "findings")
    )
    leaks = pd.read_csv(COMPACT / "leaks.csv").set_index("split")[
        "copy-nearest Dice"
    ]
    return fill(
        "index.md.jinja",
        notebooks,
        copied=leaks["by groups"],
        findings=findings,
        ladder=ladder({path.name for path in notebooks.glob("*.ipynb")}),
        people=pd.read_csv(COMPACT / "outlines.csv")["dice"].mean(),
        report=report,
    )


def ladder(names):
    """Return the README's ladder; only notebooks in `names` are links.

    Its last column, a badge from another host, is left out: each page has a
    button for Colab.
    """
    readme = (ROOT / "README.md").read_text()
    table = re.search(
        r"^## The ladder\n\n((?:\|.*\n)+)", readme, re.MULTILINE
    )[1]
    rows = [line.rsplit("|", 2)[0] + "|" for line in table.splitlines()]
    link = r"\[([^\]]*)\]\(notebooks/([^)]*)\)"
    return re.sub(
        link, lambda m: m[0] if m[2] in names else m[1], "\n".join(rows)
    )
