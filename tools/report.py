"""The report of one image: a page of HTML that prints on one sheet."""

import base64
import datetime
import functools

import jinja2  # comes with Jupyter

from helpers import figures
from helpers.evaluation import lesion_size
from helpers.files import ROOT

NAMES = {
    "length": "longest diameter",
    "width": "width at right angles to it",
    "area": "area",
}
RULE = {
    "threshold": "a pixel is lesion above",
    "minimum_area": "parts are dropped below this share of the image",
    "image_threshold": "no outline where the image's lesion probability is "
    "below",
}


def page(row, images, shape, digest, model, model_digest, rule):
    """Return the page, bytes.

    row: the image's row of predictions.csv; images: {title: PNG's bytes};
    shape: (height, width); digest, model_digest: SHA-256 of the two files;
    rule: as `postprocessing.lesion_mask` has it.
    """
    now = datetime.datetime.now().astimezone()
    text = template("report.html.jinja").render(
        row=row,
        images={
            k: base64.b64encode(png).decode() for k, png in images.items()
        },
        shape=shape,
        digest=digest,
        model=model,
        model_digest=model_digest,
        rule={RULE[name]: value for name, value in rule.items()},
        colours=figures.COLOURS,
        sizes=dict(_sizes(row)),
        step=lesion_size.STEP,
        date=now.strftime("%Y-%m-%d %H:%M %Z"),
    )
    # a name may be in any encoding
    return text.encode(errors="backslashreplace")


@functools.cache
def template(name):
    """Return a page's template of tools/, which escapes what it is given."""
    options = {"autoescape": True, "undefined": jinja2.StrictUndefined}
    layout = {"trim_blocks": True, "lstrip_blocks": True}
    loader = jinja2.FileSystemLoader(ROOT / "tools")
    environment = jinja2.Environment(loader=loader, **options, **layout)
    return environment.get_template(name)


def _sizes(row):
    """Give (name, "value unit (low to high)") of each size."""
    for size, name in NAMES.items():
        if row.get(size) is None:
            continue
        unit = row["unit"]
        if size == "area" and unit == "mm":
            unit = "mm²"
        form = ".1f" if row["unit"] == "mm" else ",.0f"
        value, low, high = (
            format(row[size + end], form) for end in ("", "_low", "_high")
        )
        yield name, f"{value} {unit} ({low} to {high})"
