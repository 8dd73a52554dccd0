"""Fill the templates of pages/ with numbers from results/. Jinja comes with Sphinx."""

import json
import re
import tomllib
from functools import partial
from pathlib import Path

import jinja2

from helpers.files import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FILES = f"{PROJECT['urls']['Repository']}/blob/main"


def fill(template, notebooks, **values):
    """Return a template of pages/ as Markdown; a value that is not given is an error.

    notebooks: folder of the notebooks that become pages, for the links to
    them.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "pages"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "two": "{:.2f}".format,
        "three": "{:.3f}".format,
        "share": share,
        "count": "{:,}".format,
        "interval": interval,
        "told": told,
        "versions": versions,
    }
    see = partial(see_notebook, notebooks)
    return environment.get_template(template).render(
        files=FILES, see=see, **values
    )


def interval(told):
    """Return "0.73 (0.69 to 0.77)" of a dict with low, high and value or mean."""
    value = told["value"] if "value" in told else told["mean"]
    return f"{value:.2f} ({told['low']:.2f} to {told['high']:.2f})"


def told(numbers, name):
    """Return the same of three flat keys: name, name_low and name_high."""
    ends = {end: numbers[f"{name}_{end}"] for end in ("low", "high")}
    return interval({"value": numbers[name]} | ends)


def share(value):
    """Return a share in per cent, as prose writes it."""
    return f"{100 * value:.0f}\u00a0%"


def versions(packages):
    return ", ".join(f"{name} {version}" for name, version in packages.items())


def see_notebook(folder, number, heading=""):
    """Return a link to a notebook's page, or to a heading in it; plain text if not there."""
    name = f"notebook {int(number)}" + (f", *{heading}*" if heading else "")
    path = next(Path(folder).glob(f"{number}_*.ipynb"), None)
    if path is None:
        return name
    anchor = f"#{slug(heading)}" if heading in headings(path) else ""
    return f"[{name}](notebooks/{path.name}{anchor})"


def headings(notebook):
    """Return the texts of a notebook's headings below its title."""
    cells = json.loads(notebook.read_text())["cells"]
    text = "\n".join(
        "".join(cell["source"])
        for cell in cells
        if cell["cell_type"] == "markdown"
    )
    return re.findall(r"^##+ (.+)$", text, re.MULTILINE)


def slug(heading):
    """Return the anchor that MyST gives a heading, made as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
