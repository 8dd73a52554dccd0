"""BUS-BRA's cases come as those of BUSI do, with their patients."""

import shutil

import cv2
import numpy as np
import pytest

from helpers.data import busbra, busi, layouts, masks

HEAD = "ID,Case,Histology,Pathology,BIRADS,Device,Width,Height,Side,BBOX\n"


@pytest.fixture
def root(tmp_path):
    rows = [HEAD]
    for folder in ("Images", "Masks"):
        (tmp_path / folder).mkdir()
    for i in range(12):
        label = "malignant" if i % 3 == 0 else "benign"
        name = f"{i // 2:04d}-{'lr'[i % 2]}"
        row = f"bus_{name},{i // 2},cyst,{label},3,GE,99,99,left,[1]\n"
        rows.append(row)
        row = np.arange(60, 180, 2, dtype=np.uint8)
        picture = np.tile(row, (40 + i, 1))
        cv2.imwrite(str(tmp_path / f"Images/bus_{name}.png"), picture)
        picture[10:20, 10:30] = 255
        mask = (picture > 200).astype(np.uint8) * 255
        cv2.imwrite(str(tmp_path / f"Masks/mask_{name}.png"), mask)
    (tmp_path / "bus_data.csv").write_text("".join(rows))
    return tmp_path


def test_a_table_that_lacks_a_row_or_has_it_twice_is_told(root):
    table = root / "bus_data.csv"
    first, *rows = table.read_text().splitlines(keepends=True)
    table.write_text("".join([first, *rows[:-1]]))
    (row,) = layouts.find(root).check().itertuples()
    assert row.severity == "warning" and row.file.startswith("Images/bus_")
    table.write_text("".join([first, *rows, rows[0]]))
    with pytest.raises(busi.DataError, match="twice: keep one"):
        busbra.index(root)


def test_the_index_is_busis_with_patient_and_scanner(root):
    cases = busbra.index(root)
    assert list(cases)[: len(busi.COLUMNS)] == busi.COLUMNS
    assert len(cases) == 12 and cases["patient"].nunique() == 6
    # the picture's size, not the table's
    assert cases.loc[11, ["height", "width"]].tolist() == [51, 60]
    assert masks.merge(cases.loc[3, "masks"]).sum() == 200
    assert set(cases["scanner"]) == {"GE"} and cases["birads"].eq(3).all()


def test_what_is_missing_is_named(root):
    (root / "Masks" / "mask_0001-r.png").unlink()
    with pytest.raises(busi.DataError, match=r"1 files .*mask_0001-r\.png"):
        busbra.index(root)
    found = layouts.DataSet("busbra", root).check()
    assert found["file"].tolist() == ["Masks/mask_0001-r.png"]
    with pytest.raises(busi.DataError, match=r"holds no bus_data\.csv"):
        busbra.index(root / "Masks")
    found = layouts.DataSet("busbra", root / "Masks").check()
    assert list(found["severity"]) == ["fatal"]


def test_zenodos_zip_is_read_as_it_comes(root, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    archive = shutil.make_archive(
        str(tmp_path.parent / "BUSBRA"), "zip", tmp_path.parent, tmp_path.name
    )
    found = layouts.find(archive)
    assert found.layout == "busbra"
    assert found.cases["case"].tolist() == busbra.index(root)["case"].tolist()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [(",3,GE", ",4a,GE", "BIRADS is no number"), ("benign", "b", "'b'; use")],
)
def test_a_damaged_table_is_a_sentence(root, old, new, said):
    table = root / "bus_data.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(busi.DataError, match=said):
        busbra.index(root)
    found = layouts.DataSet("busbra", root).check()
    assert list(found["severity"]) == ["fatal"]
