"""Both ends of the pipe between `compare` and the process of a contender.

A contender stays in its process, idle, while another one is measured: so they
take turns without starting anew. NumPy and the standard library only: two
environments read it.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from helpers.files import ROOT


class Failed(RuntimeError):
    """A contender ended; the message is the last line of its log."""


class Worker:
    """Starts a contender and asks it one thing at a time."""

    def __init__(self, command, log):
        self.log = log
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with open(log, "w") as errors:
            pipes |= {"stderr": errors, "text": True}
            self.process = subprocess.Popen(command, cwd=ROOT, **pipes)

    def ask(self, job, *options):
        """Return the contender's answer to a job; raise Failed if it ended."""
        try:
            self.process.stdin.write(json.dumps([job, *options]) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise Failed(last_line(self.log, self.process.wait()))
        return json.loads(answer)

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def last_line(log, code):
    """Return why a process ended: its exit code and its log's last line."""
    said = Path(log).read_text(errors="replace").strip() or "no message"
    return f"it ended with code {code}: {said.splitlines()[-1].strip()}"


class Contender:
    """One network in every precision that it is measured in.

    work: folder with settings.json and data.npz. A subclass has `build`, which
    sets paces[precision] to {"train": Pace, "infer": Pace}.
    """

    def __init__(self, work, name):
        self.work, self.name, self.paces = Path(work), name, {}
        self.settings = json.loads((self.work / "settings.json").read_text())
        with np.load(self.work / "data.npz") as arrays:
            self.data = dict(arrays)

    def speed(self, precision, job, seconds):
        """Return images a second, float; job: train or infer."""
        return self.paces[precision][job](seconds)


def serve(contender):
    """Answer jobs by the contender's methods until the pipe is closed."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    for line in sys.stdin:
        name, *options = json.loads(line)
        answer = getattr(contender, name)(*options)
        print(json.dumps(answer), file=answers, flush=True)


class Pace:
    """Runs as many steps as fill a given number of seconds.

    run(n): takes n steps and returns how many images that were.
    """

    def __init__(self, run):
        self.run, self.rate = run, 0.0

    def __call__(self, seconds):
        """Return images a second; the first call times two steps only."""
        if not self.rate:
            self.run(2)  # builds the graph: no measure of a step's time
        steps = max(1, round(seconds * self.rate)) if self.rate else 2
        began = time.perf_counter()
        images = self.run(steps)
        spent = time.perf_counter() - began
        self.rate = steps / spent
        return images / spent
