"""The form of the notebooks: one source, one setup cell, declared parameters, no outputs."""

import ast
import json
import os
import re
import subprocess
import sys

import nbformat
import papermill
import pytest
import yaml
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import run_all

import notebooks as tool

SOURCES = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))
PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))
each = pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)


def cells(source, tag):
    book = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    return [c.source for c in book.cells if tag in c.metadata.get("tags", [])]


def test_every_notebook_has_both_files():
    built = {p.stem for p in (ROOT / "notebooks").glob("*.ipynb")}
    assert built == {p.stem for p in SOURCES} and len(built) >= 5


@each
def test_pair_is_in_step(source):
    committed = source.with_suffix(".ipynb").read_text()
    assert committed == nbformat.writes(tool.built(source)) + "\n", (
        "run `make notebooks`"
    )


@each
def test_no_outputs_and_unique_ids(source):
    book = json.loads(source.with_suffix(".ipynb").read_text())
    ids = [cell["id"] for cell in book["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in book["cells"]:
        assert not cell.get("outputs") and not cell.get("execution_count")


@each
def test_one_setup_cell_the_same_everywhere(source):
    assert cells(source, "setup") == cells(SOURCES[0], "setup")
    assert len(cells(source, "setup")) == 1


@each
def test_one_parameters_cell_with_scalars_explained(source):
    (cell,) = cells(source, "parameters")
    assert cell.startswith("profile: str")
    for line in cell.splitlines():
        assert re.fullmatch(r"\w+: (str|int|float|bool) = \S+  # .+", line), line


@each
def test_one_title_badge_and_promise(source):
    text = source.read_text()
    assert len(re.findall(r"^# # ", text, re.MULTILINE)) == 1
    badge = (
        f"{tool.COLAB}/{tool.address().split('github.com/')[1]}/blob/main/notebooks/"
    )
    assert f"{badge}{source.stem}.ipynb" in text
    for word in ("**You will**", "**Takes**", "**Needs**", "**Reads**", "**Writes**"):
        assert word in text
    assert "not a medical device" in text
    assert f'"{source.stem}"' in text and "step.finish()" in text


@each
def test_code_is_plain_python_without_installs_or_own_paths(source):
    ast.parse(source.read_text())
    assert not re.search(r"pip install|/home/|/Users/|[A-Z]:\\\\", source.read_text())


@pytest.mark.parametrize("path", PROFILES, ids=lambda p: p.stem)
def test_profiles_name_only_declared_parameters(path):
    profile = run_all.read_profile(path.stem)
    assert profile["profile"] == path.stem


def test_parameters_that_two_notebooks_share_have_one_default():
    defaults = {}
    for source in SOURCES:
        found = papermill.inspect_notebook(str(source.with_suffix(".ipynb")))
        for name, parameter in found.items():
            assert (
                defaults.setdefault(name, parameter["default"]) == parameter["default"]
            )


def test_quick_profile_equals_the_notebooks_defaults():
    quick = yaml.safe_load((ROOT / "profiles" / "quick.yaml").read_text())
    for source in SOURCES:
        found = papermill.inspect_notebook(str(source.with_suffix(".ipynb")))
        for name in set(found) & set(quick):
            assert ast.literal_eval(found[name]["default"]) == quick[name], name


def test_a_profile_with_a_typo_is_refused(tmp_path, monkeypatch):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "typo.yaml").write_text("profile: typo\nepoch: 3\n")
    books = run_all.notebooks()
    monkeypatch.setattr(run_all, "notebooks", lambda: books)
    monkeypatch.setattr(run_all, "ROOT", tmp_path)
    with pytest.raises(run_all.Stop, match=r"typo.yaml sets \['epoch'\]"):
        run_all.read_profile("typo")


def test_a_profile_that_is_not_there_is_refused():
    with pytest.raises(run_all.Stop, match="PROFILE is one of"):
        run_all.read_profile("fast")


def test_readme_ladder_names_every_notebook():
    readme = (ROOT / "README.md").read_text()
    for source in SOURCES:
        assert f"(notebooks/{source.stem}.ipynb)" in readme


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
    """Return all repositories on GitHub that the project's files name, but for tests."""
    pattern = (
        r"github\.com(?:/github)?/([\w.-]+/[\w-]+)|google\.com/github/([\w.-]+/[\w-]+)"
    )
    tests = tool.ROOT / "tests"
    texts = [s for p, s in tool.texts().items() if not p.is_relative_to(tests)]
    found = re.findall(pattern, "\n".join(texts))
    return {one or other for one, other in found} - {"you/repository"}


def test_one_address_is_used_and_one_command_changes_it_everywhere(project):
    own = tool.address().removeprefix("https://github.com/")
    assert addresses() == {own}
    tool.set_address("https://github.com/someone/elsewhere")
    assert addresses() == {"someone/elsewhere"}
    tool.check()  # the notebooks follow their sources


@pytest.mark.parametrize("wrong", ["github.com/a/b", "https://github.com/a", ""])
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
    source.write_text(source.read_text().replace("# Setup: the", "# The setup: the"))
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
    (cell,) = cells(SOURCES[0], "setup")
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
    git = ["git", "-c", "user.name=test", "-c", "user.email=none", "-C", project]
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
