"""Rehearse the notebooks on stand-ins for Colab's and Kaggle's machines; print a matrix.

python tools/rehearse.py [NUMBER ...] [--on SITUATION ...]     as: 04 --on Kaggle T4

Each notebook starts as Colab starts it: alone, on a new machine, with an empty
/content, and clones the repository from its address, which leads to a copy of
this working tree. `google.colab` and kagglehub are stand-ins
(tools/rehearsal/), parameters are tiny, and the images are simulated. Needs
Linux, and the environment of `tools/setup.py --colab`.
"""

import argparse
import importlib.metadata
import json
import os
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

STANDINS = ROOT / "tools" / "rehearsal"

from helpers import environment, files
from helpers.data.phantom import dataset
from helpers.files import ROOT
from tools import build_notebooks as tool

TINY = {  # a notebook takes those that it declares
    "profile": "rehearsal",
    "max_cases": 46,
    "image_size": 64,
    "epochs": 3,
    "width": 8,
    "steps": 4,
    "rounds": 1,
    "n_folds": 1,
}
CASES = {"n_benign": 24, "n_malignant": 14, "n_normal": 8, "seed": 3}
MAY_STOP = re.compile(
    r"Not ready: .* Run notebooks/(\w+)\.ipynb first, .*: !(.+)"
)


class Failed(Exception):
    """What a rehearsal found wrong; the message is the sentence to print."""


@dataclass(frozen=True)
class Situation:
    """A kind of machine, and what the notebook must say on it."""

    title: str
    drive: str = "works"  # how drive.mount behaves
    says: tuple = ()  # texts that must be among the outputs
    alone: bool = (
        False  # no earlier result is in reach: it may stop with a sentence
    )
    in_drive: bool = (
        False  # the repository lies in Drive and its address leads nowhere
    )
    kaggle: bool = False
    kagglehub: bool = True  # gives the images; else they are simulated
    gpu: bool = False  # a T4, as far as nvidia-smi tells
    killed: str = (
        ""  # the machine is taken away at this word; a new one goes on
    )
    only: str = ""  # for notebooks whose code holds this

    @property
    def run(self):
        """Return the name of the run: simulated images, if no other are in reach."""
        real = self.kagglehub or self.drive == "works"
        return f"{'busi' if real else 'phantom'}-{TINY['profile']}"


NO_GPU = "No GPU: the numbers in the parameters cell are small enough"
ON_DRIVE = "and when a notebook is finished /content/drive/MyDrive/"
LOST = "/content/runs, lost when Colab takes this machine back"
FIRST = Situation(
    "Drive works", says=(ON_DRIVE, NO_GPU, "Runtime, Change runtime type")
)
SITUATIONS = [
    Situation(
        "Drive refused",
        "refuses",
        ("Drive is not available (Error: credential", LOST),
        alone=True,
    ),
    Situation(
        "times out",
        "times-out",
        ("Drive is not available (mount failed: timeout", LOST, "PHANTOM"),
        alone=True,
        kagglehub=False,
    ),
    Situation("slow Drive", "slow", (ON_DRIVE,)),
    Situation("Drive fails", "fails", ("Drive could not be written",)),
    Situation(
        "in Drive's folder", says=(ON_DRIVE,), in_drive=True, kagglehub=False
    ),
    Situation(
        "killed half-way",
        says=(
            "in Drive from before: busi-rehearsal",
            "half-way",
            "Going on after epoch",
        ),
        killed="epoch 2/3",
        only="step.drive",
    ),
    Situation(
        "T4",
        says=("Tesla T4", "mixed_float16"),
        gpu=True,
        only="training.precision()",
    ),
    Situation(
        "Kaggle",
        "elsewhere",
        ("Kaggle · ", "/kaggle/working/runs"),
        kaggle=True,
    ),
]
BY_ITSELF = Situation("run_all in a cell", "refuses", alone=True)
ALL = {situation.title: situation for situation in (*SITUATIONS, BY_ITSELF)}


class Stage:
    """The folders of one rehearsal: the repository's copy, images, Drives, machines."""

    def __init__(self, home):
        self.home, self.count = home, 0
        self.address = tool.address()
        self.name = self.address.split("/")[-1]
        self.tree, self.bare = home / self.name, home / "bare.git"
        copy_of_working_tree(self.tree)
        values = {k: v for k, v in TINY.items() if k in declared(self.tree)}
        profile = "".join(f"{key}: {value}\n" for key, value in values.items())
        (self.tree / "profiles/rehearsal.yaml").write_text(profile)
        git = ["git", "-c", "user.name=rehearsal", "-c", "user.email=none"]
        for command in (
            ["init", "-q"],
            ["add", "."],
            ["commit", "-q", "-m", "copy"],
        ):
            subprocess.run([*git, *command], cwd=self.tree, check=True)
        clone = ["git", "clone", "-q", "--bare", self.tree, self.bare]
        subprocess.run(clone, check=True)
        shutil.rmtree(self.tree / ".git")
        self.images = dataset.write_dataset(home / "images", **CASES).parent
        next(
            self.images.rglob("PHANTOM.json")
        ).unlink()  # it passes for the real set
        self.drive = home / "drive"
        (self.drive / "MyDrive").mkdir(parents=True)
        shutil.make_archive(self.drive / "MyDrive/archive", "zip", self.images)

    def folder(self, prefix):
        """Return a new empty folder."""
        self.count += 1
        made = self.home / f"{prefix}-{self.count}"
        made.mkdir()
        return made

    def machine(self, situation, drive):
        """Return a new `Machine` for a situation; its Drive is the folder `drive`."""
        top, home = self.folder("machine"), self.folder("home")
        (top / "content").mkdir()
        commands = [
            Path(sys.executable).parent,
            "/usr/bin",
            "/bin",
            "/usr/sbin",
            "/sbin",
        ]
        commands.insert(0, STANDINS / "commands")
        if situation.gpu:
            commands.insert(0, STANDINS / "t4")
        reaches = (
            self.bare if not situation.in_drive else self.home / "nowhere"
        )
        environment = {
            "HOME": home,
            "PATH": ":".join(map(str, commands)),
            "PYTHONPATH": STANDINS / "packages",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "COLAB_RELEASE_TAG": "release-colab-rehearsal",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{reaches}.insteadOf",
            "GIT_CONFIG_VALUE_0": self.address,
            "REHEARSAL_DRIVE": f"{situation.drive} {drive}",
            "REHEARSAL_ASKED": home / "asked.txt",
            "REHEARSAL_KAGGLEHUB": self.images if situation.kagglehub else "",
        }
        if (
            situation.kaggle
        ):  # its image is built on Colab's, so Colab's signs are there
            environment["KAGGLE_KERNEL_RUN_TYPE"] = "Interactive"
            inputs = top / "kaggle/input/datasets/someone/breast-ultrasound"
            shutil.copytree(self.images, inputs)
            (top / "kaggle/working").mkdir()
        environment = {key: str(value) for key, value in environment.items()}
        return Machine(top, home, environment, situation.kaggle)


@dataclass
class Machine:
    """A Colab or Kaggle machine: folders at the top, a home, and an environment."""

    top: Path
    home: Path
    environment: dict
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
            start += [STANDINS / "machine.sh", new, self.top]
            return subprocess.run(
                [*start, *command],
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
            )

    def open(self, notebook, word=""):
        """Run a notebook with tiny parameters as a reader does; return its outputs."""
        book = nbformat.read(notebook, as_version=4)
        for cell in book.cells:
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = with_values(cell.source, TINY)
        given, executed = (
            self.home / notebook.name,
            self.home / f"ran-{notebook.name}",
        )
        nbformat.write(book, given)
        reader = [
            sys.executable,
            STANDINS / "reader.py",
            given,
            executed,
            self.work,
        ]
        done = self.run(*reader, *filter(None, [word]))
        if not executed.exists():
            raise Failed(f"it did not start: {done.stderr[-2000:]}")
        return said_by(nbformat.read(executed, as_version=4))


