"""Run the notebooks in order, skip what is up to date, and build the pages.

python -m tools.run_all [--data FOLDER|ZIP|phantom|kagglehub]
                        [--profile quick] [--until 04_train_the_segmenter]
                        [--external FOLDER|ZIP of a second set, notebook 9]
"""

import argparse
import contextlib
import dataclasses
import functools
import hashlib
import json
import modulefinder
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from helpers import environment, files, workspace
from helpers.data import busi, layouts, sources
from helpers.files import ROOT
from tools import check_data, lab, profiles


class Stop(Exception):
    """Something that ends the run; its message is the sentence to print."""


def imported_helpers(code):
    """Return the paths in helpers/ that some code imports, directly or not."""
    but = ["helpers.workspace"]  # of every notebook, and decides no result
    finder = modulefinder.ModuleFinder([str(ROOT)], excludes=but)
    finder.scan_code(compile(code, "", "exec"), finder.add_module("__main__"))
    paths = (module.__file__ for module in finder.modules.values())
    found = {Path(path) for path in paths if path}
    return {path for path in found if path.stem != "__init__"}


def inputs_of(notebook, parameters, data):
    """Return a hash of what decides a result, but for earlier steps."""
    cells = json.loads(notebook.read_text())["cells"]
    sources = ("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    code = "\n".join(sources)
    modules = sorted(imported_helpers(code))
    code += "\n".join(path.read_text() for path in modules)
    parts = [notebook.read_text(), code]
    for home in sorted({path.parent for path in modules}):
        for kind in ("*.html", "*.json"):  # read by a module beside them
            parts += [path.read_text() for path in sorted(home.glob(kind))]
    parts += [json.dumps(parameters, sort_keys=True), data.fingerprint]
    parts.append(json.dumps(environment.versions(), sort_keys=True))
    for name in ("models", "results"):
        if f'"{name}"' in code or f"{name}/" in code:
            for path in sorted((ROOT / name).glob("[!.]*.*")):
                if path.suffix != ".md":  # which no notebook reads
                    parts.append(path.name + files.sha256(path))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def up_to_date(folder, inputs):
    """Tell whether a finished run of these inputs is here."""
    run = workspace.sealed(folder, "run.json")
    manifest = workspace.sealed(folder)
    if not manifest or not (folder / f"{folder.name}.ipynb").exists():
        return False
    kept = {folder / name: sha for name, sha in manifest["files"].items()}
    for step, digest in manifest["reads"].items():
        kept[folder.parent / step / "manifest.json"] = digest
    for path, digest in kept.items():
        if not path.exists() or files.sha256(path) != digest:
            return False
    return run.get("inputs") == inputs


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
        n = len(check_data.cases_of(found))
        print(f"External data: {n} cases ({found.root})")
    except (busi.DataError, OSError) as error:
        raise Stop(f"EXTERNAL: {error}") from None
    return found


@dataclasses.dataclass
class Job:
    """One notebook of a run; content: what else decides its results."""

    title: str
    notebook: Path
    folder: Path
    parameters: dict
    content: dict
    inputs: str = ""
    process: subprocess.Popen | None = None

    @functools.cached_property
    def needs(self):
        """The steps that it reads: the earlier ones that it names."""
        text, own = self.notebook.read_text(), self.notebook.stem
        steps = {path.stem for path in profiles.notebooks()}
        return {s for s in steps if s < own and f'\\"{s}\\"' in text}

    def start(self, data, limits):
        """Start it; return whether there was something to do.

        limits: environment variables, of `limits_of`.
        """
        decides = [self.parameters, self.content]
        self.inputs = inputs_of(self.notebook, decides, data)
        if up_to_date(self.folder, self.inputs):
            print(f"{self.title}  up to date")
            return False
        words = self.notebook, self.folder, json.dumps(self.parameters)
        command = [sys.executable, "-m", "tools.execute", *words, self.title]
        env = limits | os.environ
        self.process = subprocess.Popen(command, cwd=ROOT, env=env)
        return True

    def seal(self):
        """Note what it was made from; return whether it is whole."""
        code = self.process.returncode
        if code < 0:
            often = "too little memory is the usual cause"
            print(f"{self.title} was killed (signal {-code}): {often}.")
        if code:
            return False  # else it has said why
        if not (self.folder / "manifest.json").exists():
            print(f"{self.title} ended without its last cell: no manifest.")
            return False
        made_from = json.dumps({"inputs": self.inputs}) + "\n"
        files.write(self.folder / "run.json", made_from)
        return True


def jobs(run, profile, until, too_few, external):
    """Return the notebooks up to `until`, in order, each a `Job`."""
    todo = [n for n in profiles.notebooks() if not until or n.stem <= until]
    if too_few:
        print(f"Some are left out: {too_few}.")
        todo = [n for n in todo if not "02" <= n.stem[:2] <= "09"]
    for i, notebook in enumerate(todo, 1):
        names = profiles.declared(notebook)
        parameters = {k: v for k, v in profile.items() if k in names}
        content = {}
        if external and "external" in names:
            parameters["external"] = str(external.root)
            content["external"] = external.fingerprint
        title = f"[{i}/{len(todo)}] {notebook.stem}"
        folder = run / notebook.stem
        yield Job(title, notebook, folder, parameters, content)


def run_series(data, profile, until, too_few="", external=None):
    """Run each notebook up to `until` that is not up to date; return where.

    A notebook starts when those that it reads are finished: two at once, as
    one seldom keeps two cores busy; with a GPU, whose memory one fills, or on
    one core, one. too_few: why notebooks 2 to 9 are left out, if they are;
    external: the second data set of the notebooks that take one, or None.
    """
    runs = environment.runs_folder(ROOT)
    run = runs / f"{data.kind}-{profile['profile']}"
    try:
        run.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=run):
            pass
    except OSError as error:
        problem = f"{run} cannot be written to ({error.strerror})"
        raise Stop(f"{problem}: set BUSI_RUNS to another folder.") from None
    os.environ["BUSI_DIR"], os.environ["BUSI_RUNS"] = str(data.root), str(runs)
    os.environ["BUSI_UNATTENDED"] = "1"
    lab.prefer_own_kernel()
    alone = environment.cores() == 1 or environment.gpu_capability()
    waiting = list(jobs(run, profile, until, too_few, external))
    running, failed = [], False
    try:
        while waiting or running:
            for job in [j for j in running if j.process.poll() is not None]:
                running.remove(job)
                if not job.seal():
                    waiting, failed = [], True  # what runs goes on to its end
            job = next_of(waiting, running)
            if not job or len(running) == (1 if alone else 2):
                time.sleep(0.1)
                continue
            waiting.remove(job)
            limits = {} if alone else limits_of(job, waiting)
            running += [job] * job.start(data, limits)
    finally:
        for job in running:  # interrupted, as this is: they clear up
            with contextlib.suppress(subprocess.TimeoutExpired):
                job.process.wait(10)
            job.process.terminate()
    if failed:
        raise Stop("Not every notebook ran: what was finished is kept.")
    return run


