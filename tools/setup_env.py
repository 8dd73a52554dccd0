"""Make the environment of all else: .venv, from constraints/lock.txt.

Standard library only, and readable by Python 3.6, so that a Python that is too
old gets a sentence and not a SyntaxError. Uses uv where it is installed, else
venv and pip.

    python3 tools/setup_env.py [colab | browser]

colab makes .venv-colab instead, with the versions of Colab's image; browser
.venv-browser, with Playwright and axe-core, by the Python of .venv.
"""

import csv
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST, NEWEST = (3, 11), (3, 13)
PYTHONS = ("python3.13", "python3.12", "python3.11")  # Colab has the first two
INSTALLED = "packages.txt"  # in an environment: what was put into it
NEEDED_GB = 6  # 2.8 for .venv, as much for what uv or pip unpack and cache
NETWORK_WORDS = (
    "Could not find a version",  # pip, after its retries
    "No matching distribution",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Connection refused",
    "ConnectionError",
    "Max retries exceeded",
    "error sending request",  # uv
    "Failed to fetch",
    "dns error",
    "tcp connect",
)


class Stop(Exception):
    """Something that ends the set-up; its message is the sentence to print."""


def supported(version):
    """Tell whether the series runs on a (major, minor, ...) version."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def version_of(python):
    """Return a Python command's (major, minor), or None if it does not run."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        quiet = {"stderr": subprocess.DEVNULL}
        version = subprocess.check_output([python, "-c", code], **quiet)
        return tuple(int(part) for part in version.split())
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None


def located(name):
    """Return a supported Python of this name that really runs, or None."""
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    kept = os.path.join(pyenv, "versions", "*", "bin", name)
    for path in [shutil.which(name), *sorted(glob.glob(kept), reverse=True)]:
        # pyenv's shim for a Python that is not chosen is on PATH, and fails
        if path and supported(version_of(path) or (0, 0)):
            return path
    return None


def find_python(names):
    """Return the first Python of these names that is here and supported."""
    found = next(filter(None, map(located, names)), None)
    if found is None:
        raise Stop(
            "This project needs Python 3.11, 3.12 or 3.13, and %s was not "
            "found. Install one (python.org, your package manager, or `uv "
            "python install 3.12`) and run again; "
            "`make PYTHON=/path/to/python3.12 ...` names one."
            % " or ".join(names)
        )
    return found


def wanted(python, files):
    """Return an environment's stamp: Python's version, the lock's hash."""
    digest = hashlib.sha256()
    for name in files:
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return "%s %s\n" % (version_of(python), digest.hexdigest())


def check_disk(folder, usage=shutil.disk_usage):
    """Raise Stop if the disk has too little room for the packages."""
    free = usage(folder).free / 1e9
    if free < NEEDED_GB:
        raise Stop(
            "Too little disk: %.1f GB are free in %s and about %d GB are "
            "needed for the packages. Free some space and run again."
            % (free, folder, NEEDED_GB)
        )


def run(command, log):
    """Run a command, its output into the log; raise Stop if it fails."""
    with open(log, "a") as file:
        both = {"stdout": file, "stderr": subprocess.STDOUT}
        code = subprocess.call(command, cwd=ROOT, **both)
    if code == 0:
        return
    with open(log, errors="replace") as file:
        said = file.read()
    if "No space left" in said:
        raise Stop("The disk is full: free some space and run again.")
    if "ensurepip is not available" in said or "No module named venv" in said:
        raise Stop(
            "This Python has no venv module: install it (Debian and Ubuntu: "
            "`sudo apt install python3-venv`), or install uv, and run again."
        )
    if any(word in said for word in NETWORK_WORDS):
        raise Stop(
            "The packages could not be downloaded: no connection to the "
            "package index. Check the network or proxy and run again. "
            "Details: %s" % log
        )
    command = " ".join(command)
    raise Stop("`%s` failed; the reason is at the end of %s." % (command, log))


def install(python, venv, requirements, log):
    """Make the environment anew and install the requirements into it."""
    inside = os.path.join(venv, "bin", "python")
    uv = shutil.which("uv")
    if uv:
        run([uv, "venv", "--quiet", "--clear", "--python", python, venv], log)
        pip = [uv, "pip", "install", "--quiet", "--python", inside]
    else:
        run([python, "-m", "venv", "--clear", venv], log)
        pip = [inside, "-m", "pip", "--disable-pip-version-check"]
        pip += ["install", "--quiet"]
    run([*pip, *requirements], log)
    return uv


def add_project(venv):
    """Let the environment find helpers and tools, wherever it is started."""
    for packages in glob.glob(os.path.join(venv, "lib/python*/site-packages")):
        with open(os.path.join(packages, "project.pth"), "w") as file:
            file.write(ROOT + "\n")


