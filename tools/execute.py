"""Run one notebook into its folder, and say how far it is.

python -m tools.execute NOTEBOOK FOLDER PARAMETERS TITLE

PARAMETERS: JSON. `tools.run_all` calls it, once for each notebook: a process
of its own for each, so that two can run at once.
"""

import json
import logging
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from helpers import environment, files
from helpers.files import ROOT

LOGGER = logging.getLogger("papermill")
LOGGER.propagate = False
LOGGER.setLevel(logging.INFO)


class Failed(Exception):
    """A notebook that failed; its message is the sentence to print."""


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
    """Run one notebook into its folder; raise Failed if it fails."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (f"FAILED_{notebook.name}", "run.json"):
        (folder / old).unlink(missing_ok=True)
    began, cells = time.time(), json.loads(notebook.read_text())["cells"]
    options = {"kernel_name": "python3", "cwd": str(ROOT)}
    options |= {"progress_bar": False, "log_output": True}
    # all is written by then, and TensorFlow takes two seconds to clear up
    options["shutdown_kernel"] = "immediate"
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
    """Keep a failed notebook to look at; return the Failed that names it."""
    kept = folder / f"FAILED_{notebook.name}"
    if partial.exists():
        os.replace(partial, kept)
    progress.end("FAILED")
    look = f"Look at {kept} (and log.txt beside it), mend it, and run again"
    why = f"{why}\n{look}: what was finished is kept."
    return Failed(f"notebooks/{notebook.name} failed in {why}")


def main(notebook, folder, parameters, title):
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        execute(Path(notebook), Path(folder), json.loads(parameters), title)
    except Failed as failure:
        sys.exit(f"\n{failure}")
    except KeyboardInterrupt:
        sys.exit(1)  # `tools.run_all`, interrupted too, says it


if __name__ == "__main__":
    main(*sys.argv[1:])
