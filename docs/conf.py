"""How the pages are made: `python -m sphinx -W docs docs/_site`, offline, mathematics and fonts included."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

import minifcn  # noqa: E402

project = "minifcn"
author = "the minifcn authors"
version = release = minifcn.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx-mathjax-offline"]
exclude_patterns = ["_site"]

# The lessons are run by `python -m tutorials`; here they are only shown. Sphinx reads what lies below docs/.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath"]
MADE = HERE / "lessons"
MADE.mkdir(exist_ok=True)
for notebook in sorted((ROOT / "tutorials").glob("*.ipynb")):
    target = MADE / notebook.name
    if not target.exists() or target.read_bytes() != notebook.read_bytes():
        shutil.copyfile(notebook, target)
for stale in MADE.glob("*.ipynb"):
    if not (ROOT / "tutorials" / stale.name).exists():
        stale.unlink()

autodoc_member_order = "bysource"
autodoc_typehints = "none"

html_theme = "furo"
html_title = "minifcn"
html_static_path = ["_static"]
html_css_files = ["minifcn.css"]
html_copy_source = False
html_show_sourcelink = False
