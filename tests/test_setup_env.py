"""The set-up says in one sentence what is wrong, and redoes what was interrupted."""

import ast
import importlib.util
import re
import shutil
import subprocess
import types

import pytest
from conftest import ROOT

spec = importlib.util.spec_from_file_location(
    "setup_tool", ROOT / "tools" / "setup.py"
)
setup = importlib.util.module_from_spec(spec)
spec.loader.exec_module(setup)


def test_it_can_be_read_by_an_old_python():
    source = (ROOT / "tools" / "setup.py").read_text()
    ast.parse(source, feature_version=(3, 6))
    assert 'f"' not in source


def test_only_these_pythons_are_supported():
    supported = [
        (3, minor) for minor in range(16) if setup.supported((3, minor, 1))
    ]
    assert supported == [(3, 11), (3, 12), (3, 13)]


def test_a_python_that_is_too_old_looks_for_another(monkeypatch):
    # the first is a shim that does not run, as pyenv leaves them on PATH
    found = {"python3.13": "/bin/broken-shim", "python3.12": "/bin/python3.12"}
    monkeypatch.setattr(setup.glob, "glob", lambda _pattern: [])
    monkeypatch.setattr(setup.shutil, "which", found.get)
    monkeypatch.setattr(setup, "version_of", {"/bin/python3.12": (3, 12)}.get)
    assert setup.find_python(setup.PYTHONS) == "/bin/python3.12"
    monkeypatch.setattr(setup.shutil, "which", lambda _name: None)
    with pytest.raises(
        setup.Stop, match=r"needs Python 3\.11, 3\.12 or 3\.13"
    ):
        setup.find_python(setup.PYTHONS)


def test_too_little_disk_is_one_sentence(tmp_path):
    full = types.SimpleNamespace(free=10**9)
    with pytest.raises(setup.Stop, match=r"Too little disk: 1\.0 GB are free"):
        setup.check_disk(str(tmp_path), usage=lambda _folder: full)
    setup.check_disk(
        str(tmp_path), usage=lambda _: types.SimpleNamespace(free=10**11)
    )


@pytest.mark.parametrize(
    "said, sentence",
    [
        (
            "error sending request for url",
            "no connection to the package index",
        ),
        (
            "ERROR: No matching distribution found",
            "no connection to the package index",
        ),
        ("[Errno 28] No space left on device", "The disk is full"),
        ("ensurepip is not available", "apt install python3-venv"),
        ("something else", "the reason is at the end of"),
    ],
)
def test_a_failed_install_is_explained(tmp_path, said, sentence):
    with pytest.raises(setup.Stop, match=sentence):
        setup.run(
            ["sh", "-c", f"echo '{said}'; exit 1"], str(tmp_path / "log")
        )


def test_an_environment_counts_only_with_its_stamp(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text("")
    stamp = tmp_path / "made-from.txt"
    assert not setup.ready(str(tmp_path), str(stamp), "this lock")
    stamp.write_text("an older lock")
    assert not setup.ready(str(tmp_path), str(stamp), "this lock")
    stamp.write_text("this lock")
    assert setup.ready(str(tmp_path), str(stamp), "this lock")


def requirements(name):
    lines = (ROOT / name).read_text().splitlines()
    return [
        line.split("#")[0].strip()
        for line in lines
        if line.split("#")[0].strip()
    ]


def test_requirements_are_floors_only():
    for line in requirements("requirements.txt"):
        assert re.fullmatch(r"[\w-]+>=[\d.]+", line), line


def test_nothing_that_colab_has_is_replaced(tmp_path):
    if not shutil.which("uv"):
        pytest.skip("uv is not installed: it resolves the requirements here")
    freeze = ROOT / "constraints" / "colab-2026-08.txt"
    wanted = tmp_path / "requirements.txt"  # `jupyter` itself is for laptops
    lines = [
        name
        for name in requirements("requirements.txt")
        if "jupyter" not in name
    ]
    wanted.write_text("\n".join(lines))
    command = [
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--no-header",
        "--no-annotate",
    ]
    command += [str(wanted), "-c", str(freeze), "--python-version", "3.13"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if any(word in done.stderr for word in setup.NETWORK_WORDS):
        pytest.skip("no network: the requirements cannot be resolved")
    assert done.returncode == 0, (
        done.stderr
    )  # it fails if a pinned version must go
    names = {line.split("==")[0].strip() for line in done.stdout.splitlines()}
    present = {
        line.split("==")[0].lower() for line in freeze.read_text().splitlines()
    }
    present = {name.replace("_", "-") for name in present}
    # jedi: a dependency of IPython that Colab's image leaves out on purpose
    assert names - present - {"jedi"} == {"papermill"}
