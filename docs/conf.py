"""How the pages are made: `python -m sphinx -W docs docs/_site`, offline, mathematics and fonts included."""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import pages  # noqa: E402

import minifcn  # noqa: E402

pages.make()

project = "minifcn"
author = "the minifcn authors"
version = release = minifcn.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx-mathjax-offline"]
exclude_patterns = ["_site", "jupyter_execute", "made/site"]
language = "en"

# The lessons are run by `python -m tutorials`; here they are only shown.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3  # claims.md leads to sections of the lessons

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"


def as_written(app, what, name, obj, options, docstring):
    """Docstrings are texts with formulas laid out by hand: the first paragraph as prose, the rest as it stands."""
    text = "\n".join(docstring).strip("\n")
    first, _, rest = text.partition("\n\n")
    prose = re.sub(r"`([^`]+)`", r"``\1``", first.replace("\\", "\\\\").replace("*", "\\*").replace("|", "\\|"))
    docstring[:] = [*prose.splitlines(), ""]
    if rest.strip():
        docstring += ["::", "", *(f"    {line}" for line in rest.splitlines()), ""]


def setup(app):
    app.connect("autodoc-process-docstring", as_written)


html_theme = "furo"
html_title = "minifcn"
html_static_path = ["_static"]
html_extra_path = ["made/site"]
html_css_files = ["minifcn.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
