"""Run one notebook cell by cell, as a reader in a browser does, and keep what came out.

reader.py NOTEBOOK EXECUTED FOLDER [WORD]      the kernel is killed when it prints WORD
"""

import contextlib
import os
import signal
import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError


class Reader(NotebookClient):
    """Runs a notebook; its machine is taken away when the kernel prints a given word."""

    word = None

    def process_message(self, msg, cell, cell_index):
        if self.word and self.word in msg["content"].get("text", ""):
            os.kill(self.km.provisioner.pid, signal.SIGKILL)
        return super().process_message(msg, cell, cell_index)


def main(notebook, executed, folder, word=None):
    book = nbformat.read(notebook, as_version=4)
    reader = Reader(
        book,
        timeout=900,
        kernel_name="python3",
        resources={"metadata": {"path": folder}},
    )
    reader.word = word
    with contextlib.suppress(
        CellExecutionError, DeadKernelError
    ):  # seen in the outputs
        reader.execute()
    nbformat.write(book, executed)


if __name__ == "__main__":
    main(*sys.argv[1:])
