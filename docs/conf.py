"""How the pages are made: `python -m sphinx -W docs docs/_site`, offline, mathematics and fonts included."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

import minifcn  # noqa: E402
from minifcn.testing import LAWS, Operations  # noqa: E402

project = "minifcn"
author = "the minifcn authors"
version = release = minifcn.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx-mathjax-offline"]
exclude_patterns = ["_site", "jupyter_execute"]
language = "en"

# The lessons are run by `python -m tutorials`; here they are only shown. Sphinx reads what lies below docs/.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath"]
MADE = HERE / "made"  # what is put together here; not part of the repository
MADE.mkdir(exist_ok=True)
for notebook in sorted((ROOT / "tutorials").glob("*.ipynb")):
    target = MADE / notebook.name
    if not target.exists() or target.read_bytes() != notebook.read_bytes():
        shutil.copyfile(notebook, target)
for stale in MADE.glob("*.ipynb"):
    if not (ROOT / "tutorials" / stale.name).exists():
        stale.unlink()

# README, with links into the repository as plain names: its files are not pages.
readme = (ROOT / "README.md").read_text(encoding="utf-8")
readme = re.sub(r"!\[[^\]]*\]\([^)]+\)\n*", "", readme)
readme = re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]+\)", r"`\1`", readme)
(MADE / "readme.md").write_text(readme, encoding="utf-8")

# Every law, from the code that tries it.
lines = [
    "# The laws",
    "",
    "What every implementation of an operation keeps, ours and yours: `minifcn.testing.check`.",
    "",
]
for operation in Operations.names():
    lines += [f"## {operation}", ""]
    for law in LAWS.values():
        if law.needs[0] == operation:
            formula = "\n".join(f"    {line}" for line in law.formula.splitlines())
            lines += [f"`{law.name}`: {law.statement}", "", formula, ""]
(MADE / "laws.md").write_text("\n".join(lines), encoding="utf-8")

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
html_css_files = ["minifcn.css"]
html_copy_source = False
html_show_sourcelink = False
