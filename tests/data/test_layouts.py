"""A set of one's own is read from a folder; any other is named."""

import builtins
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from helpers.data import busi, layouts, masks, sources
from tools import check_data


def rewrite(own, change):
    table = pd.read_csv(own / "labels.csv")
    change(table).to_csv(own / "labels.csv", index=False)


def test_a_folder_gives_the_table_of_busi_with_patients(own):
    found = layouts.find(own.parent)
    assert (found.layout, found.root) == ("folder", own)
    assert found.check().empty
    cases = found.cases
    assert list(cases)[: len(busi.COLUMNS)] == busi.COLUMNS
    assert cases["label"].tolist() == ["benign", "malignant", "normal"] * 2
    assert cases["group"].nunique() == 3
    assert cases["height"].tolist() == [50, 51, 52, 53, 54, 55]
    assert masks.merge(cases["masks"][0]).sum() == 200
    assert busi.load_arrays(cases, 32)[1].max() == 2


def test_without_patients_near_copies_share_a_group(own):
    shutil.copy(own / "images/a0.png", own / "images/a6.png")
    shutil.copy(own / "masks/a0.png", own / "masks/a6.png")
    row = pd.DataFrame({"file": ["a6"], "label": ["benign"]})
    rewrite(own, lambda t: pd.concat([t[["file", "label"]], row]))
    cases = layouts.find(own).cases.set_index("case")
    assert "patient" not in cases
    assert cases["group"]["a0"] == cases["group"]["a6"]
    assert cases["group"].nunique() == 6


def test_semicolons_and_a_byte_order_mark_are_read(own):
    text = (own / "labels.csv").read_text().replace(",", ";")
    (own / "labels.csv").write_text(text, encoding="utf-8-sig")
    assert len(layouts.find(own).cases) == 6


def refused(own, match):
    with pytest.raises(busi.DataError, match=match):
        layouts.find(own).cases  # noqa: B018, read when asked for
    assert len(layouts.find(own).check())


def test_each_fault_of_the_table_is_one_sentence(own):
    whole = (own / "labels.csv").read_text()
    for old, new, match in (
        ("a1.png,Malignant", "a1.png,cancer", "label of a1 is 'cancer'"),
        ("a1.png", "a0.png", "names a0 twice"),
        ("a1.png,Malignant", "a1.png,", "line 3: label is empty"),
        ("file,", "name,", "has no column file"),
        (whole, "file,label\n", "has no row"),
        ("p1", " ", "patient is empty"),
        ("a1.png", "/a1.png", "line 3: file is no name"),
        ("a1.png", "./a0.png", "line 3: file is no name"),
        ("a1.png", "a1.jpg", r"line 3: file does not end in \.png"),
        ("<X>", "all", "scanner is called 'all'"),
        (whole, "", "is no table|no column"),
    ):
        (own / "labels.csv").write_text(whole.replace(old, new))
        refused(own, match)
    (own / "labels.csv").write_text(whole.replace("X", "Ü"), "latin-1")
    refused(own, "save it as CSV UTF-8")


def test_blanks_around_a_value_are_no_part_of_it(own):
    whole = (own / "labels.csv").read_text()
    blank = whole.replace("p1", " p1 ", 1).replace("benign", " benign", 1)
    (own / "labels.csv").write_text(blank)
    assert layouts.find(own).cases["patient"].nunique() == 3


def test_each_fault_of_a_file_is_named_and_nothing_left_out(own):
    blank = np.zeros((50, 64), np.uint8)
    cv2.imwrite(str(own / "masks/a0.png"), blank)
    refused(own, "1 files .*masks/a0.png: benign image with an empty mask")
    (own / "images/a1.png").unlink()
    refused(own, "2 files")
    found = layouts.find(own).check()
    assert set(found["file"]) == {"masks/a0.png", "images/a1.png"}


def test_initials_like_na_are_read_and_rows_too_long_are_refused(own):
    table = own / "labels.csv"
    table.write_text(table.read_text().replace("p0", "NA"))
    found = layouts.find(own)
    assert found.cases["patient"].tolist()[:2] == ["NA", "NA"]
    (row,) = found.check().itertuples()
    assert row.severity == "warning" and "'NA' has 2 images" in row.problem
    first, *rows = table.read_text().splitlines()
    table.write_text("\n".join([first, *(f"{row},more" for row in rows)]))
    with pytest.raises(busi.DataError, match="is no table"):
        assert layouts.find(own).cases.empty


def test_of_several_sets_one_has_to_be_named(own, phantom_root, tmp_path):
    both = tmp_path / "both"
    shutil.copytree(own, both / "mine")
    (both / "busi").symlink_to(phantom_root)
    with pytest.raises(busi.DataError, match=r"several sets.*mine.*busi"):
        layouts.find(both)
    # what lies below the set that was given is not meant
    copy = shutil.copytree(phantom_root, tmp_path / "set")
    shutil.copytree(own, copy / "mine")
    assert layouts.find(copy).layout == "busi"


def test_an_image_without_a_row_is_a_warning(own):
    rewrite(own, lambda t: t.iloc[:-1])
    for name in (".DS_Store", "Thumbs.db"):  # of which nobody wants to hear
        (own / "images" / name).write_bytes(b"x")
    assert len(layouts.find(own).cases) == 5
    (row,) = layouts.find(own).check().itertuples()
    assert (row.severity, row.file) == ("warning", "images/a5.png")


