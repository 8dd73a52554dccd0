"""What surrounds the code is whole: make help, hooks, workflows, templates, changelog."""

import re
import subprocess

import pytest
import yaml
from conftest import ROOT
from test_setup import setup

MAKEFILE = (ROOT / "Makefile").read_text()
YAML = [ROOT / ".pre-commit-config.yaml", *sorted((ROOT / ".github").rglob("*.yml"))]


def test_make_lists_every_target():
    targets = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split()
    listed = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert set(targets) == set(re.findall(r"^([a-z-]+):(?!=)", MAKEFILE, re.MULTILINE))
    for target in set(targets) - {"help"}:
        assert re.search(rf"^  make {target} +\w", listed, re.MULTILINE), target


@pytest.mark.parametrize("path", YAML, ids=lambda p: p.name)
def test_each_yaml_file_can_be_read(path):
    assert yaml.safe_load(path.read_text())


def test_the_workflow_runs_what_the_readme_says_on_every_supported_python():
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]
    pythons = jobs["test"]["strategy"]["matrix"]["python"]
    versions = [tuple(map(int, python.split("."))) for python in pythons]
    assert versions == [(3, n) for n in range(16) if setup.supported((3, n))]
    assert any("bash .ci/run" in str(step) for step in jobs["test"]["steps"])
    assert "make test" in (ROOT / ".ci/run").read_text()


def test_hooks_are_local_and_keep_the_cells_ids():
    (repository,) = yaml.safe_load(YAML[0].read_text())["repos"]
    assert repository["repo"] == "local"
    hooks = {hook["id"]: hook["entry"] for hook in repository["hooks"]}
    assert set(hooks) == {"ruff-check", "ruff-format", "nbstripout", "notebooks"}
    assert "--keep-id" in hooks["nbstripout"]


def test_the_changelog_has_the_form_that_it_names():
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads[0] == "[Unreleased]"
    for head in heads[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds
