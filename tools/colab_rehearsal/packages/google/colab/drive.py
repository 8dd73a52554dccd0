"""A Drive that mounts, or not, as $REHEARSAL_DRIVE says: word and folder."""

import os
import shutil
import subprocess
import time

from IPython import get_ipython


class MessageError(Exception):
    """Colab's own kind of error, which no built-in kind includes."""


def mount(mountpoint, force_remount=False, timeout_ms=120_000, readonly=False):
    """Mount the folder at `mountpoint`; or fail as Colab does."""
    manner, folder = os.environ["REHEARSAL_DRIVE"].split(" ", 1)
    with open(os.environ["REHEARSAL_ASKED"], "a") as file:
        file.write(f"{mountpoint} {timeout_ms}\n")
    if get_ipython() is None:  # a child process has no page to ask through
        raise AttributeError("'NoneType' object has no attribute 'kernel'")
    if manner == "elsewhere":
        raise NotImplementedError("google.colab.drive is for Colab only")
    if manner == "refuses":
        raise MessageError("Error: credential propagation was unsuccessful")
    if manner == "times-out":
        raise ValueError(
            "mount failed: timeout during initial read of root folder"
        )
    os.makedirs(mountpoint, exist_ok=True)
    subprocess.run(["mount", "--bind", folder, mountpoint], check=True)
    if manner == "fails":
        read_only = ["mount", "-o", "remount,bind,ro", mountpoint]
        subprocess.run(read_only, check=True)
    if manner == "slow":
        time.sleep(5)
        slow_down(mountpoint)
    print(f"Mounted at {mountpoint}")


def slow_down(mountpoint, seconds=1.0):
    """Make each copy to or from the mounted folder take a while."""
    fast = shutil.copyfile

    def slow(source, target, **options):
        if mountpoint in f"{source} {target}":
            time.sleep(seconds)
        return fast(source, target, **options)

    shutil.copyfile = slow
