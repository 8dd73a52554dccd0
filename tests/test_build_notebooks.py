"""One address of the repository, everywhere; one setup cell, which finds the repository."""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT

from tools import build_notebooks as tool

SOURCES = tool.sources()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the files that name the address, known to git, as the tool's own root."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: git lists the files to look through")
    for path, text in tool.texts().items():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    return tmp_path


def addresses():
    """Return the repositories that Colab opens, and those with our owner or our name.

    The tests' own files are left out: they name others on purpose.
    """
    tests = tool.ROOT / "tests"
    texts = [s for p, s in tool.texts().items() if not p.is_relative_to(tests)]
    text = "\n".join(texts)
    owner, name = own().split("/")
    linked = re.findall(r"github\.com/([\w.-]+)/([\w-]+)", text)
    opened = re.findall(r"google\.com/github/([\w.-]+/[\w-]+)", text)
    ours = [
        f"{o}/{n}" for o, n in linked if o in (owner, "OWNER") or n == name
    ]
    return {*opened, *ours}


def own():
    return tool.address().removeprefix("https://github.com/")


def test_one_address_is_used_and_one_command_changes_it_everywhere(project):
    before = own()
    assert addresses() == {before}
    tool.set_address("https://github.com/someone/elsewhere")
    assert addresses() == {own()} == {"someone/elsewhere"}
    texts = [s for p, s in tool.texts().items() if "tests" not in p.parts]
    assert not any(f"github.com/{before}" in text for text in texts)
    tool.check()  # the notebooks follow their sources


@pytest.mark.parametrize(
    "wrong", ["github.com/a/b", "https://github.com/a", ""]
)
def test_an_address_of_another_form_is_refused(wrong):
    with pytest.raises(SystemExit, match="is not of the form"):
        tool.set_address(wrong)


def test_a_pair_out_of_step_is_named(project):
    source = project / "notebooks" / SOURCES[1].name
    source.write_text(source.read_text() + "#\n# One more sentence.\n")
    with pytest.raises(SystemExit, match=SOURCES[1].stem):
        tool.check()


def test_a_change_of_the_first_setup_cell_reaches_all(project):
    source = project / "notebooks" / SOURCES[0].name
    source.write_text(
        source.read_text().replace("# Setup: the", "# The setup: the")
    )
    tool.rebuild()
    for source in sorted((project / "notebooks").glob("*.py")):
        assert source.read_text().count("# The setup: the same cell") == 1


def open_alone(folder, address_leads_to, phantom_root):
    """Run the setup cell as opened alone in an empty folder; return the process."""
    (folder / "work").mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "BUSI_DIR": str(phantom_root),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{address_leads_to}.insteadOf",
        "GIT_CONFIG_VALUE_0": tool.address(),
    }
    book = nbformat.read(SOURCES[0].with_suffix(".ipynb"), as_version=4)
    (cell,) = [
        c.source for c in book.cells if "setup" in c.metadata.get("tags", [])
    ]
    return subprocess.run(
        [sys.executable, "-c", cell],
        cwd=folder / "work",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_notebook_opened_alone_fetches_the_repository(
    project, phantom_root, tmp_path_factory
):
    git = [
        "git",
        "-c",
        "user.name=test",
        "-c",
        "user.email=none",
        "-C",
        project,
    ]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "a copy"], check=True)
    folder = tmp_path_factory.mktemp("alone")
    done = open_alone(folder, project, phantom_root)
    assert done.returncode == 0, done.stderr
    clone = folder / "work" / tool.address().split("/")[-1]
    assert f"results: {clone}/runs" in done.stdout and "PHANTOM" in done.stdout


def test_an_address_that_leads_nowhere_is_one_sentence(tmp_path, phantom_root):
    done = open_alone(tmp_path, tmp_path / "nowhere", phantom_root)
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith(f"is neither here nor at {tool.address()}")
