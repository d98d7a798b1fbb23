"""How the pages are made: `python -m sphinx -W docs docs/_site`, offline, mathematics and fonts included."""

from __future__ import annotations

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
autodoc_inherit_docstrings = False  # a layer says what is its own
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"


def as_written(app, what, name, obj, options, docstring):
    docstring[:] = pages.docstring("\n".join(docstring))


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
