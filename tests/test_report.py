"""The report of an image: what the mask bears out, and nothing else."""

import html.parser

from helpers.evaluation.postprocessing import RULE
from tools import report

ROW = {
    "file": "a <b> & c.png",
    "class": "malignant",
    "lesion_probability": 0.9,
    "p_normal": 0.1,
    "p_benign": 0.3,
    "p_malignant": 0.6,
    "area_pixels": 4000,
    "area_fraction": 0.04,
    "why": "vague outline; touches the edge",
    "notes": "",
}
SIZES = {"unit": "mm", "mm_down": 0.1, "mm_across": 0.1}
for size, value in (("length", 12.34), ("width", 8), ("area", 77)):
    SIZES |= {size: value, f"{size}_low": value - 1, f"{size}_high": value + 2}


class Text(html.parser.HTMLParser):
    """The words of a page, its open tags, and what it would load."""

    def __init__(self):
        super().__init__()
        self.words, self.open, self.sources = "", [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.sources += [v for k, v in attrs if k in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words += " ".join(data.split()) + " "


def page(**changes):
    made = report.page(
        ROW | changes,
        images={"The image": b"1", "Outlined": b"2"},
        shape=(200, 500),
        digest="d" * 64,
        model="small.keras",
        model_digest="e" * 64,
        rule=RULE,
    )
    text = Text()
    text.feed(made.decode())
    assert not text.open
    assert all(src.startswith("data:image/png;") for src in text.sources)
    return text.words


def test_a_report_tells_size_range_doubts_and_what_made_it():
    words = page(**SIZES)
    assert "a <b> & c.png" in words and "not a medical device" in words.lower()
    assert "12.3 mm (11.3 to 14.3)" in words
    assert "77.0 mm² (76.0 to 79.0)" in words
    assert "vague outline" in words and "touches the edge" in words
    assert "500 x 200 pixels" in words
    assert "d" * 64 in words and "e" * 64 in words and "small.keras" in words
    assert "60.0 %" in words and "rather malignant" in words


def test_without_millimetres_sizes_are_in_pixels():
    words = page(**SIZES | {"unit": "pixels"})
    assert "12 pixels (11 to 14)" in words and " mm " not in words


def test_a_report_without_an_outline_shows_none_and_no_size():
    words = page(area_pixels=0, area_fraction=0.0, why="")
    assert "no pixel is predicted as lesion" in words
    assert "so there is no size" in words and "longest" not in words
    assert "rather" not in words
    assert "may be wrong all the same" in words
