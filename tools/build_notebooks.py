"""Build notebooks/*.ipynb from their .py sources; or set the address.

python -m tools.build_notebooks [--check | --address ADDRESS]

A cell's id is a hash of its text: it stays when other cells come and go.
"""

import argparse
import collections
import contextlib
import hashlib
import re
import subprocess
import sys
import tomllib

import jupytext
import nbformat

from helpers import files
from helpers.files import ROOT

COLAB = "https://colab.research.google.com/github"
SETUP = re.compile(r'(?ms)(?<=^# %% tags=\["setup"\]\n).*?(?=^# %%)')
ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w-]+")


def address():
    """Return the one configured address of the repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["urls"]["Repository"]


def built(source):
    """Return the notebook made of a py:percent file."""
    notebook = jupytext.read(source)
    seen = collections.Counter()
    for cell in notebook.cells:
        text = f"{cell.cell_type}\n{cell.source}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        seen[digest] += 1
        again = f"-{seen[digest]}" if seen[digest] > 1 else ""
        cell["id"] = digest + again
        cell["metadata"].pop("lines_to_next_cell", None)
    kernel = {"display_name": "Python 3", "language": "python"}
    kernel["name"] = "python3"
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook.metadata = nbformat.from_dict(about)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return notebook


def sources():
    """Return the series' .py files in order, the appendix (A1, ...) last."""
    return sorted((ROOT / "notebooks").glob("[0-9A][0-9]_*.py"))


def share_setup():
    """Give every notebook the setup cell of the first."""
    first, *others = sources()
    setup = SETUP.search(first.read_text())[0]
    for source in others:
        text = source.read_text()
        changed = SETUP.sub(lambda _: setup, text, count=1)
        if changed != text:
            files.write(source, changed)


def as_text(source):
    """Return the text of the .ipynb that belongs to a source."""
    return nbformat.writes(built(source)) + "\n"


def rebuild():
    """Write every .ipynb anew from its .py, all with one setup cell."""
    share_setup()
    for source in sources():
        target = source.with_suffix(".ipynb")
        files.write(target, as_text(source))
        print(f"{target.relative_to(ROOT)} built from {source.name}")


def check():
    """Exit with a sentence if a pair is not in step."""
    old = []
    for source in sources():
        target = source.with_suffix(".ipynb")
        if not target.exists() or target.read_text() != as_text(source):
            old.append(source.name)
    if old:
        mend = "Run `make notebooks`."
        sys.exit(f"Not in step with their .ipynb: {old}. {mend}")


def listed():
    """Return the files, from ROOT, that git knows or would add."""
    command = ["git", "ls-files", "-z", "-co", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    names = filter(None, done.stdout.decode().split("\0"))
    return [name for name in names if (ROOT / name).is_file()]


def texts():
    """Return {path: text} of the project's own text files."""
    found = {}
    for name in listed():
        with contextlib.suppress(UnicodeDecodeError):
            found[ROOT / name] = (ROOT / name).read_text()
    return found


def set_address(new):
    """Put another address into every file that holds the present one."""
    form = "https://github.com/you/repository"
    if not ADDRESS.fullmatch(new):
        sys.exit(f"'{new}' is not of the form {form}")
    old = address()
    short = [a.removeprefix("https://github.com/") for a in (old, new)]
    changes = ((old, new), tuple(f"{COLAB}/{name}" for name in short))
    for path, text in texts().items():
        changed = text
        for before, after in changes:
            changed = re.sub(re.escape(before) + r"(?![\w-])", after, changed)
        if changed != text and path.suffix != ".ipynb":  # those are rebuilt
            files.write(path, changed)
            print(f"{path.relative_to(ROOT)} now names {new}")
    rebuild()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", help="the repository's new address")
    only = {"action": "store_true", "help": "only say which are not in step"}
    parser.add_argument("--check", **only)
    options = parser.parse_args()
    if options.check:
        check()
    elif options.address is not None:
        set_address(options.address)
    else:
        rebuild()
