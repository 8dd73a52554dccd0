"""The form of the notebooks: one source, one setup cell, no outputs."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jupytext
import nbformat
import papermill
import pytest
import yaml
from conftest import ROOT

from helpers import files, workspace
from tools import build_notebooks, profiles, run_all
from tools.site import reading

SOURCES = build_notebooks.sources()
PROFILES = sorted(p.stem for p in (ROOT / "profiles").glob("*.yaml"))
GUESS = "**Predict, then run.**"
each = pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)


def cells(source, tag):
    book = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    return [c.source for c in book.cells if tag in c.metadata.get("tags", [])]


def code(source):
    """Return the code cells up to "Check yourself", without the setup."""
    lesson = source.read_text().split("# ## Check yourself")[0]
    cells = jupytext.reads(lesson, "py:percent").cells
    cells = [cell for cell in cells if cell.cell_type == "code"]
    return [c.source for c in cells if "setup" not in str(c.metadata)]


@each
def test_pair_is_in_step(source):
    committed = source.with_suffix(".ipynb").read_text()
    assert committed == build_notebooks.as_text(source), "run `make notebooks`"


@each
def test_one_short_setup_cell_the_same_everywhere(source):
    (cell,) = cells(source, "setup")
    assert [cell] == cells(SOURCES[0], "setup")
    assert len(cell.splitlines()) <= 17


@each
def test_one_parameters_cell_with_scalars_explained(source):
    (cell,) = cells(source, "parameters")
    assert cell.startswith("profile: str")
    for line in cell.splitlines():
        assert re.fullmatch(r"\w+: (str|int|float|bool) = \S+  # .+", line)


@each
def test_at_most_eight_names_are_imported_before_the_first_idea(source):
    _, first, *_ = code(source)
    nodes = [n for n in ast.parse(first).body if hasattr(n, "names")]
    assert 0 < sum(len(node.names) for node in nodes) <= 8


@each
def test_nothing_but_here_is_taken_from_the_setup_cell(source):
    text = "here = None\n" + "\n".join(code(source))
    undefined = ["-m", "ruff", "check", "--isolated", "--select", "F821", "-"]
    command = [sys.executable, *undefined, "--quiet"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@each
def test_one_title_badge_and_promise(source):
    text = source.read_text()
    assert len(re.findall(r"^# # ", text, re.MULTILINE)) == 1
    repository = build_notebooks.address().removeprefix("https://github.com/")
    badge = f"{build_notebooks.COLAB}/{repository}/blob/main/notebooks"
    assert f"{badge}/{source.stem}.ipynb" in text
    for word in ("You will", "Takes", "Needs", "Reads", "Writes"):
        assert f"**{word}**" in text
    assert "not a medical device" in text
    assert f'here.step("{source.stem}")' in text and "step.finish()" in text


@each
def test_it_ends_with_questions_exercises_and_references(source):
    text = source.read_text()
    assert "**You have**" in text
    ends = "Check yourself", "Exercise 1", "Exercise 2", "References"
    at = [text.find(f"\n# ## {heading}") for heading in ends]
    assert -1 not in at and at == sorted(at), dict(zip(ends, at, strict=True))
    questions = re.findall(r"<summary>(\d)\. [^\n]+\?</summary>", text)
    assert questions == ["1", "2", "3", "4", "5"]
    assert text.count("<summary>Solution</summary>") == 2
    # unanswered, so that a run from top to bottom says what to do
    asked = re.findall(r"^\w+ = \.\.\.  # .+\nexercises.check", text, re.M)
    assert len(asked) == 2 and "doi.org/10." in text[at[-1] :]


@each
def test_a_lesson_asks_once_for_a_guess_right_before_a_cell(source):
    lesson = source.read_text().split("# ## Check yourself")[0]
    cells = jupytext.reads(lesson, "py:percent").cells
    boxes = [i for i, c in enumerate(cells) if GUESS in c.source]
    assert len(boxes) == (source.stem[0] != "A")  # not in an appendix
    for i in boxes:
        *_, box = cells[i].source.split("\n\n")
        assert box.startswith(GUESS) and cells[i + 1].cell_type == "code"
        assert "?" in box


@each
def test_rhythm_of_prose_and_code(source):
    found = reading.rhythm(build_notebooks.built(source))
    print(f"{source.stem}: {found['minutes']:.0f} minutes to read")
    assert 6 <= found["words per code line"] <= 12, found
    assert found["median cell"] <= 6 and found["largest cell"] <= 30, found
    assert found["cells in a row"] <= 3, found


def test_rhythm_counts_what_it_says():
    text = "# %% [markdown]\n# One, two - three [four](five six).\n\n"
    text += (
        "# %%\nimport helpers\n\n# %%\n# why\na = 1\n\nb = 2\n\n"
        '# %% tags=["hide-input"]\nfigures.show(\n    a)\n\n'
    )
    text += "# %% [markdown]\n# ## Check yourself\n# five\n\n# %%\nc\nd\n"
    assert reading.rhythm(jupytext.reads(text, "py:percent")) == {
        "minutes": pytest.approx(4 / 200 + 2 / 10),
        "words per code line": 1,
        "median cell": 2,
        "largest cell": 2,
        "cells in a row": 2,
    }


def functions(text):
    """Return {name: what it does}, without docstrings and comments."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            found[node.name] = ast.unparse([node.args, *node.body[1:]])
    return found


def test_the_network_that_the_reader_writes_is_the_one_that_is_trained():
    network = functions((ROOT / "helpers/model/unet.py").read_text())
    (lesson,) = (s for s in SOURCES if s.stem.startswith("03_"))
    written = functions(lesson.read_text())
    assert "block" in network
    assert {name: written.get(name) for name in network} == network


