"""Sphinx settings of the pages, which `tools.site.build` makes."""

import os
import tomllib
from pathlib import Path

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

ROOT = Path(os.environ["BUSI_ROOT"])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

project = "Breast ultrasound segmentation, a notebook series"
author = "the authors of the series"
project_copyright = "the authors; code under the MIT licence"
extensions = ["myst_nb", "sphinx_copybutton"]
language = "en"
html_theme = "sphinx_book_theme"
html_title = "Breast ultrasound segmentation"
html_static_path = ["_static"]
html_extra_path = [str(path) for path in Path(__file__).parent.glob("top")]
html_css_files = ["style.css"]
html_js_files = ["print.js"]
html_copy_source = False
html_use_index = False  # the glossary and the search do its work
html_context = {"default_mode": "auto"}
nb_code_prompt_show, nb_code_prompt_hide = "Show the code", "Hide the code"
nb_execution_mode = "off"  # the pages show what a run wrote
nb_merge_streams = True
nb_output_stderr = "remove"  # start-up chatter of libraries
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3  # pages link to headings of others
html_math_renderer = "mathml"
html_theme_options = {
    "repository_url": PROJECT["urls"]["Repository"],
    "repository_branch": "main",
    "use_repository_button": True,
    # Colab's button opens the notebook, without our links
    "use_download_button": False,
    "use_fullscreen_button": False,
    "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    "show_navbar_depth": 1,
    "navbar_persistent": [],  # the sidebar has the search field
}
SIMULATED = (
    "Simulated images: the notebooks on these pages were run on a phantom. "
    "Their numbers say nothing about patients."
)


def mathml(display):
    """Return what writes a formula without a script or a network."""

    def write(writer, node):
        writer.body.append(convert(node.astext(), display=display))
        raise SkipNode

    return write, None


def banner(app, page, template, context, doctree):
    """Mark the pages that show a run on simulated images."""
    shows_run = page == "index" or page.startswith("notebooks/")
    if os.environ["BUSI_SIMULATED"] == "True" and shows_run:
        context["theme_announcement"] = SIMULATED


def setup(app):
    app.connect("html-page-context", banner)
    both = map(mathml, ("inline", "block"))
    app.add_html_math_renderer("mathml", *both)