def with_values(source, values):
    """Return a parameters cell with other values, as a reader would type them."""
    for name, value in values.items():
        source = re.sub(
            rf"^({name}: \w+ = )[^#\n]*?(?=\s+#|$)",
            lambda match, value=value: match[1] + repr(value),
            source,
            flags=re.MULTILINE,
        )
    return source


def said_by(book):
    """Return all text that a notebook put out, with its error as the last line, if any."""
    said = []
    for cell in book.cells:
        for output in cell.get("outputs", []):
            said.append(output.get("text", ""))
            if output.output_type == "error":
                said.append("\n".join(output.traceback))
    return "".join(said)


def declared(tree):
    """Return the names of all parameters that a notebook of a tree declares."""
    cells = [
        path.read_text()
        for path in (tree / "notebooks").glob("[0-9][0-9]_*.py")
    ]
    return set(re.findall(r"^(\w+): \w+ = ", "\n".join(cells), re.MULTILINE))


def copy_of_working_tree(target):
    """Copy the files that git knows or would add, as they are now."""
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
    for name in filter(None, names.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def rehearse(stage, situation, notebook, drive):
    """Rehearse one notebook in one situation, with a Drive; return "ok" or what it did.

    Raises:
        Failed: something was not as it must be.
    """
    if situation.in_drive:
        shutil.copytree(
            stage.tree, drive / "MyDrive" / stage.name, dirs_exist_ok=True
        )
    machine = stage.machine(situation, drive)
    kept = drive / "MyDrive" / environment.PROJECT / "runs"
    if (
        situation.kaggle and kept.exists()
    ):  # the earlier notebooks ran in this session
        shutil.copytree(kept, machine.runs)
    said = machine.open(notebook, situation.killed)
    if situation.killed:
        if list(machine.runs.glob(f"*/{notebook.stem}/manifest.json")):
            raise Failed("it was finished before the machine was taken away")
        machine = stage.machine(situation, drive)
        said = machine.open(notebook)
    for text in situation.says:
        if text not in said:
            raise Failed(f"it did not say '{text}', but:\n{said[-3000:]}")
    if (
        situation.in_drive
        and (drive / "MyDrive" / stage.name / "data/phantom").exists()
    ):
        raise Failed("it wrote images into Drive, which is slow")
    told = MAY_STOP.search(said)
    if told:
        check_sentence(told, said, situation, notebook)
        return "says what to run"
    folder = Path(situation.run, notebook.stem)
    check_finished(machine.runs / folder, said)
    if situation.drive in ("works", "slow"):
        check_finished(kept / folder, said)
    return "ok"


def check_sentence(told, said, situation, notebook):
    """Raise Failed unless a notebook may stop here, and says which earlier one to run."""
    if not situation.alone:
        raise Failed(f"it did not find what was there: {told[0]}")
    if "Traceback" in said or not told[1] < notebook.stem:
        raise Failed(f"its sentence does not help:\n{said[-3000:]}")


def check_finished(folder, said):
    """Raise Failed unless a step is finished in `folder` and its files are whole."""
    if not (folder / "manifest.json").exists():
        raise Failed(
            f"{folder} is not finished. The notebook said:\n{said[-3000:]}"
        )
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, digest in manifest["files"].items():
        if files.sha256(folder / name) != digest:
            raise Failed(f"{folder / name} is not what was written")
    return manifest


def rehearse_run_all(stage, notebook, series):
    """Run the command that a notebook names when it stops; return {notebook: entry}.

    Raises:
        Failed: the command failed, or asked for Drive where nobody can answer.
    """
    machine = stage.machine(BY_ITSELF, stage.drive)
    told = MAY_STOP.search(machine.open(notebook))
    if not told:
        raise Failed(
            "the last notebook needs no other: there is no command to run"
        )
    asked = (machine.home / "asked.txt").read_text()
    done = machine.run("sh", "-c", f"cd {machine.work} && {told[2]}")
    if done.returncode:
        raise Failed(
            f"`{told[2]}` failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
        )
    if (machine.home / "asked.txt").read_text() != asked:
        raise Failed("run_all asked for Drive, where nobody can answer")
    said, entries = machine.open(notebook), {}
    for path in series:
        if path.stem <= told[1] or path == notebook:
            folder = machine.runs / BY_ITSELF.run / path.stem
            entries[path.stem] = (
                f"ok, {check_finished(folder, said)['seconds']:.0f} s"
            )
    return entries


def run_all_or_failed(stage, notebook, series):
    """Return the entries of `rehearse_run_all`, or the one that says FAILED."""
    try:
        return rehearse_run_all(stage, notebook, series)
    except Failed as failure:
        print(f"\n{BY_ITSELF.title}: {failure}\n", flush=True)
        return {notebook.stem: "FAILED"}


def own_copy(stage, notebook):
    """Return a copy of the Drive in which all but this notebook's results are."""
    drive = stage.folder("drive")
    shutil.copytree(stage.drive, drive, dirs_exist_ok=True)
    for folder in drive.glob(
        f"MyDrive/{environment.PROJECT}/runs/*/{notebook.stem}"
    ):
        shutil.rmtree(folder)
    return drive


def packages():
    """Return the names and versions of all installed packages."""
    found = importlib.metadata.distributions()
    return sorted(f"{one.metadata['Name']}=={one.version}" for one in found)


def timed(stage, situation, notebook, drive):
    """Return the matrix's entry for a notebook in a situation: a word and seconds."""
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
    """Rehearse the chosen notebooks of the series; return {situation: {notebook: entry}}."""
    entries = {situation.title: {} for situation in (FIRST, *situations)}
    for (
        notebook
    ) in series:  # in order: each finds the earlier ones' results in Drive
        entries[FIRST.title][notebook.stem] = timed(
            stage, FIRST, notebook, stage.drive
        )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for situation in situations:
            for notebook in chosen if situation != BY_ITSELF else ():
                if situation.only in notebook.with_suffix(".py").read_text():
                    entries[situation.title][notebook.stem] = pool.submit(
                        timed,
                        stage,
                        situation,
                        notebook,
                        own_copy(stage, notebook),
                    )
    for row in entries.values():
        row.update(
            {
                k: v if isinstance(v, str) else v.result()
                for k, v in row.items()
            }
        )
    if BY_ITSELF in situations:
        entries[BY_ITSELF.title] = run_all_or_failed(stage, chosen[-1], series)
    return entries


def table(entries, series):
    """Return the matrix as text: a line for each situation, a column for each notebook."""
    names = [notebook.stem for notebook in series]
    rows = [["", *(name[:2] for name in names)]]
    rows += [
        [title, *(row.get(n, "-") for n in names)]
        for title, row in entries.items()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        )
        for row in rows
    )


