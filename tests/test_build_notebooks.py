"""One address of the repository; one setup cell, which fetches it."""

import re
import subprocess

import pytest
from conftest import ROOT

from tools import build_notebooks

SOURCES = build_notebooks.sources()
GITHUB = "https://github.com/"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the project's text files, known to git, as the tool's root."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: git lists the files to look through")
    for path, text in build_notebooks.texts().items():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setattr(build_notebooks, "ROOT", tmp_path)
    return tmp_path


def own():
    return build_notebooks.address().removeprefix(GITHUB)


def all_text():
    """Return all text but that of tests, which name others on purpose."""
    tests = build_notebooks.ROOT / "tests"
    found = build_notebooks.texts().items()
    return "\n".join(t for p, t in found if not p.is_relative_to(tests))


def addresses():
    """Return what Colab opens, and repositories of our owner or our name."""
    owner, name = own().split("/")
    opened = re.findall(r"google\.com/github/([\w.-]+/[\w-]+)", all_text())
    linked = re.findall(r"github\.com/([\w.-]+)/([\w-]+)", all_text())
    owners = owner, "OWNER"
    ours = ["/".join(o) for o in linked if o[0] in owners or o[1] == name]
    return {*opened, *ours}


def test_one_address_is_used_and_one_command_changes_it_everywhere(project):
    before = own()
    assert addresses() == {before}
    build_notebooks.set_address(f"{GITHUB}someone/elsewhere")
    assert addresses() == {own()} == {"someone/elsewhere"}
    assert f"github.com/{before}" not in all_text()
    build_notebooks.check()  # the notebooks follow their sources


@pytest.mark.parametrize("wrong", ["github.com/a/b", f"{GITHUB}a", ""])
def test_an_address_of_another_form_is_refused(wrong):
    with pytest.raises(SystemExit, match="is not of the form"):
        build_notebooks.set_address(wrong)


def test_a_pair_out_of_step_is_named(project):
    build_notebooks.rebuild()
    with (project / "notebooks" / SOURCES[1].name).open("a") as source:
        source.write("#\n# One more sentence.\n")
    (project / "notebooks" / f"{SOURCES[2].stem}.ipynb").unlink()
    old = [source.name for source in SOURCES[1:3]]
    said = re.escape(f"step with their .ipynb: {old}")
    with pytest.raises(SystemExit, match=said):
        build_notebooks.check()


def test_a_change_of_the_first_setup_cell_reaches_all(project):
    first, *_ = sources = build_notebooks.sources()
    text = first.read_text()
    first.write_text(text.replace("# Setup: the", "# The setup: the"))
    build_notebooks.rebuild()
    for source in sources:
        assert source.read_text().count("# The setup: the same cell") == 1
