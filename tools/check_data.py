"""Print how many usable cases a data set has and what is wrong with it.

python -m tools.check_data [FOLDER|ZIP|phantom|kagglehub]

Without an argument it looks where the notebooks would look. Exit status 0 only
if the set can be used: nothing is fatal. `make run-all` stops at the same.
"""

import sys

from helpers import environment
from helpers.data import busi, layouts, sources
from tools import outputs


def cases_of(found):
    """Return a `layouts.DataSet`'s cases, and print what is wrong with it.

    busi.DataError: not all of it can be used.
    """
    show(found.check())
    return found.cases


def show(problems):
    """Print a line for each problem."""
    for row in problems.itertuples():
        print(f"{row.severity:8} {row.file}: {row.problem}; {row.remedy}")


def other(found):
    """Report on a set in another layout, which notebook 9 can take."""
    counts = cases_of(found)["label"].value_counts().to_dict()
    name = layouts.NAMES[found.layout]
    print(f"{found.root}: {name}, {counts}. It can be used as EXTERNAL.")


def main(where):
    try:
        data = sources.locate(where, None if where else environment.drive())
    except busi.DataError:
        if where and (found := layouts.other(where)):
            return other(found)
        raise
    cases, problems = busi.examine(data.root)
    show(problems)
    counts = cases["label"].value_counts().reindex(busi.LABELS, fill_value=0)
    listed = problems["severity"].value_counts().to_dict() or "no problems"
    print(f"{data.how}: {counts.to_dict()} usable cases, {listed}.")
    if "fatal" in listed:
        mend = "mend what is called fatal above."
        raise busi.DataError(f"It cannot be used as it is: {mend}")
    few = busi.too_few(cases)
    print(f"It can be used{f' in part: {few}' * bool(few)}.")


if __name__ == "__main__":
    where = sys.argv[1] if len(sys.argv) > 1 else ""
    outputs.command(lambda: main(where))
