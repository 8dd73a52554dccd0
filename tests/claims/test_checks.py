"""The rule of the verdicts, the checks, and the results that are kept."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from helpers.claims import checks

RESULTS = ROOT / "results"
FIVE_FOLDS = RESULTS / "busi-cpu-five-folds"


@pytest.fixture(scope="module")
def kept():
    return checks.read(RESULTS)


OUTCOMES = {"+": checks.HOLDS, "-": checks.FAILS, "?": checks.UNCLEAR}


def outcomes(claim, dice, cost=None, settings=None):
    """Return the outcomes of a claim's checks, as letters of OUTCOMES."""
    found = checks.checks_of(claim, dice, cost, settings)
    letters = {outcome: letter for letter, outcome in OUTCOMES.items()}
    return "".join(letters[check["outcome"]] for check in found)


@pytest.mark.parametrize("needs", ["> 0.1", "< 0.5"])
def test_a_check_holds_or_not_only_beyond_its_bound(needs):
    # on the side asked for, on the other, on both, of fewer than two groups
    beyond, other = [(0.2, 0.4), (-0.2, 0.0)], [(0.2, 0.4), (0.6, 0.7)]
    ends = beyond if needs == "> 0.1" else other
    ends = [*ends, (0.05, 0.6), (np.nan, np.nan)]
    found = [checks.check(1, "", (0.3, *pair), needs) for pair in ends]
    wanted = [OUTCOMES[letter] for letter in "+-??"]
    assert [check["outcome"] for check in found] == wanted


VERDICTS = {"++": "holds", "--": "does not hold", "??": "not shown"}
VERDICTS |= {"?+": "holds in part", "-?": "fails in part"}
VERDICTS |= {"-?+": "holds in part, fails in part"}


@pytest.mark.parametrize(("letters", "verdict"), VERDICTS.items())
def test_the_verdict_follows_from_the_checks(letters, verdict):
    own = [{"claim": 3, "outcome": OUTCOMES[letter]} for letter in letters]
    assert checks.verdicts(own).to_dict() == {3: verdict}


def test_a_network_that_did_not_learn_shows_nothing():
    shape = {"label alone": 0.3, "plain speckle": 0.2, "plain marks": 0.2}
    rest = {"noisy speckle": 0.2, "noisy marks": 0.2}
    assert outcomes(6, scored(plain=0.2, **shape, **rest)) == "????"
    assert outcomes(6, scored(plain=0.7, **shape, **rest))[:2] == "--"


def test_the_mean_over_seeds_takes_that_method_alone():
    columns = {"a s0": [0.0, 1], "a s1": [1.0, 1], "a b s0": [9.0, 9], "b": 5}
    columns |= {"a speckle": 9}
    dice = pd.DataFrame(columns)
    assert checks.mean_of(dice, "a").tolist() == [0.5, 1]
    assert checks.mean_of(dice, "b").tolist() == [5, 5]
    with pytest.raises(KeyError, match="'c' has not been scored"):
        checks.mean_of(dice, "c")


def test_a_power_law_is_found_again_and_predicts_twice_the_data():
    n = np.array([10, 50, 100, 400])
    assert checks.power_law(n, 0.9 * n**-0.3) == pytest.approx([0.9, 0.3])
    dice = pd.DataFrame({f"share-{k}": [1 - 0.9 * k**-0.3] * 4 for k in n})
    dice["group"], dice["label alone"] = list("abcd"), 0.0
    counts = {int(k): int(k) for k in n}
    wanted = 0.9 * 400**-0.3 - 0.9 * 800**-0.3
    gain = checks.doubling(dice, counts)
    assert gain == pytest.approx([wanted] * 3, rel=1e-3)
    # a last point that the others do not foretell makes the interval wider
    dice["share-400"] -= 0.1
    gain, low, high = checks.doubling(dice, counts)
    assert low < gain - 0.09 and high > gain + 0.09
    # and no law goes through what is no better than a fixed shape
    dice["label alone"] = dice["share-10"]
    assert np.isnan(checks.doubling(dice, counts)).all()


def test_a_loss_at_the_floor_is_not_shown():
    shares = {"share-10": 0.0, "share-100": 0.6, "label alone": 0.3}
    settings = {"counts": {10: 11, 100: 108}}
    assert outcomes(8, scored(**shares), None, settings) == "??"
    shares["share-10"] = 0.4
    assert outcomes(8, scored(**shares), None, settings) == "+?"