@each
def test_code_is_plain_python_without_installs_or_own_paths(source):
    ast.parse(source.read_text())
    own = r"pip install|/home/|/Users/|[A-Z]:\\\\"
    assert not re.search(own, source.read_text())


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_name_only_declared_parameters(name):
    assert profiles.read(name)["profile"] == name


def test_parameters_have_one_default_and_the_quick_profile_has_it():
    quick = yaml.safe_load((ROOT / "profiles" / "quick.yaml").read_text())
    defaults = dict(quick)
    for source in SOURCES:
        found = papermill.inspect_notebook(str(source.with_suffix(".ipynb")))
        for name, parameter in found.items():
            value = ast.literal_eval(parameter["default"])
            assert defaults.setdefault(name, value) == value, name


def test_a_changed_or_lost_result_is_not_up_to_date(tmp_path):
    kept = tmp_path / "x.csv"
    kept.write_text("1")
    manifest = {"reads": {}, "files": {kept.name: files.sha256(kept)}}
    manifest["schema"] = workspace.SCHEMA
    texts = {"run.json": {"inputs": "a"}, "manifest.json": manifest}
    for name, content in texts.items():
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / f"{tmp_path.name}.ipynb").touch()
    assert run_all.up_to_date(tmp_path, "a")
    assert not run_all.up_to_date(tmp_path, "b")
    for other in ({**manifest, "schema": workspace.SCHEMA - 1}, ""):
        (tmp_path / "manifest.json").write_text(json.dumps(other))
        assert not run_all.up_to_date(tmp_path, "a")
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert run_all.up_to_date(tmp_path, "a")
    kept.write_text("2")
    assert not run_all.up_to_date(tmp_path, "a")
    kept.unlink()
    assert not run_all.up_to_date(tmp_path, "a")


def test_a_changed_earlier_step_makes_a_later_one_stale(tmp_path):
    earlier, folder = tmp_path / "02_a", tmp_path / "04_b"
    earlier.mkdir()
    folder.mkdir()
    sealed = earlier / "manifest.json"
    sealed.write_text("one")
    manifest = {"reads": {"02_a": files.sha256(sealed)}, "files": {}}
    manifest["schema"] = workspace.SCHEMA
    texts = {"run.json": {"inputs": "a"}, "manifest.json": manifest}
    for name, content in (texts | {"04_b.ipynb": {}}).items():
        (folder / name).write_text(json.dumps(content))
    assert run_all.up_to_date(folder, "a")
    sealed.write_text("another")
    assert not run_all.up_to_date(folder, "a")


def test_external_reaches_notebook_9_and_few_cases_leave_out_2_to_9(tmp_path):
    def made(too_few="", external=None):
        given = tmp_path, {"profile": "quick"}, "", too_few, external
        return {job.notebook.stem[:2]: job for job in run_all.jobs(*given)}

    other = SimpleNamespace(root=Path("/other"), fingerprint="abc")
    taken = {
        number: (job.parameters["external"], job.content)
        for number, job in made(external=other).items()
        if "external" in job.parameters
    }
    assert taken == {"09": ("/other", {"external": "abc"})}
    assert list(made("too few")) == ["00", "01", "A1"]


def test_a_notebook_without_a_manifest_is_not_finished(tmp_path, capsys):
    done = SimpleNamespace(returncode=0)
    paths = tmp_path / "x.ipynb", tmp_path
    job = run_all.Job("t", *paths, {}, {}, process=done)
    assert not job.seal() and not (tmp_path / "run.json").exists()
    done.returncode = -9
    capsys.readouterr()
    assert not job.seal()
    assert "was killed (signal 9)" in capsys.readouterr().out


def test_what_a_notebook_imports_decides_whether_it_is_up_to_date():
    found = run_all.imported_helpers("from helpers.evaluation import metrics")
    names = {str(path.relative_to(ROOT / "helpers")) for path in found}
    assert "evaluation/metrics.py" in names and "data/masks.py" in names
    assert not any(name.startswith("model/") for name in names)


@pytest.mark.parametrize(
    "read", ["models/start_16.npz", "helpers/data/picture_rules.json"]
)
def test_another_file_makes_a_notebook_stale(read, tmp_path, monkeypatch):
    copied = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "helpers", tmp_path / "helpers", ignore=copied)
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(run_all, "ROOT", tmp_path)
    data = SimpleNamespace(fingerprint="the same")

    def inputs(content):
        (tmp_path / read).write_bytes(content)
        names = "02_prepare_the_masks", "04_train_the_segmenter"
        paths = [ROOT / "notebooks" / f"{name}.ipynb" for name in names]
        return [run_all.inputs_of(path, {}, data) for path in paths]

    before, again, changed = map(inputs, (b"one", b"one", b"another"))
    assert before == again
    # both read pictures; only notebook 4 starts from models/
    assert (before[0] == changed[0]) is read.startswith("models")
    assert before[1] != changed[1]


@each
def test_the_latest_step_is_read_first_so_that_one_sentence_names_all(source):
    for cell in source.read_text().split("# %%"):
        steps = re.findall(r'step\.read\(\s*"(\w+)"', cell)
        assert not steps or steps[0] == max(steps)


def test_a_second_set_is_found_before_anything_runs(phantom_root, tmp_path):
    assert run_all.find_external("") is None
    assert run_all.find_external(str(phantom_root)).root == phantom_root
    with pytest.raises(run_all.Stop, match=r"EXTERNAL: .*does not exist"):
        run_all.find_external(str(tmp_path / "nothing"))
    (tmp_path / "normal").symlink_to(phantom_root / "normal")
    with pytest.raises(run_all.Stop, match="with a lesion"):
        run_all.find_data(str(tmp_path))
