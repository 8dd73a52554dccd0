"""The results explorer: Python's figures in the browser, and its page."""

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers.data import masks
from helpers.evaluation import (
    bootstrap,
    error_analysis,
    metrics,
    postprocessing,
)
from tools.research import explorer
from tools.site import explorer_page, templates
from tools.site.browser import Tab

KEPT = json.loads(explorer_page.KEPT.read_text())
MOST_BYTES = 1_000_000
PHONE = {"width": 390, "height": 844, "is_mobile": True, "has_touch": True}
SCORES = """([data, rules]) => {
  const { score } = explorer.scoring(data);
  return data.cases.map((one) => rules.map((rule) => score(one, rule)));
}"""
FIGURES = """([data, split, rule]) => {
  const { score } = explorer.scoring(data);
  const scores = data[split].map((record) => score(record, rule));
  const all = explorer.measured(data[split], scores, data.settings);
  const found = Object.entries(all).map(([name, values]) =>
    [name, explorer.interval(values)]);
  const means = found.map(([name, { mean }]) => [name, mean]);
  const utility = explorer.utility(Object.fromEntries(means), data.settings);
  return { ...Object.fromEntries(found), utility };
}"""
RULES = [
    {"threshold": t, "minimum_area": area, "image_threshold": least}
    for t in (0.1, 0.3, 0.5, 0.75)
    for area in (0.0, 0.0005, 0.01)
    for least in (0.0, 0.5, 0.825)
]


@pytest.fixture(scope="module")
def scripts(browser):
    """A function: what a function of the page's scripts returns."""
    page = browser.new_page()
    for name in ("rule", "bootstrap"):
        page.add_script_tag(path=explorer_page.HERE / f"{name}.js")
    yield page.evaluate
    page.close()


def disc(y, x, radius, shape=(96, 120)):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


