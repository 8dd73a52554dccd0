"""Which code cells a page folds: set-up, and those that only draw."""

import ast
import builtins

from helpers.files import ROOT

HELPERS = {path.stem for path in (ROOT / "helpers").rglob("*.py")}


def is_folded(cell):
    """Tell whether a code cell is set-up, tagged so, or only plots."""
    if {"setup", "hide-input"} & set(cell["metadata"].get("tags", [])):
        return True
    try:
        code = ast.parse("".join(cell["source"]))
    except SyntaxError:  # a line for the shell
        return False
    parts = list(simple(code.body))
    drawing = [part for part in parts if draws(part)]
    return bool(drawing) and all(p in drawing or prepares(p) for p in parts)


def simple(statements):
    """Yield the statements, and in place of loops and conditions theirs."""
    for statement in statements:
        if isinstance(statement, ast.For | ast.If):
            yield from simple(statement.body + statement.orelse)
        else:
            yield statement


def draws(statement):
    """Tell whether a statement calls `helpers.figures`."""
    call = getattr(statement, "value", None)
    is_call = isinstance(call, ast.Call)
    return is_call and ast.unparse(call).startswith("figures.")


def prepares(statement):
    """Tell whether a statement only names values or picks them from tables.

    It does more if it prints, or calls a helper or a function of the notebook.
    """
    calls = [n.func for n in ast.walk(statement) if isinstance(n, ast.Call)]
    names = {ast.unparse(call).split(".")[0] for call in calls}
    functions = {call.id for call in calls if isinstance(call, ast.Name)}
    more = names & HELPERS | functions - set(dir(builtins))
    return isinstance(statement, ast.Assign | ast.AugAssign) and not more
