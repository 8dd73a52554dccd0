"""The page of what was tried says what its table says."""

import pandas as pd

from helpers.files import ROOT
from tools.site import tried_page

KEPT = ROOT / "results" / "experiments.csv"


def test_every_variant_is_on_the_page_with_its_scores():
    lines = tried_page.page(KEPT).splitlines()
    for row in pd.read_csv(KEPT).itertuples():
        (line,) = (x for x in lines if x.startswith(f"| `{row.name}` |"))
        assert f"| {row.dice:.3f} |" in line
        assert f"| {row.image_auc:.3f} |" in line


def test_gains_are_counted_and_a_missing_one_is_a_dash(tmp_path):
    table = pd.read_csv(KEPT)
    none = " ".join(tried_page.page(KEPT).split())
    assert "none of the gains has" in none
    table.loc[0, "gain_low"] = 0.01
    table.loc[1, ["gain", "gain_low", "gain_high"]] = float("nan")
    table.to_csv(tmp_path / "changed.csv", index=False)
    text = " ".join(tried_page.page(tmp_path / "changed.csv").split())
    assert "1 of the gains has" in text and " | – | " in text
