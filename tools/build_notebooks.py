"""Rebuild notebooks/*.ipynb from their .py sources, keeping cell ids; or set the address.

python tools/notebooks.py [--check | --address
https://github.com/you/repository]
"""

import argparse
import collections
import contextlib
import hashlib
import os
import re
import subprocess
import sys
import tomllib

import jupytext
import nbformat

from helpers.files import ROOT

COLAB = "https://colab.research.google.com/github"
SETUP = re.compile(
    r'(?<=^# %% tags=\["setup"\]\n).*?(?=^# %%)', re.DOTALL | re.MULTILINE
)
ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w-]+")


def address():
    """Return the one configured address of the repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["urls"]["Repository"]


def built(source):
    """Return the notebook made of a py:percent file.

    A cell's id is a hash of its text, so it stays when other cells come, go or
    change.
    """
    notebook = jupytext.read(source)
    seen = collections.Counter()
    for cell in notebook.cells:
        digest = hashlib.sha256(
            f"{cell.cell_type}\n{cell.source}".encode()
        ).hexdigest()
        seen[digest] += 1
        cell["id"] = digest[:12] + (
            f"-{seen[digest]}" if seen[digest] > 1 else ""
        )
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


def sources():
    """Return the series' .py files in order."""
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))


def share_setup():
    """Give every notebook the setup cell of the first."""
    first, *others = sources()
    setup = SETUP.search(first.read_text())[0]
    for source in others:
        text = source.read_text()
        changed = SETUP.sub(lambda _: setup, text, count=1)
        if changed != text:
            source.write_text(changed)


def rebuild():
    """Write every .ipynb anew from its .py, by rename, all with one setup cell."""
    share_setup()
    for source in sources():
        target = source.with_suffix(".ipynb")
        partial = target.with_suffix(".tmp")
        nbformat.write(built(source), partial)
        os.replace(partial, target)
        print(f"{target.relative_to(ROOT)} rebuilt from {source.name}")


def check():
    """Exit with a sentence if a pair is not in step."""
    old = [
        s.name
        for s in sources()
        if committed(s) != nbformat.writes(built(s)) + "\n"
    ]
    if old:
        sys.exit(
            f"Not in step with their .ipynb: {old}. Run `make notebooks`."
        )


def committed(source):
    """Return the text of the notebook that belongs to a source, "" if there is none."""
    target = source.with_suffix(".ipynb")
    return target.read_text() if target.exists() else ""


def texts():
    """Return {path: text} of the project's own text files, as git lists them."""
    command = [
        "git",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    names = subprocess.run(
        command, cwd=ROOT, capture_output=True, check=True
    ).stdout
    found = {}
    for name in filter(None, names.decode().split("\0")):
        with contextlib.suppress(UnicodeDecodeError, FileNotFoundError):
            found[ROOT / name] = (ROOT / name).read_text()
    return found


def set_address(new):
    """Put another address of the repository into every file that holds the present one."""
    if not ADDRESS.fullmatch(new):
        sys.exit(
            f"'{new}' is not of the form https://github.com/you/repository"
        )
    old = address()
    short_old, short_new = (
        a.removeprefix("https://github.com/") for a in (old, new)
    )
    changes = ((old, new), (f"{COLAB}/{short_old}", f"{COLAB}/{short_new}"))
    for path, text in texts().items():
        changed = text
        for before, after in changes:
            changed = re.sub(re.escape(before) + r"(?![\w-])", after, changed)
        if changed != text and path.suffix != ".ipynb":  # those are rebuilt
            path.write_text(changed)
            print(f"{path.relative_to(ROOT)} now names {new}")
    rebuild()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", help="the repository's new address")
    parser.add_argument(
        "--check", action="store_true", help="only say if one is old"
    )
    options = parser.parse_args()
    if options.check:
        check()
    elif options.address is not None:
        set_address(options.address)
    else:
        rebuild()
