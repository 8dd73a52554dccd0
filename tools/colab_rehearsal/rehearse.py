"""Rehearse the notebooks on stand-ins for Colab's and Kaggle's machines.

python -m tools.colab_rehearsal.rehearse [NUMBER ...] [--on SITUATION ...]
                                         as: 04 --on Kaggle T4

Each notebook starts alone on a new machine with an empty /content, and clones
the repository from its address, which leads to a copy of this working tree.
packages/ has the stand-ins for `google.colab` and kagglehub; parameters are
those of profiles/tiny.yaml, images are simulated. Prints a matrix. Needs
Linux, and the environment of `make test-colab`.
"""

import argparse
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pandas as pd
import yaml

from helpers import environment, files
from helpers.data.phantom import dataset
from helpers.files import ROOT
from tools import build_notebooks

STANDINS = Path(__file__).resolve().parent
TINY = yaml.safe_load((ROOT / "profiles" / "tiny.yaml").read_text())
CASES = {"n_benign": 24, "n_malignant": 14, "n_normal": 8, "seed": 3}
STOPS = "says what to run"
MAY_STOP = re.compile(r"Not ready: .* notebooks/(\w+)\.ipynb first, .*: !(.+)")


class Failed(Exception):
    """What a rehearsal found wrong; the message is the sentence to print."""


@dataclass(frozen=True)
class Situation:
    """A kind of machine, and what the notebook must say on it."""

    title: str
    drive: str = "works"  # how drive.mount behaves
    says: tuple = ()  # texts that must be among the outputs
    alone: bool = False  # no earlier result is in reach: it may stop
    in_drive: bool = False  # the repository lies in Drive alone
    kaggle: bool = False
    kagglehub: bool = True  # gives the images; else they are simulated
    gpu: bool = False  # a T4, as far as nvidia-smi tells
    killed: str = ""  # the word at which the machine is taken away
    only: str = ""  # for notebooks whose code holds this

    @property
    def run(self):
        """Return the name of the run: simulated, if no images are in reach."""
        real = self.kagglehub or self.drive == "works"
        return f"{'busi' if real else 'phantom'}-{TINY['profile']}"


NO_GPU = "No GPU: the numbers in the parameters cell are small enough"
ON_DRIVE = "and when a notebook is finished /content/drive/MyDrive/"
LOST = "/content/runs, lost when Colab takes this machine back"
REFUSED = "Drive is not available (Error: credential", LOST
LATE = "Drive is not available (mount failed: timeout", LOST, "PHANTOM"
GOES_ON = "in Drive from before: busi-tiny", "half-way", "Going on after epoch"
ON_T4 = {"gpu": True, "only": "training.precision()"}
ON_KAGGLE = "Kaggle · ", "/kaggle/working/runs"
ON_CPU = ON_DRIVE, NO_GPU, "Runtime, Change runtime type"
IN_DRIVE = {"in_drive": True, "kagglehub": False}
KILLED = {"killed": "epoch 2/3", "only": "step.drive"}
FIRST = Situation("Drive works", says=ON_CPU)
SITUATIONS = [
    Situation("Drive refused", "refuses", REFUSED, alone=True),
    Situation("times out", "times-out", LATE, alone=True, kagglehub=False),
    Situation("slow Drive", "slow", (ON_DRIVE,)),
    Situation("Drive fails", "fails", ("Drive could not be written",)),
    Situation("in Drive's folder", says=(ON_DRIVE,), **IN_DRIVE),
    Situation("killed half-way", says=GOES_ON, **KILLED),
    Situation("T4", says=("Tesla T4",), **ON_T4),
    Situation("Kaggle", "elsewhere", ON_KAGGLE, kaggle=True),
]
BY_ITSELF = Situation("run_all in a cell", "refuses", alone=True)
ALL = {situation.title: situation for situation in (*SITUATIONS, BY_ITSELF)}


