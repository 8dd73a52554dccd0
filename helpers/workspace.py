"""The notebooks' common ground: start, find the data, and hand results to each other.

A notebook is one *step*. It writes into its own folder,
runs/<data>-<profile>/<step>/, and writes `manifest.json` there last, by
rename: no manifest means not finished. Another notebook reads those files only
through `Step.read`, which checks them against it.
"""

import hashlib
import json
import os
import resource
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from . import environment
from .data import sources

SCHEMA = 1
ROOT = Path(__file__).resolve().parent.parent
COLUMNS = {  # what a reader of these tables may rely on
    "cases.csv": ["case", "label", "height", "width", "group"],
    "folds.csv": ["case", "group", "fold"],
    "history.csv": ["epoch", "loss", "val_dice", "seconds"],
    "validation.csv": [
        "case",
        "label",
        "group",
        "fold",
        "normal",
        "benign",
        "malignant",
    ],
    "findings.csv": ["case", "label", "told", "normal", "benign", "malignant"],
    "scores.csv": ["case", "label", "dice", "iou", "hd95"],
}


class NotReady(RuntimeError):
    """Something that this notebook reads is not there; the message says what to run."""

    def _render_traceback_(
        self,
    ):  # Jupyter then shows the sentence and no stack
        return [f"Not ready: {self}"]


def start():
    """Find out where we are and which data are here, print it, and return a `Workspace`.

    Raises:
        busi.DataError: $BUSI_DIR names something that is not the data set.
    """
    drive = environment.drive()
    data = sources.locate(drive=drive)
    here = Workspace(data, environment.runs_folder(ROOT), drive)
    found = environment.versions()
    print(
        f"{environment.name()} · {environment.device()}\nPython {found['python']} · "
        f"TensorFlow {found['tensorflow']} · Keras {found['keras']}\n"
        f"data: {data.how}\nresults: {here.runs}{kept_where(drive)}"
    )
    for line in filter(None, [*earlier_runs(drive), environment.gpu_advice()]):
        print(line)
    return here


def kept_where(drive):
    """Return what to add to the folder of the results: are they safe?"""
    if drive:
        return f", and when a notebook is finished {drive / environment.PROJECT / 'runs'}"
    return (
        ", lost when Colab takes this machine back"
        if environment.in_colab()
        else ""
    )


def earlier_runs(drive):
    """Return a sentence for each run that earlier machines left in Drive."""
    if drive is None:
        return []
    found = {}  # run: ([finished steps], [steps of which only a training is there])
    try:
        for folder in sorted(
            (drive / environment.PROJECT / "runs").glob("*/*")
        ):
            half = not (folder / "manifest.json").exists()
            found.setdefault(folder.parent.name, ([], []))[half].append(
                folder.name[:2]
            )
    except OSError as error:
        return [
            f"Drive could not be read ({error}): looking on this machine only."
        ]
    return [
        f"in Drive from before: {run}, finished {', '.join(finished) or 'none'}"
        + (
            f", half-way {', '.join(half)} (goes on when you run it)"
            if half
            else ""
        )
        for run, (finished, half) in found.items()
    ]


@dataclass(frozen=True)
class Workspace:
    """A place to work: the data, the folder for results, and Drive (or None)."""

    data: sources.Source
    runs: Path
    drive: Path | None = None

    def step(self, name, profile, **parameters):
        """Open the folder of step `name` and return it as a `Step`, marked unfinished."""
        folder = self.runs / f"{self.data.kind}-{profile}" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").unlink(missing_ok=True)
        return Step(self, name, folder, {"profile": profile, **parameters})


