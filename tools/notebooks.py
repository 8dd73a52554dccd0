"""Rebuild notebooks/*.ipynb from their .py sources, keeping cell ids; or set the address.

python tools/notebooks.py [--address https://github.com/you/repository]
"""

import argparse
import collections
import hashlib
import os
import re
import sys
import tomllib
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).resolve().parent.parent
COLAB = "https://colab.research.google.com/github"
ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w-]+")


def address():
    """Return the one configured address of the repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["urls"]["Repository"]


def built(source):
    """Return the notebook made of a py:percent file.

    A cell's id is a hash of its text, so it stays when other cells come, go or change.
    """
    notebook = jupytext.read(source)
    seen = collections.Counter()
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()
        seen[digest] += 1
        cell["id"] = digest[:12] + (f"-{seen[digest]}" if seen[digest] > 1 else "")
        cell["metadata"].pop("lines_to_next_cell", None)
    notebook.metadata = nbformat.NotebookNode(
        kernelspec={
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        language_info={"name": "python"},
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return notebook


def rebuild():
    """Write every .ipynb anew from its .py, by rename."""
    for source in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py")):
        target = source.with_suffix(".ipynb")
        partial = target.with_suffix(".tmp")
        nbformat.write(built(source), partial)
        os.replace(partial, target)
        print(f"{target.relative_to(ROOT)} rebuilt from {source.name}")


def set_address(new):
    """Put another address of the repository into every file that holds the present one."""
    if not ADDRESS.fullmatch(new):
        sys.exit(f"'{new}' is not of the form https://github.com/you/repository")
    old = address()
    files = [ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "CITATION.cff"]
    for path in [*files, *sorted((ROOT / "notebooks").glob("*.py"))]:
        text = path.read_text()
        short_old, short_new = (
            a.removeprefix("https://github.com/") for a in (old, new)
        )
        text = text.replace(old, new).replace(
            f"{COLAB}/{short_old}/", f"{COLAB}/{short_new}/"
        )
        path.write_text(text)
    rebuild()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", help="the repository's new address")
    options = parser.parse_args()
    set_address(options.address) if options.address else rebuild()