def next_of(waiting, running):
    """Return the job to start next, None if all have to wait.

    One that others read goes first; then the last, so that notebook 9, which
    takes long, is not left over for the end. Beside the first, which keeps all
    cores busy and for which most wait, there is no other.
    """
    unfinished = {job.notebook.stem for job in waiting + running}
    ready = [job for job in waiting if not job.needs & unfinished]
    read = set().union(*(job.needs for job in waiting))
    awaited = [job for job in ready if job.notebook.stem in read]
    first = [j for j in running if j.notebook.stem in read and not j.needs]
    if first and not awaited:
        return None
    return next(iter(awaited[:1] or ready[-1:]), None)


def limits_of(job, waiting):
    """Return environment variables that leave half of the cores to another.

    Two networks that compute on all cores at once are in each other's way. One
    that others wait for, or that opens a second data set, is not limited: it
    may soon be alone, for long.
    """
    awaited = any(job.notebook.stem in other.needs for other in waiting)
    if awaited or job.content:
        return {}
    return {"TF_NUM_INTRAOP_THREADS": str(environment.cores() // 2)}


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
    signal.signal(signal.SIGTERM, signal.default_int_handler)
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
        if not options.until:
            from tools.site import build  # needs Sphinx, which Colab lacks

            build.build(run)
    except (Stop, profiles.Refused) as stop:
        sys.exit(f"\n{stop}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted: what was finished is kept, run again.")


if __name__ == "__main__":
    environment.print_any_name()
    main()
