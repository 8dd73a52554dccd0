"""The page of what was tried says what its table says."""

import pandas as pd
from conftest import ROOT

from tools.site import tried_page

KEPT = ROOT / "results" / "experiments.csv"


def test_every_variant_is_on_the_page_with_its_scores():
    text = tried_page.page(KEPT)
    for row in pd.read_csv(KEPT).itertuples():
        line = next(
            x for x in text.splitlines() if x.startswith(f"| `{row.name}` |")
        )
        assert (
            f"| {row.dice:.3f} |" in line
            and f"| {row.image_auc:.3f} |" in line
        )


def test_gains_are_counted_and_a_missing_one_is_a_dash(tmp_path):
    table = pd.read_csv(KEPT)
    assert "none of the gains has" in tried_page.page(KEPT)
    table.loc[0, "gain_low"] = 0.01
    table.loc[1, ["gain", "gain_low", "gain_high"]] = float("nan")
    table.to_csv(tmp_path / "changed.csv", index=False)
    text = tried_page.page(tmp_path / "changed.csv")
    assert "1 of the gains has" in text and " | – | " in text