class Stage:
    """The folders of one rehearsal: repository, images, Drives, machines."""

    def __init__(self, home):
        self.home = home
        self.address = build_notebooks.address()
        self.name = self.address.split("/")[-1]
        self.tree, self.bare = home / self.name, home / "bare.git"
        for name in build_notebooks.listed():  # the working tree as it is now
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.tree / name)
        git = ["git", "-c", "user.name=rehearsal", "-c", "user.email=none"]
        for command in ("init -q", "add .", "commit -q -m copy"):
            words = [*git, *command.split()]
            subprocess.run(words, cwd=self.tree, check=True)
        clone = ["git", "clone", "-q", "--bare", self.tree, self.bare]
        subprocess.run(clone, check=True)
        shutil.rmtree(self.tree / ".git")
        self.images = dataset.write_dataset(home / "images", **CASES).parent
        # without its marker the phantom passes for the real set
        next(self.images.rglob("PHANTOM.json")).unlink()
        self.drive = home / "drive"
        (self.drive / "MyDrive").mkdir(parents=True)
        shutil.make_archive(self.drive / "MyDrive/archive", "zip", self.images)

    def folder(self, prefix):
        """Return a new empty folder."""
        return Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=self.home))

    def machine(self, situation, drive):
        """Return a new `Machine`; its Drive is the folder `drive`."""
        top, home = self.folder("machine"), self.folder("home")
        (top / "content").mkdir()
        paths = [STANDINS / "t4"] * situation.gpu
        paths += [STANDINS / "commands", Path(sys.executable).parent]
        paths += ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        reached = self.home / "nowhere" if situation.in_drive else self.bare
        variables = {
            "HOME": home,
            "PATH": ":".join(map(str, paths)),
            "PYTHONPATH": STANDINS / "packages",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "COLAB_RELEASE_TAG": "release-colab-rehearsal",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{reached}.insteadOf",
            "GIT_CONFIG_VALUE_0": self.address,
            "REHEARSAL_DRIVE": f"{situation.drive} {drive}",
            "REHEARSAL_ASKED": home / "asked.txt",
            "REHEARSAL_KAGGLEHUB": self.images if situation.kagglehub else "",
        }
        if situation.kaggle:  # beside Colab's signs: its image is built on it
            variables["KAGGLE_KERNEL_RUN_TYPE"] = "Interactive"
            inputs = top / "kaggle/input/datasets/someone/breast-ultrasound"
            shutil.copytree(self.images, inputs)
            (top / "kaggle/working").mkdir()
        variables = {key: str(value) for key, value in variables.items()}
        return Machine(top, home, variables, situation.kaggle)


@dataclass
class Machine:
    """A Colab or Kaggle machine: folders at the top, a home, variables."""

    top: Path
    home: Path
    variables: dict
    kaggle: bool

    @property
    def work(self):
        """Return the working folder, as the machine itself names it."""
        return "/kaggle/working" if self.kaggle else "/content"

    @property
    def runs(self):
        """Return the folder of the results, as seen from outside."""
        return self.top / self.work.removeprefix("/") / "runs"

    def run(self, *command):
        """Run a command on the machine; return the finished process."""
        with tempfile.TemporaryDirectory() as new:
            start = ["unshare", "--user", "--map-root-user", "--mount"]
            start += [STANDINS / "machine.sh", new, self.top, *command]
            texts = {"capture_output": True, "text": True, "check": False}
            return subprocess.run(start, env=self.variables, **texts)

    def open(self, notebook, word=""):
        """Run a notebook as a reader with tiny values; return its outputs."""
        book = nbformat.read(notebook, as_version=4)
        for cell in book.cells:
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = with_values(cell.source, TINY)
        given = self.home / notebook.name
        executed = given.with_name(f"ran-{notebook.name}")
        nbformat.write(book, given)
        reader = [sys.executable, STANDINS / "reader.py", given, executed]
        done = self.run(*reader, self.work, *filter(None, [word]))
        if not executed.exists():
            raise Failed(f"it did not start: {done.stderr[-2000:]}")
        return said_by(nbformat.read(executed, as_version=4))