@dataclass
class Step:
    """One notebook's own folder of a run, and its view of the earlier ones."""

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
        """Write a DataFrame (.csv), a dict of arrays (.npz) or a dict (.json), by rename."""
        check_columns(name, content)
        final = self.folder / name
        # np.savez appends .npz to a name that lacks it, so the suffix stays
        # last
        partial = final.with_name(f".partial-{name}")
        if final.suffix == ".csv":
            content.to_csv(partial, index=False)
        elif final.suffix == ".npz":
            np.savez_compressed(partial, **content)
        else:
            partial.write_text(
                json.dumps(content, indent=1, allow_nan=True) + "\n"
            )
        os.replace(partial, final)
        return self.keep(name)

    def keep(self, name):
        """List a file that something else wrote into this folder; return its path."""
        self.files[name] = sha256(self.folder / name)
        return self.folder / name

    def read(self, step, name):
        """Return the content of file `name` of an earlier step (model files: the path).

        Raises:
            NotReady: the step is unfinished, was made from other data, or was
            changed.
        """
        folder = self.folder.parent / step
        if not (folder / "manifest.json").exists():
            restore(self.here.drive, folder)
        if not (folder / "manifest.json").exists():
            raise NotReady(advice(step, folder / name, "is not there"))
        manifest = json.loads((folder / "manifest.json").read_text())
        if manifest["data"] != self.here.data.fingerprint:
            raise NotReady(
                advice(step, folder / name, "was made from other images")
            )
        if not (folder / name).exists() or manifest["files"].get(
            name
        ) != sha256(folder / name):
            raise NotReady(
                advice(step, folder / name, "was changed after that run")
            )
        self.reads[step] = sha256(folder / "manifest.json")
        return load(folder / name)

    def finish(self):
        """Seal the step: write manifest.json last, and copy the folder to Drive."""
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
            "seconds": round(time.time() - self.began, 1),
            "peak_memory_mb": peak_memory_mb(),
        }
        partial = self.folder / ".partial-manifest.json"
        partial.write_text(json.dumps(manifest, indent=1) + "\n")
        os.replace(partial, self.folder / "manifest.json")
        keep_in_drive(self.here.drive, self.folder)
        print(
            f"finished after {manifest['seconds']:.0f} s; {self.folder} now holds:"
        )
        for name in self.files:
            print(
                f"  {name} ({(self.folder / name).stat().st_size / 1e3:,.0f} kB)"
            )


def peak_memory_mb():
    """Return the most memory that this process has held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))


def advice(step, file, problem):
    """Return the sentence that names a missing file and how to make it."""
    profile = file.parent.parent.name.split("-", 1)[1]
    command = (
        f"python {ROOT}/tools/run_all.py --profile {profile} --until {step}"
    )
    install = (
        "pip install -q papermill && " if environment.in_colab() else ""
    )  # only this
    return (
        f"{file} {problem}. Run notebooks/{step}.ipynb first, or in a cell here: "
        f"!{install}{command}"
    )


def check_columns(name, content):
    """Raise ValueError if table `name` lacks a column that its readers rely on."""
    missing = set(COLUMNS.get(name, [])) - set(getattr(content, "columns", []))
    if missing:
        raise ValueError(f"{name} lacks the columns {sorted(missing)}")


def load(path):
    """Return a .csv as DataFrame, .npz as dict of arrays, .json as dict, else the path."""
    if path.suffix == ".csv":
        return pd.read_csv(path)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    return json.loads(path.read_text()) if path.suffix == ".json" else path


def sha256(path):
    """Return the hex SHA-256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def in_drive(drive, folder):
    """Return where a step's folder is kept in Drive, or None without Drive."""
    return (
        drive
        and drive
        / environment.PROJECT
        / "runs"
        / folder.parent.name
        / folder.name
    )


def keep_in_drive(drive, folder):
    """Copy a finished step to Drive, manifest last; a failing Drive is only reported."""
    target = in_drive(drive, folder)
    if target is None:
        return
    try:
        if (
            not drive.is_dir()
        ):  # else this would make local folders in its place
            raise FileNotFoundError(f"{drive} is not mounted any more")
        target.mkdir(parents=True, exist_ok=True)
        (target / "manifest.json").unlink(missing_ok=True)
        names = json.loads((folder / "manifest.json").read_text())["files"]
        for name in [*names, "manifest.json"]:
            shutil.copyfile(folder / name, target / f".partial-{name}")
            os.replace(target / f".partial-{name}", target / name)
    except OSError as error:
        print(
            f"Drive could not be written ({error}): the results are in {folder} only."
        )


def restore(drive, folder):
    """Bring a step that another machine finished back from Drive, if it is there."""
    source = in_drive(drive, folder)
    if source is None:
        return
    try:
        names = json.loads((source / "manifest.json").read_text())["files"]
        folder.mkdir(parents=True, exist_ok=True)
        for name in [*names, "manifest.json"]:
            shutil.copyfile(source / name, folder / f".partial-{name}")
            os.replace(folder / f".partial-{name}", folder / name)
    except FileNotFoundError:
        return
    except OSError as error:
        print(
            f"Drive could not be read ({error}): looking on this machine only."
        )
