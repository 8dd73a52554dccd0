"""What is done to the notebooks before Sphinx makes pages of them."""

import re

import pytest
from conftest import ROOT

from tools.site import build, glossary, start_page

WORDS = glossary.words((ROOT / "pages" / "glossary.md").read_text())


def test_the_first_use_of_a_word_is_linked_and_no_other():
    link = glossary.linker(["Dice", "surface Dice", "mask"])
    assert link("Two masks: Dice, Surface\nDice.") == (
        "Two {term}`masks <mask>`: {term}`Dice <Dice>`, "
        "{term}`Surface Dice <surface Dice>`."
    )
    assert link("The mask and its Dice.") == "The mask and its Dice."


KEPT = """`mask`
# A mask
[a mask](x.md)
![a mask](x.png)
$mask$
<img alt="mask">
<summary>A mask?</summary>
https://mask.org/mask
mask-like, unmasked, masking""".splitlines()


BLOCKS = ["```python\nmask = 1\n```", "## References\n\n- On the mask."]


@pytest.mark.parametrize("text", KEPT + BLOCKS)
def test_nothing_is_linked_where_a_link_would_break_the_text(text):
    assert glossary.linker(["mask"])(text) == text


def test_the_glossary_explains_each_word_once():
    assert len(WORDS) >= 40 and len(set(map(str.lower, WORDS))) == len(WORDS)
    assert set(WORDS) >= glossary.EVERYDAY


def picture(alt):
    described = {"image/png": {"alt": alt}} if alt else {}
    return {"output_type": "display_data", "metadata": described}


def test_each_picture_of_a_cell_keeps_its_own_text():
    cell = {"id": "a", "source": "x", "metadata": {"tags": ["hide-input"]}}
    outputs = [picture(alt) for alt in ("", "one", "", "two", "three")]
    parts = list(build.one_picture_each({**cell, "outputs": outputs}))
    assert [o for part in parts for o in part["outputs"]] == outputs
    texts = [part["metadata"]["mystnb"]["image"]["alt"] for part in parts]
    assert texts == ["one", "two", "three"]
    assert parts[0]["source"] == "x"
    # MyST-NB shows no cell without a source, nor what it has to show
    assert all(part["source"].strip() for part in parts)
    assert len({part["id"] for part in parts}) == 3
    assert parts[0]["metadata"]["tags"] == ["hide-input"]
    assert parts[1]["metadata"]["tags"] == ["remove-input"]


def test_a_cell_without_pictures_stays_as_it_is():
    for cell in ({"metadata": {}}, {"metadata": {}, "outputs": [picture("")]}):
        assert list(build.one_picture_each(cell)) == [cell]


def test_a_link_to_a_notebook_that_did_not_run_becomes_text():
    text = "[A](A1_x.ipynb), [B](02_y.ipynb), [C](page.md)"
    shown = "[A](A1_x.ipynb), B, [C](page.md)"
    assert build.linked_to({"A1_x.ipynb"}, text) == shown


def test_the_start_page_links_to_the_notebooks_of_the_run_alone(tmp_path):
    (tmp_path / "00_start_here.ipynb").touch()
    text = start_page.page(tmp_path)
    rows = re.findall(r"^\| .*\b[0A]\d .*\|$", text, re.MULTILINE)
    assert len(rows) == len(list((ROOT / "notebooks").glob("*.ipynb")))
    assert text.count("](notebooks/") == 1 and "https:" not in text


def test_each_doi_that_is_cited_is_among_the_references():
    listed = (ROOT / "pages" / "references.md").read_text()
    cited = [*ROOT.glob("notebooks/*.py"), *ROOT.glob("*/README.md")]
    for path in cited:
        found = re.findall(r"https://doi\.org/([^)\s]+)", path.read_text())
        assert not [doi for doi in found if doi not in listed], path.name