ONE, OTHER = disc(40, 40, 18), disc(40, 85, 12)
SHADOW, BRIDGE = disc(75, 40, 18), ONE & False
BRIDGE[38:43, 40:85] = True
PREDICTED = {  # kind of error: (reference, prediction)
    "nothing marked": (ONE, ONE & False),
    "elsewhere": (ONE, OTHER),
    "split": (ONE, disc(40, 28, 8) | disc(40, 52, 8)),
    "merged": (ONE | OTHER, ONE | OTHER | BRIDGE),
    "too small": (ONE, disc(40, 40, 12)),
    "spills below": (ONE, ONE | SHADOW),
    "too large": (ONE, disc(26, 40, 26)),
    "ragged": (ONE, disc(40, 49, 18)),
    "good": (ONE, disc(40, 41, 18)),
    "falsely marked": (ONE & False, OTHER),
    "correctly empty": (ONE & False, ONE & False),
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Cases of all kinds, with specks, vague edges and several lesions."""
    folder, made = tmp_path_factory.mktemp("masks"), []
    rng = np.random.default_rng(0)
    rounds = list(PREDICTED.items()) * 3
    for n, (kind, (reference, prediction)) in enumerate(rounds):
        reference = reference.copy()
        reference[90:93, 10:13] = n % 2 and reference.any()  # a speck
        path = folder / f"{n}.png"
        cv2.imwrite(str(path), np.uint8(255 * reference))
        # two rounds as they are, one vague and noisy
        square = masks.letterbox(prediction, 64)[0].astype(np.float32)
        if n >= 2 * len(PREDICTED):
            noise = rng.normal(0, 1, square.shape).astype(np.float32)
            square = cv2.GaussianBlur(square, (0, 0), 3)
            square += 2 * cv2.GaussianBlur(noise, (0, 0), 2)
        lesion = np.clip(square, 0.02, 0.97) * rng.uniform(0.7, 1)
        share = rng.uniform(0, 1)
        classes = [1 - lesion, lesion * (1 - share), lesion * share]
        label = rng.choice(["benign", "malignant"])
        made.append(
            SimpleNamespace(
                case=f"{kind} {n}",
                label=label if reference.any() else "normal",
                group=f"group {n // 2}",
                masks=[path],
                classes=np.stack(classes, axis=-1).astype(np.float16),
            )
        )
    return made


def expected(case, rule):
    """Return what `score` of rule.js must return, from the helpers."""
    reference = masks.merge(case.masks)
    box = masks.Letterbox.of(*reference.shape, len(case.classes))
    mask = postprocessing.lesion_mask(case.classes, box, **rule)
    p = explorer.classification.image_probabilities(case.classes)
    likelier = max(("benign", "malignant"), key=p.get)
    if case.label == "normal":
        kind = explorer_page.NORMALS[not mask.any()]
    else:
        scores = pd.DataFrame([metrics.case_scores(reference, mask)])
        (kind,) = error_analysis.kinds(scores)
    return {
        "area": mask.sum(),
        "dice": pytest.approx(metrics.dice(reference, mask)),
        "called": likelier if mask.any() else "normal",
        "kind": kind,
    }


def test_every_rule_makes_of_a_case_what_python_makes_of_it(scripts, cases):
    data = {
        "thresholds": explorer.THRESHOLDS.tolist(),
        "settings": explorer_page.settings(),
        "cases": [explorer.record(c, *explorer.restored(c)) for c in cases],
    }
    found, kinds = scripts(SCORES, [data, RULES]), set()
    for case, scores in zip(cases, found, strict=True):
        for rule, score in zip(RULES, scores, strict=True):
            assert score == expected(case, rule), (case.case, rule)
            kinds.add(score["kind"])
    assert kinds == {*error_analysis.KINDS, *explorer_page.NORMALS}


@pytest.mark.parametrize("copies", [1, 3])
def test_intervals_are_those_of_the_bootstrap_over_groups(scripts, copies):
    rng = np.random.default_rng(copies)
    values = np.repeat(rng.beta(0.8, 0.4, 150), copies)
    groups = np.repeat(np.arange(150), copies).astype(str)
    groups[:20] = "one group"
    given = {"values": values.tolist(), "groups": groups.tolist()}
    found = scripts("given => explorer.interval(given)", given)
    mean, low, high = bootstrap.interval(values, groups)
    assert found["mean"] == pytest.approx(mean)
    assert found["low"] == pytest.approx(low, abs=0.06 * (high - low))
    assert found["high"] == pytest.approx(high, abs=0.06 * (high - low))
    assert scripts("given => explorer.interval(given)", given) == found
    one = scripts("() => explorer.interval({values: [1], groups: ['a']})")
    assert one["mean"] == 1 and np.isnan([one["low"], one["high"]]).all()


@pytest.mark.parametrize("split", ["validation", "held_out"])
def test_the_kept_cases_give_the_figures_that_python_kept(scripts, split):
    data = {**KEPT, "settings": explorer_page.settings()}
    found = scripts(FIGURES, [data, split, KEPT["chosen"]])
    for name, (mean, low, high) in KEPT["figures"][split].items():
        assert found[name]["mean"] == pytest.approx(mean)
        near = 0.06 * (high - low) + 0.005  # shares of few cases jump
        assert found[name]["low"] == pytest.approx(low, abs=near)
        assert found[name]["high"] == pytest.approx(high, abs=near)
    names = "dice", "missed", "empty"
    dice, missed, empty = (found[name]["mean"] for name in names)
    worth = dice - postprocessing.MISS * missed + postprocessing.EMPTY * empty
    assert found["utility"] == pytest.approx(worth)


def test_the_page_and_its_data_are_small_and_hold_no_picture(tmp_path):
    explorer_page.add(tmp_path)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in written) < MOST_BYTES
    assert {path.suffix for path in written} == {".js", ".css", ".md"}
    assert "base64" not in (tmp_path / "_static/explorer/data.js").read_text()


def test_the_chosen_rule_can_be_set_and_outlines_fit_the_parts():
    for name, values in (
        ("threshold", KEPT["thresholds"]),
        ("minimum_area", KEPT["minimum_areas"]),
        ("image_threshold", KEPT["image_thresholds"]),
    ):
        assert KEPT["chosen"][name] in values
    at = [KEPT["thresholds"].index(t) for t in KEPT["outlined"]]
    for case in KEPT["held_out"]:
        kept = [len(case["parts"][k]) for k in at]
        assert kept == [len(paths) for paths in case["outlines"]]
        assert bool(case["lesions"]) == (case["label"] != "normal")
        assert bool(case["lesions"]) == bool(case["truth"])


@pytest.fixture
def opened(tab, home):
    """A function that opens the page in a fresh tab."""

    def open_page(**options):
        seen = tab(**options)
        seen.page.goto(f"{home}results_explorer.html")
        seen.page.wait_for_selector("#explorer-app:visible")
        return seen.page

    return open_page


def table(page, split="validation"):
    """Return the words of a table's cells, {row: [your rule, chosen rule]}."""
    rows = page.locator(f"#explorer-{split} tbody tr").all()
    texts = [row.locator("th, td").all_inner_texts() for row in rows]
    return {head.strip(): cells for head, *cells in texts}


def reveal(page):
    page.click("#explorer-reveal")
    page.wait_for_selector("#explorer-revealed:visible")


def test_it_opens_on_the_chosen_rule_with_validation_figures_only(opened):
    page = opened()
    figures = KEPT["figures"]["validation"]
    found = table(page)
    assert f"{figures['dice'][0]:.2f} (" in found["lesion Dice"][0]
    assert all(one == other for one, other in found.values())
    assert page.is_disabled("#explorer-reset")
    assert not page.is_visible("#explorer-held_out")
    assert page.locator("#explorer-held_out tbody tr").count() == 0
    assert page.locator("#explorer-cases li").count() == 0
    assert page.locator("#explorer-chart .held_out").count() == 0
    assert "Held" not in page.get_attribute("#explorer-chart", "aria-label")
    for name in ("held_out", "new"):
        known = explorer_page.triple(KEPT["figures"][name]["dice"])
        told = templates.interval(known)
        assert told not in page.inner_text("article")
    reveal(page)
    assert told in page.inner_text("article")


def test_by_keyboard_alone_a_rule_is_moved_revealed_and_reset(opened):
    page = opened()
    page.focus("#explorer-threshold")
    press = page.keyboard.press
    names = "threshold", "minimum_area", "image_threshold"
    for name in names:
        focused = "document.activeElement.id"
        assert page.evaluate(focused) == f"explorer-{name}"
        before = page.inner_text(f"#explorer-{name}-number")
        press("End")
        press("ArrowLeft")
        after = page.inner_text(f"#explorer-{name}-number")
        assert after != before
        spoken = page.get_attribute(f"#explorer-{name}", "aria-valuetext")
        assert spoken.startswith(after) and "lesion Dice" in spoken
        press("Tab")
    missed = [text.split()[0] for text in table(page)["lesions missed"]]
    assert int(missed[0]) > int(missed[1])
    assert page.evaluate(focused) == "explorer-reset"
    press("Enter")
    found = table(page)
    assert all(one == other for one, other in found.values())
    page.focus("#explorer-reveal")
    press("Enter")
    assert page.evaluate(focused) == "explorer-held-out-head"
    dice = KEPT["figures"]["held_out"]["dice"][0]
    assert f"{dice:.2f} (" in table(page, "held_out")["lesion Dice"][0]
    press("Tab")
    assert page.evaluate(focused) == "explorer-kind"


def test_who_goes_on_choosing_on_held_out_cases_is_told(opened):
    page = opened()
    page.press("#explorer-threshold", "ArrowRight")
    reveal(page)
    assert not page.is_visible("#explorer-looked")
    for _ in range(2):
        page.press("#explorer-image_threshold", "ArrowRight")
    assert page.inner_text("#explorer-looked-count") == "3"
    assert page.locator("#explorer-chart .held_out circle").count() == 1


def test_cases_are_filtered_sorted_and_drawn_as_outlines(opened):
    page = opened()
    reveal(page)
    cards = page.locator("#explorer-cases li")
    every = len(KEPT["held_out"])
    assert f"{every} of {every} cases" in page.inner_text("#explorer-count")
    assert cards.count() == 12
    page.focus("#explorer-more")
    page.keyboard.press("Enter")
    assert cards.count() == 24
    focused = "[...document.activeElement.parentElement.children].indexOf("
    assert page.evaluate(f"{focused}document.activeElement)") == 12
    page.select_option("#explorer-kind", "good")
    page.select_option("#explorer-order", "best")
    texts = cards.all_inner_texts()
    assert all(", good" in text for text in texts) and len(texts) == 12
    dice = [float(t.split("Dice ")[1].split(",")[0]) for t in texts]
    assert dice == sorted(dice, reverse=True) and dice[0] > 0.9
    said = page.inner_text("#explorer-kind option:checked")
    listed = page.inner_text("#explorer-count").split()[0]
    assert said == f"good ({listed})"
    page.select_option("#explorer-kind", "")
    page.select_option("#explorer-cause", "small")
    page.select_option("#explorer-label", "malignant")
    left = [
        case
        for case in KEPT["held_out"]
        if case["label"] == "malignant" and "small" in case["causes"]
    ]
    assert page.inner_text("#explorer-count").startswith(f"{len(left)} of")
    assert all("malignant" in text for text in cards.all_inner_texts())
    drawn = cards.first.locator("path").evaluate_all(
        "all => all.map((one) => one.getBBox().width)"
    )
    assert max(drawn) > 0
    pictures = page.locator(":is(.explorer) :is(img, image, canvas)")
    assert pictures.count() == 0


def test_where_a_rule_marks_nothing_it_shows_what_it_dropped(opened):
    page = opened()
    page.press("#explorer-image_threshold", "End")
    page.press("#explorer-minimum_area", "End")
    reveal(page)
    page.select_option("#explorer-kind", "nothing marked")
    paths = page.locator("#explorer-cases")
    drawn = {
        name: paths.locator(f".{name}").evaluate_all(
            "all => all.map((path) => path.getAttribute('d'))"
        )
        for name in ("predicted", "dropped", "truth")
    }
    assert len(drawn["truth"]) == 12 and all(drawn["truth"])
    assert not any(drawn["predicted"]) and any(drawn["dropped"])


def test_a_phone_shows_all_of_it_and_it_can_be_pressed(opened):
    page = opened(**PHONE)
    reveal(page)
    wide = "() => document.scrollingElement.scrollWidth - innerWidth"
    assert page.evaluate(wide) <= 0
    visible = ".explorer :is(button, select, input):visible"
    for part in page.locator(visible).all():
        box = part.bounding_box()
        assert min(box["width"], box["height"]) >= 24
    cut = """() => [...document.querySelectorAll(".explorer table")]
      .filter((one) => one.scrollWidth > one.parentElement.clientWidth)"""
    assert page.evaluate(f"({cut})().length") == 0


def test_it_works_from_a_disk_and_nothing_moves(browser, site):
    seen = Tab(browser, site.as_uri(), reduced_motion="reduce")
    seen.page.goto((site / "results_explorer.html").as_uri())
    seen.page.wait_for_selector("#explorer-app:visible")
    seen.page.press("#explorer-threshold", "ArrowRight")
    moving = """document.querySelector("article").getAnimations(
      { subtree: true }).length"""
    assert seen.page.evaluate(moving) == 0
    reveal(seen.page)
    assert seen.page.locator("#explorer-cases li").count() == 12
    assert seen.errors == [] and seen.foreign == []
    seen.context.close()
