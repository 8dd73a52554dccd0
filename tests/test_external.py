"""`make external`: a network on another set, good and bad."""

import sys

import pandas as pd
import pytest

from helpers.data import busi
from tools import external, predict


@pytest.fixture
def run(monkeypatch, model_file, tmp_path):
    def call(data, model=model_file):
        arguments = ["external", str(data), "--model", str(model)]
        arguments += ["--out", str(tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", arguments)
        external.main()
        return tmp_path / "out"

    return call


def test_one_table_with_intervals_by_scanner_and_one_page(run, own, capsys):
    out = run(own)
    table = pd.read_csv(out / "measures.csv")
    assert set(table["part"]) == {"all", "<X>", "Y"}
    assert {"dice", "missed", "normals_empty"} <= set(table["measure"])
    cases = pd.read_csv(out / "cases.csv")
    assert len(cases) == 6 and cases["group"].nunique() == 3
    dice = cases[cases["label"] != "normal"]["dice"].mean()
    row = table.query("part == 'all' and measure == 'dice'").iloc[0]
    assert row["value"] == pytest.approx(dice, abs=1e-4)
    page = (out / "page.html").read_text()
    assert "&lt;X&gt;" in page and "3 patients" in page
    assert "not a medical device" in page and "http" not in page
    assert "read nothing into these numbers" in page
    said = capsys.readouterr().out
    assert "6 of 6 images" in said
    assert "No thresholds were found beside the model" in said
    assert "thresholds are the usual ones" in page
    assert "model's own" not in page


def test_own_thresholds_are_used_and_shown(run, own, model_file, monkeypatch):
    beside = model_file.with_suffix(".json")
    beside.write_text('{"threshold": 0.31, "image_threshold": 1.0}')
    try:
        out = run(own)
    finally:
        beside.unlink()
    page = (out / "page.html").read_text()
    assert "threshold 0.31" in page and "are the model's own" in page
    # an image threshold that nothing reaches leaves all empty
    assert (pd.read_csv(out / "cases.csv")["area"] == 0).all()


def test_a_network_that_has_seen_the_set_is_said_to():
    class Found:
        layout = "busbra"

        def check():
            return pd.DataFrame({"severity": ["error", "warning"]})

    cases = pd.DataFrame({"label": ["benign"], "patient": [1]})
    card = {"by_set": {"busbra": 1100, "busi": 624}}
    said = external.warnings(Found, cases, card)
    assert any("1100 images of BUS-BRA" in sentence for sentence in said)
    assert any("no normal images" in sentence for sentence in said)
    assert any(sentence.startswith("1 files could not") for sentence in said)
    assert not any("thresholds" in sentence for sentence in said)


def test_what_is_no_set_or_no_model_is_one_sentence(run, own, tmp_path):
    with pytest.raises(predict.Refused, match="Give DATA"):
        run("")
    with pytest.raises(predict.Refused, match="does not exist"):
        run(own, tmp_path / "nothing.keras")
    (own / "masks" / "a3.png").unlink()
    with pytest.raises(busi.DataError, match=r"1 files .*masks/a3"):
        run(own)
    assert not (tmp_path / "out").exists()


def test_only_what_the_command_wrote_is_overwritten(run, own, tmp_path):
    out = run(own)
    names = ["cases.csv", "measures.csv", "page.html"]
    assert sorted(path.name for path in out.iterdir()) == names
    external.protect(out, own)
    for name in names:
        whole = (out / name).read_bytes()
        for strange in (b"mine", b""):
            (out / name).write_bytes(strange)
            with pytest.raises(predict.Refused, match=f"{name} was not"):
                external.protect(out, own)
        (out / name).write_bytes(whole)
    for name in reversed(names):  # stopped half-way
        (out / name).unlink()
        external.protect(out, own)
    (out / "page.html").mkdir()
    with pytest.raises(predict.Refused, match=r"page\.html was not"):
        external.protect(out, own)
    with pytest.raises(predict.Refused, match="among the data"):
        external.protect(own / "results", own)
    with pytest.raises(predict.Refused, match="cannot be written"):
        external.protect(own / "labels.csv" / "results", own / "images")


def test_a_part_without_lesions_is_not_said_to_have_some():
    row = {"n": 10, "value": 0.5, "low": 0.4, "high": 0.6}
    table = pd.DataFrame([{"part": "A", "measure": "normals_empty"} | row])
    facts = dict.fromkeys(("place", "data", "model", "groups", "date"), "")
    facts |= {"rule": {}, "own": True, "counts": {}, "few": external.FEW}
    assert "Only 0 lesion images" in external.page(facts, table, [])
