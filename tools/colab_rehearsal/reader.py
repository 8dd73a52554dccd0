"""Run one notebook as a reader in a browser does; keep what came out.

reader.py NOTEBOOK EXECUTED FOLDER [WORD]

The kernel is killed when it prints WORD.
"""

import contextlib
import os
import queue
import signal
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError


class Reader(NotebookClient):
    """Runs a notebook; its kernel is killed when it prints a given word."""

    word = None

    async def async_start_new_kernel_client(self):
        """Return a client that looks for answers again and again.

        nbclient sends a widget's messages and waits for answers on one socket.
        Sending can swallow the signal that an answer is there, and the wait
        then lasts to its timeout.
        """
        client = await super().async_start_new_kernel_client()
        look = client.shell_channel.get_msg

        async def get_msg(timeout):
            end = time.monotonic() + timeout
            while True:
                with contextlib.suppress(queue.Empty):
                    return await look(timeout=2)
                if time.monotonic() > end:
                    raise queue.Empty

        client.shell_channel.get_msg = get_msg
        return client

    def process_message(self, msg, cell, cell_index):
        if self.word and self.word in msg["content"].get("text", ""):
            os.kill(self.km.provisioner.pid, signal.SIGKILL)
        return super().process_message(msg, cell, cell_index)


def main(notebook, executed, folder, word=None):
    book = nbformat.read(notebook, as_version=4)
    where = {"metadata": {"path": folder}}
    options = {"timeout": 900, "kernel_name": "python3"}
    reader = Reader(book, resources=where, **options)
    reader.word = word
    # seen in the outputs
    with contextlib.suppress(CellExecutionError, DeadKernelError):
        reader.execute()
    nbformat.write(book, executed)


if __name__ == "__main__":
    main(*sys.argv[1:])
