"""Fill the templates of pages/ with numbers from results/."""

import json
import re
import tomllib
from functools import partial

import jinja2  # comes with Sphinx
import pandas as pd
from mdit_py_plugins.anchors.index import slugify  # as MyST's

from helpers.evaluation import postprocessing as rules
from helpers.files import ROOT
from tools.research.recipes import SHIPPED

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FILES = f"{PROJECT['urls']['Repository']}/blob/main"
RESULTS = ROOT / "results"
REFERENCE = RESULTS / "busi-cpu-five-folds"


def fill(template, notebooks=None, **values):
    """Return a template of pages/ as Markdown; a missing value is an error.

    notebooks: folder of the notebooks that become pages, to link to them. All
    templates know what a rule costs: missed, miss and empty.
    """
    options = ("trim_blocks", "lstrip_blocks", "keep_trailing_newline")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "pages"),
        undefined=jinja2.StrictUndefined,
        **dict.fromkeys(options, True),
    )
    environment.filters |= {
        "two": "{:.2f}".format,
        "three": "{:.3f}".format,
        "share": share,
        "count": "{:,}".format,
        "interval": interval,
        "listed": listed,
        "per_cent": per_cent,
        "measured": lambda table, key: interval(flat(table, key)),
        "measured_share": lambda table, key: per_cent(flat(table, key)),
        "versions": lambda found: ", ".join(map(" ".join, found.items())),
    }
    values |= {"files": FILES, "see": partial(see_notebook, notebooks)}
    values |= {"missed": rules.MISSED, "miss": rules.MISS}
    values["empty"] = rules.EMPTY
    return environment.get_template(template).render(values)


def reports(run):
    """Return {name: content} of the JSON files of a reference run."""
    return {p.stem: json.loads(p.read_text()) for p in run.glob("*.json")}


def shipped():
    """Return what models/ says of the small model, a dict."""
    return json.loads((ROOT / "models" / "small.json").read_text())


def shipped_scores(results=RESULTS):
    """Return the row of knowledge.csv of the small model's recipe, a dict."""
    rows = pd.read_csv(results / "knowledge.csv")
    shown = f"set == 'busi' and rule == 'pooled' and recipe == '{SHIPPED}'"
    return rows.query(shown).iloc[0].to_dict()


def interval(row):
    """Return "0.73 (0.69 to 0.77)" of a dict of low, high, value or mean."""
    value = row["value"] if "value" in row else row["mean"]
    return f"{value:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def flat(numbers, name):
    """Return three flat keys, name, name_low and name_high, as one dict."""
    ends = {"value": "", "low": "_low", "high": "_high"}
    return {key: numbers[name + end] for key, end in ends.items()}


def per_cent(row):
    """Return "73 % (69 to 77)" of a dict of low, high and value."""
    ends = f"{100 * row['low']:.0f} to {100 * row['high']:.0f}"
    return f"{share(row['value'])} ({ends})"


def share(value):
    """Return a share in per cent, as prose writes it."""
    return f"{100 * value:.0f}\u00a0%"


def listed(values, form="{:.2f}"):
    """Return a Series as "name value; name value"."""
    return "; ".join(f"{k} {form.format(v)}" for k, v in values.items())


def see_notebook(folder, number, heading=""):
    """Return a link to a notebook's page or heading; plain text if absent."""
    appendix = number.startswith("A")
    name = f"appendix {number}" if appendix else f"notebook {int(number)}"
    name += f", *{heading}*" if heading else ""
    path = next(folder.glob(f"{number}_*.ipynb"), None)
    if path is None:
        return name
    anchor = f"#{slugify(heading)}" if heading in headings(path) else ""
    return f"[{name}](notebooks/{path.name}{anchor})"


def headings(notebook):
    """Return the texts of a notebook's headings below its title."""
    cells = json.loads(notebook.read_text())["cells"]
    prose = [cell for cell in cells if cell["cell_type"] == "markdown"]
    text = "\n".join("".join(cell["source"]) for cell in prose)
    return re.findall(r"^##+ (.+)$", text, re.MULTILINE)
