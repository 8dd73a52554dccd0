"""The shape of the package: imports point down, and only the top row loads TensorFlow."""

import ast
import subprocess
import sys

from conftest import ROOT

LEVELS = [
    {"aerial", "archives", "masks", "phantom", "place"},
    {"busi"},
    {
        "batches",
        "calibration",
        "disturb",
        "errors",
        "exercises",
        "figures",
        "groups",
        "intervals",
        "scores",
        "sources",
    },
    {
        "audit",
        "baselines",
        "claims",
        "doubt",
        "findings",
        "networks",
        "sight",
        "training",
        "workspace",
    },
    {"robustness", "trials"},
]
# what a module of the top row may read of it: (read, reader)
TOP = [("networks", "training")]


def imports(path):
    """Return (helper modules, other packages) that a module imports anywhere."""
    own, other = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            own |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            other.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            other |= {alias.name.split(".")[0] for alias in node.names}
    return own, other


def modules():
    return {
        p.stem: p
        for p in (ROOT / "helpers").glob("*.py")
        if p.stem != "__init__"
    }


def test_every_module_has_a_level():
    assert set(modules()) == set().union(*LEVELS)


def test_imports_point_down():
    level = {name: i for i, names in enumerate(LEVELS) for name in names}
    for name, path in modules().items():
        for used in imports(path)[0]:
            assert level[used] < level[name] or (used, name) in TOP, (
                f"{name} -> {used}"
            )


def test_only_the_top_row_loads_tensorflow():
    heavy = {"tensorflow", "keras", "jax", "torch"}
    users = {
        name for name, path in modules().items() if imports(path)[1] & heavy
    }
    assert users == {"networks", "sight", "training", "trials"}


def test_importing_the_package_is_light():
    code = "import sys, helpers; print(sorted({'numpy', 'cv2', 'keras'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
