"""The report of one image: a page of HTML that prints on one sheet."""

import base64
import datetime
import functools

import jinja2  # comes with Jupyter

from helpers import figures
from helpers.evaluation import lesion_size
from helpers.files import ROOT


def page(row, images, **facts):
    """Return the page, bytes.

    row: the image's row of predictions.csv; images: {title: PNG's bytes};
    facts: shape, (height, width); digest and model_digest, SHA-256 of the two
    files; model, its name; rule, as `postprocessing.lesion_mask` has it.
    """
    now = datetime.datetime.now().astimezone()
    inside = [base64.b64encode(png).decode() for png in images.values()]
    text = template("report.html.jinja").render(
        **facts,
        row=row,
        images=dict(zip(images, inside, strict=True)),
        colours=figures.COLOURS,
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