def with_values(source, values):
    """Return a parameters cell with other values, as a reader types them."""
    for name, value in values.items():
        old = rf"(?m)^({name}: \w+ = )[^#\n]*?(?=\s+#|$)"
        source = re.sub(old, lambda m, new=value: m[1] + repr(new), source)
    return source


def said_by(book):
    """Return all that a notebook put out as text, an error at the end."""
    said = []
    for cell in book.cells:
        for output in cell.get("outputs", []):
            said.append(output.get("text", ""))
            if output.output_type == "error":
                said.append("\n".join(output.traceback))
    return "".join(said)


def rehearse(stage, situation, notebook, drive):
    """Return "ok" or what a notebook did in a situation, or raise Failed."""
    own = drive / "MyDrive" / stage.name
    kept = drive / "MyDrive" / environment.PROJECT / "runs"
    if situation.in_drive:
        shutil.copytree(stage.tree, own, dirs_exist_ok=True)
    machine = stage.machine(situation, drive)
    if situation.kaggle and kept.exists():
        shutil.copytree(kept, machine.runs)  # earlier steps of the session
    said = machine.open(notebook, situation.killed)
    if situation.killed:
        if list(machine.runs.glob(f"*/{notebook.stem}/manifest.json")):
            raise Failed("it was finished before the machine was taken away")
        machine = stage.machine(situation, drive)
        said = machine.open(notebook)
    for text in situation.says:
        if text not in said:
            raise Failed(f"it did not say '{text}', but:\n{said[-3000:]}")
    if situation.in_drive and (own / "data/phantom").exists():
        raise Failed("it wrote images into Drive, which is slow")
    if stopped := MAY_STOP.search(said):
        check_sentence(stopped, said, situation, notebook)
        return STOPS
    folder = Path(situation.run, notebook.stem)
    check_finished(machine.runs / folder, said)
    if situation.drive in ("works", "slow"):
        check_finished(kept / folder, said)
    return "ok"


def check_sentence(stopped, said, situation, notebook):
    """Raise Failed unless a notebook may stop, and names an earlier one."""
    if not situation.alone:
        raise Failed(f"it did not find what was there: {stopped[0]}")
    if "Traceback" in said or not stopped[1] < notebook.stem:
        raise Failed(f"its sentence does not help:\n{said[-3000:]}")


def check_finished(folder, said):
    """Raise Failed unless a step is finished and its files are whole."""
    if not (folder / "manifest.json").exists():
        raise Failed(f"{folder} is not finished. It said:\n{said[-3000:]}")
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, digest in manifest["files"].items():
        if files.sha256(folder / name) != digest:
            raise Failed(f"{folder / name} is not what was written")
    return manifest


def rehearse_run_all(stage, notebook, series):
    """Run the command that a notebook names when it stops, {notebook: entry}.

    Failed: the command failed, or asked for Drive where nobody can answer.
    """
    machine = stage.machine(BY_ITSELF, stage.drive)
    stopped = MAY_STOP.search(machine.open(notebook))
    if not stopped:
        raise Failed("the last notebook needs no other: nothing to run")
    asked = (machine.home / "asked.txt").read_text()
    done = machine.run("sh", "-c", f"cd {machine.work} && {stopped[2]}")
    if done.returncode:
        said = done.stdout[-1500:] + done.stderr[-1500:]
        raise Failed(f"`{stopped[2]}` failed:\n{said}")
    if (machine.home / "asked.txt").read_text() != asked:
        raise Failed("run_all asked for Drive, where nobody can answer")
    said, entries = machine.open(notebook), {}
    for path in series:
        if path.stem <= stopped[1] or path == notebook:
            folder = machine.runs / BY_ITSELF.run / path.stem
            seconds = check_finished(folder, said)["seconds"]
            entries[path.stem] = f"ok, {seconds:.0f} s"
    return entries