def test_a_report_and_the_cases_read_each_picture_once(own, monkeypatch):
    examine_case, seen = busi.examine_case, []

    def counting(item):
        seen.append(item[1])
        return examine_case(item)

    monkeypatch.setattr(busi, "examine_case", counting)
    assert len(check_data.cases_of(layouts.find(own))) == 6
    assert sorted(seen) == [f"a{i}" for i in range(6)]


def test_the_fingerprint_follows_pictures_and_table(own):
    before = layouts.find(own).fingerprint
    rewrite(own, lambda t: t.assign(scanner="Z"))
    changed = layouts.find(own).fingerprint
    (own / "images/a0.png").write_bytes((own / "images/a1.png").read_bytes())
    assert len({before, changed, layouts.find(own).fingerprint}) == 3


LOOKS = {
    "BUS-UCLM": ["images/ALWI_000.png", "masks/ALWI_000.png", "INFO.csv"],
    "BrEaST": ["case001.png", "case001_tumor.png"],
    "Hugging Face": ["data/train-00000-of-00001.parquet", "README.md"],
    "it holds 2 .png, in x/": ["x/1.png", "x/2.png"],
    "it holds no file": [],
}


@pytest.mark.parametrize("said", LOOKS)
def test_any_other_layout_is_named_with_what_to_do(tmp_path, said):
    for name in LOOKS[said]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(busi.DataError, match=said) as caught:
        layouts.find(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "data/README.md" in str(caught.value)


def test_a_place_that_is_not_there_or_no_zip(tmp_path):
    with pytest.raises(busi.DataError, match="does not exist"):
        layouts.find(tmp_path / "nothing")
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(busi.DataError, match="is not a zip"):
        layouts.find(tmp_path / "x.zip")
    long = tmp_path / ("x" * 300)
    for given in (layouts.find, sources.locate):
        with pytest.raises(busi.DataError, match="name too long"):
            given(long)


def test_a_zip_that_may_not_be_read_is_not_called_empty(tmp_path, monkeypatch):
    archive = Path(shutil.make_archive(tmp_path / "x", "zip", ROOT / "docs"))
    opened = open

    def refuse(path, *more, **options):
        if path == archive:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *more, **options)

    monkeypatch.setattr(builtins, "open", refuse)
    for given in (layouts.find, sources.locate):
        with pytest.raises(busi.DataError, match="change its permissions"):
            given(archive)


def block(word):
    """Return the Python of data/README.md that lays a set out."""
    text = (ROOT / "data" / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (found,) = (code for code in blocks if word in code)
    return found


def test_the_lines_for_bus_uclm_lay_it_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder_ in ("images", "masks"):
        (tmp_path / "BUS-UCLM" / folder_).mkdir(parents=True)
    colours = {"ANAT_000": 0, "ANAT_001": 1, "BIBO_000": 2}  # of B, G, R
    for name, channel in colours.items():
        mask = np.zeros((40, 50, 3), np.uint8)
        mask[5:15, 5:25, channel] = 255 * (channel > 0)
        image = np.tile(np.arange(50, dtype=np.uint8), (40, 1))
        for folder_, pixels in (("images", image), ("masks", mask)):
            path = f"BUS-UCLM/{folder_}/{name}.png"
            cv2.imwrite(path, pixels)
    exec(block("BUS-UCLM"), {})
    cases = layouts.find("BUS-UCLM").cases.set_index("case")
    assert cases["label"].tolist() == ["normal", "benign", "malignant"]
    assert cases["patient"].tolist() == ["ANAT", "ANAT", "BIBO"]


def test_the_lines_for_breast_lay_it_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "BrEaST").mkdir()
    rows = ["CaseID,Image_filename,Classification"]
    for i, label in enumerate(["benign", "malignant", "normal"]):
        pixels = np.tile(np.arange(50, dtype=np.uint8) + 60, (40, 1))
        cv2.imwrite(f"BrEaST/case00{i}.png", pixels)
        if label != "normal":
            pixels[5:20, 5:20] = 255
            mask = (pixels > 200).astype(np.uint8) * 255
            cv2.imwrite(f"BrEaST/case00{i}_tumor.png", mask)
        rows.append(f"{i},case00{i}.png,{label}")
    (tmp_path / "breast.csv").write_text("\n".join(rows))
    exec(block("BrEaST"), {})
    cases = layouts.find("my_set").cases
    assert cases["label"].tolist() == ["benign", "malignant", "normal"]
    assert masks.merge(cases["masks"][1]).sum() == 225


def test_the_lesson_says_where_another_set_belongs(own, capsys):
    with pytest.raises(busi.DataError, match="as EXTERNAL to `make run-all`"):
        sources.locate(str(own))
    check_data.main(str(own))
    assert "It can be used as EXTERNAL" in capsys.readouterr().out
    cv2.imwrite(str(own / "masks/a0.png"), np.zeros((50, 64), np.uint8))
    with pytest.raises(busi.DataError, match="1 files"):
        check_data.main(str(own))
    assert "masks/a0.png: benign image with" in capsys.readouterr().out


def test_a_table_without_its_images_is_not_taken_for_a_set(phantom_root):
    (phantom_root.parent / "labels.csv").write_text("file,label\n")
    try:
        found = layouts.find(phantom_root.parent)
        assert found.layout == "busi"
        assert found.fingerprint == busi.fingerprint(phantom_root)
    finally:
        (phantom_root.parent / "labels.csv").unlink()
