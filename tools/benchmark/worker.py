"""Both ends of the pipe between `bench` and the process of one contender.

Each contender lives in a process of its own and stays there, idle, while
another one is measured: so the contenders can take turns without starting
anew. Standard library only: two environments read it.
"""

import contextlib
import json
import os
import subprocess
import sys
import time


class Failed(RuntimeError):
    """A contender ended; the message is its last word, one line."""


class Worker:
    """The side of the benchmark: starts a contender and asks it one thing at a time."""

    def __init__(self, command, log, **environment):
        self.log = log
        with open(log, "w") as errors:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **environment},
            )

    def ask(self, job, *options):
        """Return the contender's answer to a job.

        Raises:
            Failed: it ended instead.
        """
        try:
            self.process.stdin.write(json.dumps([job, *options]) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise Failed(last_word(self.log, self.process.wait()))
        return json.loads(answer)

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def last_word(log, code):
    """Return the last line of a log, which says why a process ended."""
    with open(log, errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    return f"it ended with code {code}: {lines[-1] if lines else 'no message'}"


def serve(jobs):
    """The contender's side: answer with jobs[name](*options) until the pipe is closed."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    for line in sys.stdin:
        name, *options = json.loads(line)
        print(json.dumps(jobs[name](*options)), file=answers, flush=True)


class Pace:
    """Runs so many steps at a time as fill a given number of seconds.

    run(n) must take n steps and return how many images that were.
    """

    def __init__(self, run):
        self.run, self.rate = run, 0.0

    def __call__(self, seconds):
        """Return images a second. The first call takes two steps, to learn the pace."""
        steps = max(1, round(seconds * self.rate)) if self.rate else 2
        began = time.perf_counter()
        images = self.run(steps)
        spent = time.perf_counter() - began
        self.rate = steps / spent
        return images / spent