def test_a_larger_share_of_the_groups_holds_the_smaller():
    groups = np.repeat([f"g{i}" for i in range(20)], 2)
    small, large = (checks.share_of_groups(groups, p, 0) for p in (10, 50))
    assert small.sum() == 4 and large.sum() == 20 and large[small].all()
    assert checks.share_of_groups(groups, 0, 0).sum() == 2
    assert (checks.share_of_groups(groups, 50, 1) != large).any()


def scored(**means):
    """Return a table of 60 cases, each a group of its own, by mean Dice."""
    rng, n = np.random.default_rng(0), 60
    table = pd.DataFrame({"group": map(str, range(n))})
    table["area"] = np.linspace(0.01, 0.3, n)
    for name, mean in ({"label alone": 0.2, "toy shape": 0.2} | means).items():
        table[name] = np.clip(mean + rng.normal(0, 0.05, n), 0, 1)
    return table


def test_noise_is_judged_by_what_is_lost_and_won_back():
    plain = {"plain": 0.8, "plain speckle": 0.79, "plain marks": 0.6}
    noisy = {"noisy speckle": 0.8, "noisy marks": 0.8}
    assert outcomes(6, scored(**plain, **noisy)) == "+-?+"


def test_accuracy_is_judged_against_the_best_classical_method():
    dice = scored(network=0.8, A=0.3, B=0.5, **{"copy-nearest": 0.2})
    settings = {"classical": ["A", "B"]}
    assert outcomes(7, dice, None, settings) == "++"
    # of the cases that are outlined twice alone, case by case
    dice[checks.SECOND] = (dice["network"] + 0.01).where(dice["area"] < 0.2)
    assert outcomes(7, dice, None, settings) == "++-"
    found = checks.checks_of(7, dice, None, settings)
    assert found[0]["asks"].endswith("B")


def test_scales_are_judged_by_the_smallest_quarter_and_the_depth():
    dice = scored(**{"network": 0.8, "share-100": 0.8, "depth-2": 0.5})
    dice.loc[:14, "network"] = 0.2
    assert outcomes(5, dice) == "-+"


def test_cost_is_judged_in_core_minutes():
    rows = [(16, 128, 0.01), (16, 128, 0.012), (64, 256, 0.9), (64, 256, 1.0)]
    cost = pd.DataFrame(rows, columns=["width", "size", "train_s"])
    settings = {"images": 400, "epochs": 24}
    settings["networks"] = [(16, 128), (64, 256)]
    cheap, dear = checks.checks_of(9, None, cost, settings)
    assert cheap["value"] == pytest.approx(0.011 * 400 * 24 / 60)
    assert cheap["outcome"] == checks.FAILS
    assert dear["outcome"] == checks.HOLDS
    with pytest.raises(KeyError, match="width 16 at 128 pixels"):
        checks.checks_of(9, None, cost[2:], settings)


def test_each_kept_mean_follows_from_the_cases(kept):
    dice, _, settings = kept
    trials = pd.read_csv(RESULTS / "claims.csv")
    assert not settings["simulated"] and len(trials) > 10
    for trial in trials.itertuples():
        interval = trial.dice, trial.low, trial.high
        found = checks.mean_interval(dice, dice[trial.answer])
        assert interval == pytest.approx(found, abs=1e-4)
        assert trial.n == dice[trial.answer].count() > 0


def test_the_network_of_claims_5_and_7_is_that_of_the_five_folds(kept):
    own = kept[0].set_index("case")["network"].dropna()
    scores = pd.read_csv(FIVE_FOLDS / "scores.csv", index_col="case")
    lesions = scores["dice"][scores["label"] != "normal"]
    assert set(own.index) == set(lesions.index)
    assert (own - lesions).abs().max() < 1e-4


def test_the_development_split_is_kept_to(kept):
    """What was trained for this table is scored on fold 1 alone."""
    fold = pd.read_csv(FIVE_FOLDS / "folds.csv", index_col="case")["fold"]
    dice = kept[0].set_index("case")
    for column in pd.read_csv(RESULTS / "claims.csv")["answer"]:
        cases = dice.index[dice[column].notna()]
        assert column.startswith("toy") or set(fold[cases]) == {1}, column
