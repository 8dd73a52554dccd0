"""Imports run down, and only the upper folders load TensorFlow."""

import ast

import pytest
from conftest import ROOT, run_python

FOLDERS = ["", "data", "evaluation", "model", "claims"]  # from the lowest up
MODULES = sorted((ROOT / "helpers").rglob("*.py"))


def folder(path):
    """Return the folder of helpers/ that a module lies in, "" at the top."""
    return path.relative_to(ROOT / "helpers").parts[0].removesuffix(path.name)


@pytest.mark.parametrize(
    "path", MODULES, ids=lambda p: str(p.parent.name + "/" + p.name)
)
def test_imports_run_down(path):
    own = FOLDERS.index(folder(path))
    package = [*path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = package[: len(package) + 1 - node.level]
            base = [*above, *(node.module or "").split(".")]
            for name in (alias.name for alias in node.names):
                used = [part for part in (*base, name) if part][1]
                rank = FOLDERS.index(used) if used in FOLDERS else 0
                # the files at the top read data, and nothing above it
                assert rank <= max(own, 1), f"{path} imports {used}"


def test_data_and_evaluation_load_no_tensorflow():
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in MODULES
        if folder(path) in ("", "data", "evaluation")
    ]
    code = f"import sys, {', '.join(names)}\n"
    code += "print({'tensorflow', 'keras', 'jax'} & set(sys.modules))"
    done = run_python("-c", code)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr
