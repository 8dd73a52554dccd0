"""The notebooks' common ground: start, find the data, hand results on.

A notebook is one *step*. It writes into its own folder,
runs/<data>-<profile>/<step>/, and writes `manifest.json` there last, by
rename: no manifest means not finished. Another notebook reads those files only
through `Step.read`, which checks them against it.
"""

import json
import re
import resource
import shlex
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from . import environment, files
from .data import sources

SCHEMA = 4  # raise it whenever a file or a column is new or renamed
COLUMNS = {  # what a reader of these tables may rely on
    "cases.csv": "case label height width group",
    "folds.csv": "case group fold",
    "history.csv": "epoch loss val_dice seconds",
    "validation.csv": "case label group fold normal benign malignant",
    "findings.csv": "case label predicted normal benign malignant",
    "scores.csv": "case label dice iou hd95",
}


class NotReady(RuntimeError):
    """Something that this notebook reads is not there; says what to run."""

    def _render_traceback_(self):  # Jupyter then shows the sentence alone
        return [f"Not ready: {self}"]


def start():
    """Find out where we are and which data are here; return a `Workspace`.

    Raises:
        busi.DataError: $BUSI_DIR names something that is not the data set.
    """
    drive = environment.drive()
    data = sources.locate(drive=drive)
    here = Workspace(data, environment.runs_folder(files.ROOT), drive)
    found = environment.versions()
    print(
        f"{environment.name()} · {environment.device()}\n"
        f"Python {found['python']} · TensorFlow {found['tensorflow']} · "
        f"Keras {found['keras']}\ndata: {data.how}\n"
        f"results: {here.runs}{where_kept(drive)}"
    )
    for line in [*earlier_runs(drive), environment.gpu_advice()]:
        if line:
            print(line)
    return here


def where_kept(drive):
    """Return what to add to the folder of the results: are they safe?"""
    if drive:
        kept = drive / environment.PROJECT / "runs"
        return f", and when a notebook is finished {kept}"
    if environment.in_colab():
        return ", lost when Colab takes this machine back"
    return ""


def earlier_runs(drive):
    """Return a sentence for each run that earlier machines left in Drive."""
    if drive is None:
        return []
    found = {}  # run: ([finished steps], [steps whose training is half-way])
    try:
        runs = drive / environment.PROJECT / "runs"
        for folder in sorted(runs.glob("*/*")):
            half = not (folder / "manifest.json").exists()
            steps = found.setdefault(folder.parent.name, ([], []))
            steps[half].append(folder.name[:2])
    except OSError as error:
        return [f"Drive could not be read ({error}): going on without."]
    lines = []
    for run, (done, half) in found.items():
        line = f"{run}, finished {', '.join(done) or 'none'}"
        if half:
            line += f", half-way {', '.join(half)} (goes on when you run it)"
        lines.append(f"in Drive from before: {line}")
    return lines


@dataclass(frozen=True)
class Workspace:
    """A place to work: the data, the folder for results, Drive (or None)."""

    data: sources.Source
    runs: Path
    drive: Path | None = None

    def step(self, name, namespace=None):
        """Open the folder of notebook `name`; return it, unfinished, a `Step`.

        namespace: dict that holds the notebook's parameters; by default the
        variables of the notebook that calls this.
        """
        namespace = namespace or vars(sys.modules["__main__"])
        parameters = {key: namespace[key] for key in declared(name)}
        run = f"{self.data.kind}-{parameters['profile']}"
        folder = self.runs / run / name
        folder.mkdir(parents=True, exist_ok=True)
        return Step(self, name, folder, parameters)


def declared(name):
    """Return the names in the parameters cell of notebook `name`, a list."""
    text = (files.ROOT / "notebooks" / f"{name}.ipynb").read_text()
    for cell in json.loads(text)["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            found = (re.match(r"(\w+)\s*[:=]", x) for x in cell["source"])
            return [match[1] for match in found if match]
    return []


@dataclass
class Step:
    """One notebook's folder of a run, and its view of the earlier ones."""

    here: Workspace
    name: str
    folder: Path
    parameters: dict
    reads: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)
    began: float = field(default_factory=time.time)

    @property
    def drive(self):
        """Return this step's folder in Drive, or None without Drive."""
        return in_drive(self.here.drive, self.folder)

    def save(self, name, content):
        """Write a DataFrame (.csv), dict of arrays (.npz) or dict (.json).

        The first breaks the seals of an earlier run: it is not whole any more.
        """
        missing = set(COLUMNS.get(name, "").split()) - set(content)
        if missing:
            raise ValueError(f"{name} lacks the columns {sorted(missing)}")
        with files.replacing(self.folder / name) as partial:
            if partial.suffix == ".csv":
                content.to_csv(partial, index=False)
            elif partial.suffix == ".npz":
                np.savez_compressed(partial, **content)
            else:
                partial.write_text(as_json(content))
            for seal in ("manifest.json", "run.json"):  # of `make run-all`
                (self.folder / seal).unlink(missing_ok=True)
        return self.keep(name)

    def keep(self, name):
        """List a file that something else wrote here; return its path."""
        self.files[name] = files.sha256(self.folder / name)
        return self.folder / name

    def read(self, step, name):
        """Return file `name` of an earlier step (of a model file: the path).

        Raises:
            NotReady: the step is unfinished, was made from other data or by
                another version of the series, or was changed.
        """
        folder = self.folder.parent / step
        if not (folder / "manifest.json").exists():
            restore(self.here.drive, folder)
        problem = problem_with(folder, name, self.here.data)
        if problem:
            raise NotReady(advice(step, folder / name, problem))
        self.reads[step] = files.sha256(folder / "manifest.json")
        return load(folder / name)

    def finish(self):
        """Seal the step: write manifest.json last; copy all to Drive."""
        seconds = time.time() - self.began
        manifest = {
            "schema": SCHEMA,
            "step": self.name,
            "parameters": self.parameters,
            "data": self.here.data.fingerprint,
            "simulated": self.here.data.kind == "phantom",
            "reads": self.reads,
            "files": self.files,
            "versions": environment.versions(),
            "device": environment.device(),
            "seconds": round(seconds, 1),
            "peak_memory_mb": peak_memory_mb(),
        }
        files.write(self.folder / "manifest.json", as_json(manifest))
        keep_in_drive(self.here.drive, self.folder)
        print(f"finished after {seconds:.0f} s; {self.folder} now holds:")
        for name in self.files:
            size = (self.folder / name).stat().st_size
            print(f"  {name} ({size / 1e3:,.0f} kB)")


def as_json(content):
    """Return a dict as the text of a .json file; nan becomes null."""
    finite = json.loads(json.dumps(content), parse_constant=lambda _: None)
    return json.dumps(finite, indent=1) + "\n"


def sealed(folder, name="manifest.json"):
    """Return what a step's seal says, a dict; {} if it is no whole one."""
    try:
        seal = load(folder / name)
    except (FileNotFoundError, ValueError):
        return {}
    known = isinstance(seal, dict)
    if name == "manifest.json":
        known = known and seal.get("schema") == SCHEMA
    return seal if known else {}


def problem_with(folder, name, data):
    """Return why file `name` of a step cannot be read, or None if it can."""
    if not (folder / "manifest.json").exists():
        return "is not there"
    manifest = sealed(folder)
    if not manifest:
        return "was written by another version of this series, or is damaged"
    if manifest["data"] != data.fingerprint:
        return "was made from other images"
    whole = (folder / name).exists()
    if not whole or manifest["files"].get(name) != files.sha256(folder / name):
        return "was changed after that run"
    return None


def peak_memory_mb(usage=None):
    """Return the most memory that a process has held, in MB of 10^6 bytes.

    usage: what `os.wait4` says of it; without, that of this process.
    """
    usage = usage or resource.getrusage(resource.RUSAGE_SELF)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    return round(usage.ru_maxrss * unit / 1e6)


def advice(step, file, problem):
    """Return the sentence that names a missing file and how to make it."""
    profile = file.parent.parent.name.split("-", 1)[1]
    # the only package that Colab lacks
    install = "pip install -q papermill && " * environment.in_colab()
    return (
        f"{file} {problem}. Run notebooks/{step}.ipynb first, or in a cell "
        f"here: !cd {shlex.quote(str(files.ROOT))} && {install}"
        f"{shlex.quote(sys.executable)} -m tools.run_all "
        f"--profile {profile} --until {step}"
    )


def load(path):
    """Return a .csv, .npz (dict of arrays) or .json; else the path itself."""
    if path.suffix == ".csv":
        return pd.read_csv(path)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    return json.loads(path.read_text()) if path.suffix == ".json" else path


def in_drive(drive, folder):
    """Return where a step's folder is kept in Drive, None without Drive."""
    runs = drive and drive / environment.PROJECT / "runs"
    return runs and runs / folder.parent.name / folder.name


def keep_in_drive(drive, folder):
    """Copy a finished step to Drive; a failing Drive is only reported."""
    if drive is None:
        return
    try:
        if not drive.is_dir():  # else this would make local folders there
            raise FileNotFoundError(f"{drive} is not mounted any more")
        copy_step(folder, in_drive(drive, folder))
    except OSError as error:
        where = f"the results are in {folder} only"
        print(f"Drive could not be written ({error}): {where}.")


def restore(drive, folder):
    """Bring back from Drive what another machine finished, if it is there."""
    if drive is None:
        return
    try:
        copy_step(in_drive(drive, folder), folder)
    except OSError as error:
        print(f"Drive could not be read ({error}): going on without.")


def copy_step(source, target):
    """Copy the files of a finished step; without a manifest it is not one."""
    names = sealed(source).get("files")
    if names is None:
        return
    target.mkdir(parents=True, exist_ok=True)
    (target / "manifest.json").unlink(missing_ok=True)
    for name in [*names, "manifest.json"]:
        files.copy(source / name, target / name)