def mend_opencv(venv, uv, log):
    """Without a desktop's libraries, take OpenCV's headless build."""
    inside, quiet = os.path.join(venv, "bin", "python"), subprocess.DEVNULL
    if subprocess.call([inside, "-c", "import cv2"], stderr=quiet) == 0:
        return
    code = "import importlib.metadata as m; print(m.version('opencv-python'))"
    version = subprocess.check_output([inside, "-c", code]).decode().strip()
    tool = [uv, "pip"] if uv else [inside, "-m", "pip"]
    where = ["--python", inside] if uv else []
    sure = [] if uv else ["--yes"]
    run([*tool, "uninstall", *where, *sure, "opencv-python"], log)
    run([*tool, "install", *where, "opencv-python-headless==" + version], log)
    print("OpenCV's desktop libraries are missing: taking its headless build.")


def ready(venv, stamp, wanted_stamp):
    """Tell whether the environment is whole and of these versions."""
    try:
        with open(stamp) as file:
            if file.read() != wanted_stamp:
                return False
    except OSError:
        return False
    damaged = damage(venv)
    if damaged:
        name = os.path.basename(venv)
        print("%s is damaged (%s): it is made anew." % (name, damaged))
    return not damaged


def records(venv):
    """Return the installers' lists of files: {package: path}."""
    packages = os.path.join(venv, "lib", "python*", "site-packages")
    found = glob.glob(os.path.join(packages, "*.dist-info", "RECORD"))
    folders = {os.path.basename(os.path.dirname(path)): path for path in found}
    return {name.split("-")[0]: path for name, path in folders.items()}


def damage(venv):
    """Return what of an environment is missing or cut off, or ""."""
    if version_of(os.path.join(venv, "bin", "python")) is None:
        return "its Python does not run"
    found, installed = records(venv), os.path.join(venv, INSTALLED)
    if os.path.exists(installed):
        with open(installed) as file:
            gone = sorted(set(file.read().split()) - set(found))
        if gone:
            return "%s is missing" % gone[0]
    for record in found.values():
        home = os.path.dirname(os.path.dirname(record))
        with open(record, encoding="utf-8", newline="") as file:
            for name, _, size in csv.reader(file):  # its hash takes long
                # without commands, which are outside, and compiled code
                if not size or name.startswith("..") or name.endswith(".pyc"):
                    continue
                path = os.path.join(home, name)
                if not os.path.exists(path):
                    return "%s is missing" % name
                if os.path.getsize(path) != int(size):
                    return "%s is not whole" % name
    return ""


def main(kind=""):
    name = "-".join([".venv", kind] if kind else [".venv"])
    venv, log = os.path.join(ROOT, name), os.path.join(ROOT, name + ".log")
    stamp = os.path.join(venv, "made-from.txt")
    files, python = ["constraints/lock.txt"], sys.executable
    requirements = ["-r", files[0]]
    if kind == "browser":
        files = ["requirements-browser.txt"]
        requirements = ["-r", files[0]]
    elif kind == "colab":
        # the pages' and tests' tools are no part of Colab's image: own pins
        files = ["requirements-dev.txt", "requirements.txt"]
        files.append("constraints/colab-2026-08.txt")
        requirements = ["-r", files[0], "-c", files[2]]
        if "python%d.%d" % sys.version_info[:2] not in PYTHONS[:2]:
            python = find_python(PYTHONS[:2])
    elif not supported(sys.version_info):
        python = find_python(PYTHONS)
    wanted_stamp = wanted(python, files)
    if ready(venv, stamp, wanted_stamp):
        return
    if python != sys.executable:
        version = "%d.%d" % sys.version_info[:2]
        print("Python %s is not used for this: taking %s." % (version, python))
    if kind != "browser":
        check_disk(ROOT)
    open(log, "w").close()
    began = time.time()
    print("Installing the packages into %s: up to three minutes." % name)
    sys.stdout.flush()
    if os.path.exists(stamp):
        os.remove(stamp)  # from here on an interrupted install is redone
    uv = install(python, venv, requirements, log)
    if kind != "browser":
        mend_opencv(venv, uv, log)
        add_project(venv)
    with open(os.path.join(venv, INSTALLED), "w") as file:
        file.write("\n".join(sorted(records(venv))))
    # by hand: what the helpers have for it needs a newer Python
    with open(stamp + ".tmp", "w") as file:
        file.write(wanted_stamp)
    os.replace(stamp + ".tmp", stamp)
    print("Packages ready in %s after %d s." % (name, time.time() - began))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Stop as stop:
        sys.exit(str(stop))
    except KeyboardInterrupt:
        sys.exit("Interrupted: run again to set up anew.")
