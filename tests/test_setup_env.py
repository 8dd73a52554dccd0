"""The set-up says what is wrong, and redoes what was interrupted."""

import ast
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from conftest import ROOT

from tools import setup_env


def test_an_old_python_can_read_it():
    source = (ROOT / "tools" / "setup_env.py").read_text()
    ast.parse(source, feature_version=(3, 6))
    assert 'f"' not in source


def test_only_these_pythons_are_supported():
    versions = [(3, minor, 1) for minor in range(16)]
    supported = [v[:2] for v in versions if setup_env.supported(v)]
    assert supported == [(3, 11), (3, 12), (3, 13)]


def test_a_python_that_is_too_old_looks_for_another(monkeypatch):
    # the first is a shim that does not run, as pyenv leaves them on PATH
    found = {"python3.13": "/bin/broken-shim", "python3.12": "/bin/python3.12"}
    runs = {"/bin/python3.12": (3, 12)}
    monkeypatch.setattr(setup_env.glob, "glob", lambda _pattern: [])
    monkeypatch.setattr(setup_env.shutil, "which", found.get)
    monkeypatch.setattr(setup_env, "version_of", runs.get)
    assert setup_env.find_python(setup_env.PYTHONS) == "/bin/python3.12"
    found.clear()
    message = r"needs Python 3\.11, 3\.12 or 3\.13"
    with pytest.raises(setup_env.Stop, match=message):
        setup_env.find_python(setup_env.PYTHONS)


def test_too_little_disk_is_one_sentence(tmp_path):
    def check(free):
        usage = SimpleNamespace(free=free)
        setup_env.check_disk(str(tmp_path), usage=lambda _folder: usage)

    with pytest.raises(setup_env.Stop, match=r"Too little disk: 1\.0 GB are"):
        check(10**9)
    check(10**11)


OFFLINE = "no connection to the package index"
FAILURES = [
    ("error sending request for url", OFFLINE),
    ("ERROR: No matching distribution found", OFFLINE),
    ("[Errno 28] No space left on device", "The disk is full"),
    ("ensurepip is not available", "apt install python3-venv"),
    ("something else", "the reason is at the end of"),
]


@pytest.mark.parametrize(("said", "sentence"), FAILURES)
def test_a_failed_install_is_explained(tmp_path, said, sentence):
    command = ["sh", "-c", f"echo '{said}'; exit 1"]
    with pytest.raises(setup_env.Stop, match=sentence):
        setup_env.run(command, str(tmp_path / "log"))


@pytest.fixture
def venv(tmp_path):
    """An environment with one package and its stamp."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    packages = tmp_path / "lib" / "python3.12" / "site-packages"
    (packages / "numpy-2.dist-info").mkdir(parents=True)
    (packages / "numpy.py").write_text("whole")
    record = "numpy.py,sha256=a,5\n../../../bin/f2py,sha256=b,9\nRECORD,,\n"
    (packages / "numpy-2.dist-info" / "RECORD").write_text(record)
    (tmp_path / "made-from.txt").write_text("this lock")
    (tmp_path / "packages.txt").write_text("numpy")
    return tmp_path


def ready(venv, lock="this lock"):
    return setup_env.ready(str(venv), str(venv / "made-from.txt"), lock)


def test_an_environment_counts_only_with_its_stamp(venv):
    assert ready(venv) and not ready(venv, "another lock")
    (venv / "made-from.txt").unlink()
    assert not ready(venv)


@pytest.mark.parametrize("kind", ["missing", "cut off", "python", "all"])
def test_a_damaged_environment_is_named_and_does_not_count(venv, kind, capsys):
    module = next(venv.rglob("numpy.py"))
    if kind in ("missing", "all"):
        module.unlink()
    if kind == "all":
        shutil.rmtree(next(venv.rglob("numpy-2.dist-info")))
    elif kind == "cut off":
        module.write_text("who")
    elif kind == "python":
        (venv / "bin" / "python").unlink()
    assert not ready(venv)
    named = "Python" if kind == "python" else "numpy"
    assert named in capsys.readouterr().out


def requirements():
    """Return the lines of requirements.txt, without comments."""
    text = (ROOT / "requirements.txt").read_text()
    return re.sub(r"\s*#.*", "", text).strip().splitlines()


def test_requirements_are_floors_only():
    for line in requirements():
        assert re.fullmatch(r"[\w-]+>=[\d.]+", line), line


def names(pins):
    """Return the names of packages in a text of pins, `Some_name==1.2`."""
    found = re.findall(r"^([\w.-]+)==", pins, re.MULTILINE)
    return {name.lower().replace("_", "-") for name in found}


@pytest.mark.skipif(not shutil.which("uv"), reason="uv is not installed")
def test_nothing_that_colab_has_is_replaced():
    image = ROOT / "constraints" / "colab-2026-08.txt"
    # `jupyter` itself is for laptops
    wanted = "\n".join(w for w in requirements() if "jupyter" not in w)
    command = ["uv", "pip", "compile", "--quiet", "--no-header"]
    command += ["--no-annotate", "--python-version", "3.13", "-", "-c", image]
    command += ["--exclude-newer", "2026-09-01"]  # as old as the image
    options = {"input": wanted, "text": True, "capture_output": True}
    done = subprocess.run(command, check=False, **options)
    if any(word in done.stderr for word in setup_env.NETWORK_WORDS):
        pytest.skip("no network: the requirements cannot be resolved")
    # it fails if a pinned version must go
    assert done.returncode == 0, done.stderr
    new = names(done.stdout) - names(image.read_text())
    # jedi: a dependency of IPython that Colab's image leaves out on purpose
    assert new - {"jedi"} == {"papermill"}


def test_tools_find_helpers_wherever_they_are_started(tmp_path):
    venv = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv])
    setup_env.add_project(str(venv))
    code = "import helpers, tools; print(helpers.__file__)"
    command = [venv / "bin" / "python", "-c", code]
    quiet = {"cwd": tmp_path, "capture_output": True, "text": True}
    done = subprocess.run(command, **quiet)
    assert done.stdout.strip() == str(ROOT / "helpers" / "__init__.py")
