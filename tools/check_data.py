"""Print how many usable cases a data set has and what is wrong with it.

python tools/check_data.py [FOLDER|ZIP]     (default: where the notebooks would look)
Exit status 0 only if it can be used.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from helpers import busi, place, sources


def main(where):
    try:
        where = where or sources.locate(drive=place.drive()).root
    except busi.DataError as error:
        sys.exit(str(error))
    problems = busi.check(where)
    if len(problems):
        print(problems.to_string(index=False, justify="left", max_colwidth=90))
    if (problems["severity"] == "fatal").any():
        sys.exit(f"\n{where} cannot be used as it is.")
    counts = busi.index(where)["label"].value_counts().to_dict()
    print(f"\n{where} can be used: {counts}, {len(problems)} problem(s) listed above.")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