def check_can_run():
    """Exit with a sentence where no machine can be made."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    if (
        not shutil.which("unshare")
        or subprocess.run(command, check=False).returncode
    ):
        sys.exit(
            "The rehearsal needs Linux with user namespaces (unshare of util-linux). On "
            "Ubuntu: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "numbers", nargs="*", help="notebooks, as 04; default: all"
    )
    parser.add_argument("--on", nargs="+", choices=ALL, default=ALL)
    options = parser.parse_args()
    numbers, situations = options.numbers, [ALL[title] for title in options.on]
    check_can_run()
    began, installed = time.time(), packages()
    series = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    chosen = [n for n in series if not numbers or n.stem[:2] in numbers]
    if not chosen:
        sys.exit(f"There is no such notebook: {[n.stem[:2] for n in series]}")
    series = [notebook for notebook in series if notebook <= chosen[-1]]
    with tempfile.TemporaryDirectory() as home:
        entries = matrix(Stage(Path(home)), chosen, series, situations)
    print(f"\n{table(entries, series)}\n")
    print(f"{time.time() - began:.0f} s, with {environment.versions()}")
    if packages() != installed:
        sys.exit("The installed packages are not what they were.")
    if "FAILED" in str(entries):
        sys.exit("Some of it failed: the reasons stand above.")


if __name__ == "__main__":
    main()
