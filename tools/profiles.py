"""Read a profile: what the notebooks' parameters are set to, checked whole."""

import ast
import contextlib
import difflib
import math

import papermill
import yaml

from helpers.files import ROOT

N_FOLDS = 5  # that notebook 2 deals
EPOCHS = "epochs"  # how their names begin: one network, at least, is trained
MAY_BE_ZERO = {"seed", "first_fold", "max_cases"}  # and epochs


class Refused(ValueError):
    """A profile that is not used; the message is the sentence to print."""


def notebooks():
    """Return the series' notebooks in order, the appendix (A1, ...) last."""
    return sorted((ROOT / "notebooks").glob("[0-9A][0-9]_*.ipynb"))


def declared(notebook):
    """Return {name: (type's name, default)} of a notebook's parameters."""
    found = papermill.inspect_notebook(str(notebook))
    return {
        name: (p["inferred_type_name"], ast.literal_eval(p["default"]))
        for name, p in found.items()
    }


def read(name):
    """Return a profile's parameters, a dict: each as a notebook declares it.

    Refused: there is none of that name, it is no list of `name: value`, or a
    value is not what the notebooks can use.
    """
    folder = ROOT / "profiles"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        problem = f"There is no profile '{name}'"
        raise Refused(f"{problem}{nearest(name, known)}: one of {known}.")
    path = folder / f"{name}.yaml"
    types = {}
    for notebook in notebooks():
        types |= declared(notebook)
    try:
        values = parsed(path)
        fitted = {k: fit(k, v, types) for k, v in values.items()}
        if fitted.get("profile") != name:
            raise Refused(
                f"must have the line `profile: {name}`, as the file is named: "
                "results go to a folder of that name"
            )
        check({k: default for k, (_, default) in types.items()} | fitted)
    except Refused as error:
        raise Refused(f"profiles/{path.name} {error}.") from None
    return fitted


def parsed(path):
    """Return the {name: value} of a YAML file; refuse a name given twice."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, yaml.SafeLoader)
        values = yaml.safe_load(text)
    except OSError as error:
        raise Refused(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Refused("is no text: save it as UTF-8") from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or error
        raise Refused(f"is no YAML{line}: {what}") from None
    if not isinstance(values, dict):
        problem = "is empty" if values is None else "is no list of parameters"
        raise Refused(f"{problem}: write lines like `image_size: 128`")
    names = [key.value for key, _ in tree.value]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise Refused(f"sets {twice} twice: remove one of the lines")
    return values


def fit(name, value, types):
    """Return a value as the type that the notebooks declare for its name."""
    if name not in types:
        raise Refused(
            f"sets '{name}', which no notebook declares"
            f"{nearest(name, types)}: remove or rename it (declared: "
            f"{', '.join(sorted(types))})"
        )
    wanted = types[name][0]
    if wanted == "float" and type(value) in (int, str):
        with contextlib.suppress(ValueError):
            value = float(value)  # YAML takes 2e-3 for a text
    if type(value).__name__ != wanted:
        given = "nothing" if value is None else f"{value!r}"
        quoted = " (write it in quotes)" if wanted == "str" else ""
        must = f"and it must be {wanted}{quoted}"
        raise Refused(f"sets {name} to {given}, {must}")
    return value


def nearest(name, known):
    """Return a hint at the known name that is most alike, or ""."""
    close = difflib.get_close_matches(str(name), map(str, known), 1)
    return f" (do you mean '{close[0]}'?)" if close else ""


def check(values):
    """Refuse values that no notebook could use; values: of all parameters."""
    for name, value in values.items():
        if isinstance(value, str | bool):
            continue
        zero = name in MAY_BE_ZERO or name.startswith(EPOCHS)
        if not math.isfinite(value) or value < 0 or not (value or zero):
            least = "0 or more" if zero else "more than 0"
            raise Refused(f"sets {name} to {value}, and it must be {least}")
    # the pretrained network halves an image once more than the lesson's
    step = 32 if values.get("epochs_pretrained") else 16
    if values.get("image_size", 0) % step:
        without = " (16 where epochs_pretrained is 0)" * (step == 32)
        raise Refused(f"sets image_size to no multiple of {step}{without}")
    if values.get("first_fold", 0) + values.get("n_folds", 0) > N_FOLDS:
        raise Refused(f"asks for more than {N_FOLDS} folds: lower n_folds")
    epochs = [v for k, v in values.items() if k.startswith(EPOCHS)]
    if epochs and not any(epochs):
        raise Refused("trains no network: let one of the epochs be above 0")
