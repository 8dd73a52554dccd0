"""Run the notebooks in order, skip what is up to date, and build the pages.

python -m tools.run_all [--data FOLDER|ZIP|phantom|kagglehub]
                        [--profile quick] [--until 04_train_the_segmenter]
                        [--external FOLDER|ZIP of a second set, notebook 9]
"""

import argparse
import ast
import hashlib
import importlib.util
import json
import logging
import os
import shlex
import shutil
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from helpers import environment, files
from helpers.data import busi, layouts, sources
from helpers.files import ROOT
from tools import profiles

LOGGER = logging.getLogger("papermill")
LOGGER.propagate = False
LOGGER.setLevel(logging.INFO)


class Stop(Exception):
    """Something that ends the run; its message is the sentence to print."""


def imported_helpers(code, package="", found=()):
    """Return the paths in helpers/ that some code imports, directly or not.

    package: the code's own, for its relative imports.
    """
    found = set(found)
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.ImportFrom):
            continue
        name = "." * node.level + (node.module or "")
        base = importlib.util.resolve_name(name, package)
        for name in (base, *(f"{base}.{alias.name}" for alias in node.names)):
            path = ROOT / f"{name.replace('.', '/')}.py"
            new = path.exists() and path not in found
            if new and name.startswith("helpers."):
                own = name.rpartition(".")[0], {*found, path}
                found |= imported_helpers(path.read_text(), *own) | {path}
    return found


def inputs_of(notebook, parameters, data):
    """Return a hash of what decides a result, but for earlier steps."""
    cells = json.loads(notebook.read_text())["cells"]
    sources = ("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    modules = sorted(imported_helpers("\n".join(sources)))
    pages = [path.with_suffix(".html") for path in modules]
    read = (notebook, *modules, *(page for page in pages if page.exists()))
    parts = [path.read_text() for path in read]
    parts += [json.dumps(parameters, sort_keys=True), data.fingerprint]
    parts.append(json.dumps(environment.versions(), sort_keys=True))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def up_to_date(folder, inputs):
    """Tell whether a finished run of these inputs is here."""
    names = ("run.json", "manifest.json", f"{folder.name}.ipynb")
    if not all((folder / name).exists() for name in names):
        return False
    run, manifest = (json.loads((folder / n).read_text()) for n in names[:2])
    for step, digest in manifest["reads"].items():
        earlier = folder.parent / step / "manifest.json"
        if not earlier.exists() or files.sha256(earlier) != digest:
            return False
    return run["inputs"] == inputs


class Progress(logging.Handler):
    """Shows a running notebook's cell and last line; keeps all in a log."""

    def __init__(self, title, n_cells, log):
        super().__init__()
        self.title, self.n_cells, self.cell, self.log = title, n_cells, 0, log
        self.live = sys.stdout.isatty()

    def emit(self, record):
        for line in record.getMessage().strip().splitlines():
            if line.startswith("Executing Cell"):
                self.cell += 1
                self.show("")
            elif line and not line.startswith("Ending Cell"):
                self.log.write(line + "\n")
                self.log.flush()
                self.show(line)

    def show(self, line):
        text = f"{self.title}  cell {self.cell}/{self.n_cells}  {line}"
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            print("\r\033[K" + text[:width], end="", flush=True)
        elif line.startswith("epoch "):
            print(text, flush=True)

    def end(self, verdict):
        start = "\r\033[K" if self.live else ""
        print(f"{start}{self.title}  {verdict}", flush=True)


def execute(notebook, folder, parameters, title):
    """Run one notebook into its folder; raise Stop if it fails."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (f"FAILED_{notebook.name}", "run.json"):
        (folder / old).unlink(missing_ok=True)
    began, cells = time.time(), json.loads(notebook.read_text())["cells"]
    options = {"kernel_name": "python3", "cwd": str(ROOT)}
    options |= {"progress_bar": False, "log_output": True}
    whole = files.replacing(folder / notebook.name)
    with open(folder / "log.txt", "w") as log, whole as partial:
        progress = Progress(title, len(cells), log)
        LOGGER.handlers = [progress]
        try:
            with environment.stderr_into(log):
                paths = str(notebook), str(partial)
                papermill.execute_notebook(*paths, parameters, **options)
        except PapermillExecutionError as error:
            why = f"cell {error.cell_index}: {error.ename}: {error.evalue}"
            raise failed(notebook, folder, partial, progress, why) from None
        except Exception as error:  # a dead kernel, a time-out
            why = kernel_problem(error, folder / "log.txt")
            raise failed(notebook, folder, partial, progress, why) from None
        finally:
            LOGGER.handlers = []
        progress.end(f"done in {time.time() - began:.0f} s")


def kernel_problem(error, log):
    """Return in words why a kernel did not start, or died."""
    why = f"{type(error).__name__}: {error}."
    if isinstance(error, DeadKernelError):
        return f"{why} Too little memory is the usual cause."
    lines = [line for line in log.read_text().splitlines() if line.strip()]
    said = [line for line in lines if "kernel client for kernel" not in line]
    return f"{why} The kernel's last line: {said[-1] if said else 'none'}"


def failed(notebook, folder, partial, progress, why):
    """Keep a failed notebook to look at; return the Stop that names it."""
    kept = folder / f"FAILED_{notebook.name}"
    if partial.exists():
        os.replace(partial, kept)
    progress.end("FAILED")
    look = f"Look at {kept} (and log.txt beside it), mend it, and run again"
    why = f"{why}\n{look}: what was finished is kept."
    return Stop(f"notebooks/{notebook.name} failed in {why}")


def find_data(where):
    """Return (data Source, why notebooks 2 to 9 are left out or "").

    Stop: `make check-data` calls something fatal.
    """
    try:
        data = sources.locate(where, environment.drive())
    except (busi.DataError, OSError) as error:
        raise Stop(str(error)) from None
    print(f"Data: {data.how}")
    cases, problems = busi.examine(data.root)
    counts = problems["severity"].value_counts()
    for row in problems.itertuples():
        said = f"{row.file}: {row.problem}; {row.remedy}."
        if row.severity == "fatal":
            raise Stop(said)
        if row.file in busi.LABELS:  # of a class, not of one file
            print(said)
    if len(counts):
        more = f"`make check-data DATA={shlex.quote(str(data.root))}`"
        print(f"It has {counts.to_dict()}: {more} lists them.")
    return data, busi.too_few(cases)


def find_external(where):
    """Return the second `layouts.DataSet`, None without; else a Stop."""
    if not where:
        return None
    try:
        found = layouts.find(where)
        print(f"External data: {len(found.cases)} cases ({found.root})")
    except (busi.DataError, OSError) as error:
        raise Stop(f"EXTERNAL: {error}") from None
    return found


def run_series(data, profile, until, too_few="", external=None):
    """Run each notebook up to `until` that is not up to date; return where.

    too_few: why notebooks 2 to 9 are left out, if they are; external: the
    second data set of the notebooks that take one, or None.
    """
    runs = environment.runs_folder(ROOT)
    run = runs / f"{data.kind}-{profile['profile']}"
    os.environ["BUSI_DIR"], os.environ["BUSI_RUNS"] = str(data.root), str(runs)
    os.environ["BUSI_UNATTENDED"] = "1"
    environment.prefer_own_kernel()
    todo = [n for n in profiles.notebooks() if not until or n.stem <= until]
    if too_few:
        print(f"Some are left out: {too_few}.")
        todo = [n for n in todo if not "02" <= n.stem[:2] <= "09"]
    for i, notebook in enumerate(todo, 1):
        title = f"[{i}/{len(todo)}] {notebook.stem}"
        names = profiles.declared(notebook)
        parameters = {k: v for k, v in profile.items() if k in names}
        content = {}
        if external and "external" in names:
            parameters["external"] = str(external.root)
            content["external"] = external.fingerprint
        inputs = inputs_of(notebook, [parameters, content], data)
        folder = run / notebook.stem
        if up_to_date(folder, inputs):
            print(f"{title}  up to date")
            continue
        execute(notebook, folder, parameters, title)
        if not (folder / "manifest.json").exists():
            missing = "ended without its last cell: no manifest"
            raise Stop(f"notebooks/{notebook.name} {missing}.")
        files.write(folder / "run.json", json.dumps({"inputs": inputs}) + "\n")
    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = "folder, zip, phantom or kagglehub"
    parser.add_argument("--data", default="", help=where)
    parser.add_argument("--profile", default="quick", help="of profiles/")
    second = "a second data set, for notebook 9"
    parser.add_argument("--external", default="", help=second)
    parser.add_argument("--until", default="", help="the last notebook to run")
    options = parser.parse_args()
    began = time.time()
    try:
        profile = profiles.read(options.profile)
        steps = [n.stem for n in profiles.notebooks()]
        if options.until and options.until not in steps:
            missing = f"There is no notebook '{options.until}'"
            raise Stop(f"{missing}: one of {steps}.")
        data, too_few = find_data(options.data)
        print(f"Data ready after {time.time() - began:.0f} s", flush=True)
        external = find_external(options.external)
        run = run_series(data, profile, options.until, too_few, external)
        spent = time.time() - began
        print(f"Notebooks ready after {spent:.0f} s: {run}", flush=True)
    except (Stop, profiles.Refused) as stop:
        sys.exit(f"\n{stop}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted: what was finished is kept, run again.")
    if not options.until:
        from tools.site import build  # needs Sphinx, which Colab lacks

        build.build(run)


if __name__ == "__main__":
    main()
