"""Index the BUS-BRA data set: 1,875 images of 1,064 patients, four scanners.

Gómez-Flores et al. (2024), Med Phys 51:3110, doi 10.1002/mp.16812.
"""

import pandas as pd

from .. import files
from . import busi, folder

TABLE = "bus_data.csv"
COLUMNS = ["ID", "Case", "Pathology", "BIRADS", "Device"]


def index(root):
    """Return a DataFrame of the cases: the columns of `busi.index` and more.

    case ("bus_0003-l"), label, image, masks (a tuple of one path), height,
    width, patient (int), scanner, birads; group is the patient. root: the
    folder with Images/, Masks/ and bus_data.csv. `busi.DataError`: something
    of that is missing or damaged.
    """
    return folder.whole(root, *scan(root))


def scan(root):
    """Return (cases, problems) as `folder.examined` does.

    `busi.DataError`: something is wrong with the table.
    """
    root = files.absolute(root)
    table = folder.read_table(root / TABLE, COLUMNS)
    names = table["ID"].str.removeprefix("bus_")
    for column in ("Case", "BIRADS"):
        try:
            table[column] = table[column].astype(int)
        except ValueError as error:
            wrong = f"{root / TABLE}: column {column} is no number ({error})"
            raise busi.DataError(f"{wrong}: fetch it again.") from None
    rows = {
        "case": table["ID"],
        "label": table["Pathology"],
        "image": [root / f"Images/bus_{name}.png" for name in names],
        "mask": [root / f"Masks/mask_{name}.png" for name in names],
        "patient": table["Case"],
        "scanner": table["Device"],
        "birads": table["BIRADS"],
    }
    return folder.examined(pd.DataFrame(rows), root / TABLE)