def own_copy(stage, notebook):
    """Return a copy of the Drive, without this notebook's results."""
    drive = stage.folder("drive")
    shutil.copytree(stage.drive, drive, dirs_exist_ok=True)
    runs = drive / "MyDrive" / environment.PROJECT / "runs"
    for folder in runs.glob(f"*/{notebook.stem}"):
        shutil.rmtree(folder)
    return drive


def packages():
    """Return the names and versions of all installed packages."""
    found = importlib.metadata.distributions()
    return sorted(f"{one.metadata['Name']}=={one.version}" for one in found)


def timed(stage, situation, notebook, drive):
    """Return the matrix's entry of a notebook: a word and seconds."""
    began = time.time()
    try:
        verdict = rehearse(stage, situation, notebook, drive)
    except Failed as failure:
        print(f"\n{notebook.stem}, {situation.title}: {failure}\n", flush=True)
        verdict = "FAILED"
    entry = f"{verdict}, {time.time() - began:.0f} s"
    print(f"{notebook.stem}, {situation.title}: {entry}", flush=True)
    return entry


def matrix(stage, chosen, series, situations):
    """Rehearse the chosen notebooks; return {situation: {notebook: entry}}."""
    # in order: each finds the earlier ones' results in Drive
    first = {n.stem: timed(stage, FIRST, n, stage.drive) for n in series}
    entries, jobs = {FIRST.title: first}, {}
    with ThreadPoolExecutor(environment.cores()) as pool:
        for situation in situations:
            entries[situation.title] = {}
            for notebook in chosen if situation != BY_ITSELF else ():
                if situation.only in notebook.with_suffix(".py").read_text():
                    job = situation, notebook, own_copy(stage, notebook)
                    place = situation.title, notebook.stem
                    jobs[place] = pool.submit(timed, stage, *job)
    for (title, stem), job in jobs.items():
        entries[title][stem] = job.result()
    if BY_ITSELF in situations:
        # some of the last notebooks need no other one, as the others show
        rows = [row for row in entries.values() if row is not first]
        said = [{n: row.get(n.stem, "") for n in chosen} for row in rows]
        stop = [n for n in chosen if any(STOPS in row[n] for row in said)]
        title, last = BY_ITSELF.title, (stop or chosen)[-1]
        try:
            entries[title] = rehearse_run_all(stage, last, series)
        except Failed as failure:
            print(f"\n{title}: {failure}\n", flush=True)
            entries[title] = {last.stem: "FAILED"}
    return entries


def table(entries):
    """Return the matrix as text, a column for each notebook."""
    whole = pd.DataFrame(entries).T.fillna("-")
    return whole.rename(columns=lambda stem: stem[:2]).to_string()


def can_run():
    """Tell whether a machine can be made here."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    found = shutil.which("unshare")
    return found and not subprocess.run(command, check=False).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = "notebooks, as 04; default: all"
    parser.add_argument("numbers", nargs="*", help=which)
    parser.add_argument("--on", nargs="+", choices=ALL, default=ALL)
    options = parser.parse_args()
    numbers, situations = options.numbers, [ALL[title] for title in options.on]
    if not can_run():
        needs = "Linux with user namespaces (unshare of util-linux)"
        mend = "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        sys.exit(f"The rehearsal needs {needs}. On Ubuntu: {mend}")
    began, installed = time.time(), packages()
    series = sorted((ROOT / "notebooks").glob("[0-9A][0-9]_*.ipynb"))
    chosen = [n for n in series if not numbers or n.stem[:2] in numbers]
    if not chosen:
        sys.exit(f"There is no such notebook: {[n.stem[:2] for n in series]}")
    series = [notebook for notebook in series if notebook <= chosen[-1]]
    with tempfile.TemporaryDirectory() as home:
        entries = matrix(Stage(Path(home)), chosen, series, situations)
    print(f"\n{table(entries)}\n")
    print(f"{time.time() - began:.0f} s, with {environment.versions()}")
    if packages() != installed:
        sys.exit("The installed packages are not what they were.")
    if "FAILED" in str(entries):
        sys.exit("Some of it failed: the reasons stand above.")


if __name__ == "__main__":
    main()
