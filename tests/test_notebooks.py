"""The form of the notebooks: one source, one setup cell, declared parameters, no outputs."""

import ast
import json
import re
import statistics

import jupytext
import nbformat
import papermill
import pytest
import yaml
from conftest import ROOT

from tools import build_notebooks as tool
from tools import run_all

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
        assert re.fullmatch(r"\w+: (str|int|float|bool) = \S+  # .+", line), (
            line
        )


@each
def test_one_title_badge_and_promise(source):
    text = source.read_text()
    assert len(re.findall(r"^# # ", text, re.MULTILINE)) == 1
    badge = f"{tool.COLAB}/{tool.address().split('github.com/')[1]}/blob/main/notebooks/"
    assert f"{badge}{source.stem}.ipynb" in text
    for word in (
        "**You will**",
        "**Takes**",
        "**Needs**",
        "**Reads**",
        "**Writes**",
    ):
        assert word in text
    assert "not a medical device" in text
    assert f'"{source.stem}"' in text and "step.finish()" in text


@each
def test_it_ends_with_questions_exercises_and_references(source):
    text = source.read_text()
    assert "**You have**" in text
    ends = (
        "## Check yourself",
        "## Exercise 1",
        "## Exercise 2",
        "## References",
    )
    at = [text.find(f"\n# {heading}") for heading in ends]
    assert -1 not in at and at == sorted(at), dict(zip(ends, at, strict=True))
    questions = re.findall(r"<summary>(\d)\. [^\n]+\?</summary>", text)
    assert questions == ["1", "2", "3", "4", "5"]
    assert text.count("<summary>Solution</summary>") == 2
    # unanswered, so that a run from top to bottom says what to do and goes on
    assert (
        len(re.findall(r"^\w+ = \.\.\.  # .+\nexercises.check", text, re.M))
        == 2
    )
    assert "doi.org/10." in text[at[-1] :]


def rhythm(notebook):
    """Return how a lesson reads: words a code line, lines of its cells, cells in a row.

    The lesson ends at "Check yourself". Left out of the code are the cells
    that only open a notebook: setup, parameters, and the one that begins with
    its imports. Blank lines and comments are no code; fenced code and
    addresses are no prose.
    """
    words, lines, row, longest = 0, [], 0, 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            prose, *after = cell.source.split("## Check yourself")
            prose = re.sub(r"```.*?```|\]\([^)]*\)", " ", prose, flags=re.S)
            words, row = (
                words + sum(bool(re.search(r"\w", w)) for w in prose.split()),
                0,
            )
            if after:
                break
        elif not {"setup", "parameters"} & set(
            cell.metadata.get("tags", [])
        ) and not (cell.source.startswith("import ")):
            code = re.findall(r"^\s*[^\s#].*$", cell.source, re.M)
            lines, row = [*lines, len(code)], row + 1
            longest = max(longest, row)
    return {
        "words per code line": words / sum(lines),
        "median cell": statistics.median(lines),
        "largest cell": max(lines),
        "cells in a row": longest,
    }


@each
def test_rhythm_of_prose_and_code(source, capsys):
    found = rhythm(tool.built(source))
    told = " · ".join(f"{name} {value:.3g}" for name, value in found.items())
    with capsys.disabled():
        print(f"\n{source.stem}: {told}")
    assert 6 <= found["words per code line"] <= 12
    assert found["median cell"] <= 6 and found["largest cell"] <= 30
    assert found["cells in a row"] <= 3


def test_rhythm_counts_what_it_says():
    text = "# %% [markdown]\n# One, two - three [four](five six).\n\n"
    text += (
        "# %%\nimport helpers\n\n# %%\n# why\na = 1\n\nb = 2\n\n# %%\na\n\n"
    )
    text += "# %% [markdown]\n# ## Check yourself\n# five\n\n# %%\nc\nd\n"
    assert rhythm(jupytext.reads(text, "py:percent")) == {
        "words per code line": 4 / 3,
        "median cell": 1.5,
        "largest cell": 2,
        "cells in a row": 2,
    }


@each
def test_code_is_plain_python_without_installs_or_own_paths(source):
    ast.parse(source.read_text())
    assert not re.search(
        r"pip install|/home/|/Users/|[A-Z]:\\\\", source.read_text()
    )


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
                defaults.setdefault(name, parameter["default"])
                == parameter["default"]
            )


def test_quick_profile_equals_the_notebooks_defaults():
    quick = yaml.safe_load((ROOT / "profiles" / "quick.yaml").read_text())
    for source in SOURCES:
        found = papermill.inspect_notebook(str(source.with_suffix(".ipynb")))
        for name in set(found) & set(quick):
            assert ast.literal_eval(found[name]["default"]) == quick[name], (
                name
            )


def test_a_profile_with_a_typo_is_refused(tmp_path, monkeypatch):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "typo.yaml").write_text(
        "profile: typo\nepoch: 3\n"
    )
    books = run_all.notebooks()
    monkeypatch.setattr(run_all, "notebooks", lambda: books)
    monkeypatch.setattr(run_all, "ROOT", tmp_path)
    with pytest.raises(run_all.Stop, match=r"typo.yaml sets \['epoch'\]"):
        run_all.read_profile("typo")


def test_a_profile_that_is_not_there_is_refused():
    with pytest.raises(run_all.Stop, match="PROFILE is one of"):
        run_all.read_profile("fast")


@each
def test_the_latest_step_is_read_first_so_that_one_sentence_names_all(source):
    for cell in source.read_text().split("# %%"):
        steps = re.findall(r'step\.read\(\s*"(\w+)"', cell)
        assert not steps or steps[0] == max(steps)


def test_readme_ladder_names_every_notebook():
    readme = (ROOT / "README.md").read_text()
    for source in SOURCES:
        assert f"(notebooks/{source.stem}.ipynb)" in readme
