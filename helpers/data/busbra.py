"""Index the BUS-BRA data set: 1,875 images of 1,064 patients, four scanners.

Gómez-Flores et al. (2024), Med Phys 51:3110, doi 10.1002/mp.16812.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from . import busi

TABLE = "bus_data.csv"


def index(root):
    """Return a DataFrame of the cases: the columns of `busi.index` and more.

    case ("bus_0003-l"), label, image, masks (a tuple of one path), height,
    width, patient (int), scanner, birads; group is the patient. root: the
    folder with Images/, Masks/ and bus_data.csv. `busi.DataError`: something
    of that is missing.
    """
    root = Path(root).expanduser().absolute()
    path = root / TABLE
    if not path.is_file():
        lacks = f"{root} holds no {TABLE}, Images/ and Masks/"
        raise busi.DataError(f"{lacks}: give the folder of BUS-BRA.")
    table = pd.read_csv(path)
    images = [str(root / f"Images/{name}.png") for name in table["ID"]]
    masks = [
        str(root / f"Masks/{name.replace('bus_', 'mask_')}.png")
        for name in table["ID"]
    ]
    missing = [path for path in images + masks if not Path(path).is_file()]
    if missing:
        lacks = f"{len(missing)} files of {TABLE} are missing"
        raise busi.DataError(f"{lacks}, first {missing[0]}: fetch it again.")
    # not the table's sizes, of which a few are wrong
    with ThreadPoolExecutor() as pool:
        sizes = pool.map(lambda path: busi.read_image(path).shape, images)
    height, width = zip(*sizes, strict=True)
    return pd.DataFrame(
        {
            "case": table["ID"],
            "label": table["Pathology"],
            "image": images,
            "masks": [(path,) for path in masks],
            "height": height,
            "width": width,
            "patient": table["Case"],
            "scanner": table["Device"],
            "birads": table["BIRADS"],
            "group": "patient " + table["Case"].astype(str),
        }
    )
