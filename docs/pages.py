"""What conf.py puts together in docs/made before Sphinx reads it: the pages whose text lives elsewhere.

Lessons, README and the other texts of the repository become pages; a link from one to another stays a link, a picture
comes along, and a link to a file that is no page becomes its name. Laws, figures and the Korean summaries are made from
the code and from the lessons themselves.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
MADE = HERE / "made"  # not part of the repository
FIGURES = MADE / "site" / "figures"  # stands beside the pages as it is
MARK = MADE / "figures.txt"  # what the code was like that drew the figures
TEXTS = {  # the text of a page -> the page's name
    "README.md": "readme",
    "minifcn/PYTORCH.md": "pytorch",
    "tutorials/claims.md": "claims",
    "tutorials/misconceptions.md": "misconceptions",
    "tutorials/labs/INSTRUCTORS.md": "teaching",
    "tests/README.md": "tested",
    "tests/mutation.md": "mutation",
    "tests/hostile/README.md": "hostile",
    "tests/real_use/README.md": "real-use",
    "benchmarks/README.md": "measured",
    "benchmarks/results/cpu/table.md": "measured-cpu",
    "benchmarks/results/step/step.md": "measured-step",
    "benchmarks/results/processes.md": "measured-processes",
    "benchmarks/results/sliding.md": "measured-sliding",
    "benchmarks/results/backbones.md": "measured-backbones",
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def make() -> None:
    """Everything, anew where something changed; what is no longer made goes."""
    MADE.mkdir(exist_ok=True)
    made = {MARK}
    for notebook in lessons():
        made.add(copied(notebook, MADE / notebook.name))
    for text, name in TEXTS.items():
        made.add(written(MADE / f"{name}.md", carried(ROOT / text)))
    made.add(written(MADE / "laws.md", laws()))
    made.add(written(MADE / "korean.md", korean()))
    figures()
    made.add(written(MADE / "gallery.md", gallery()))
    copied(ROOT / "tutorials" / "stamps.gif", MADE / "images" / "stamps.gif")
    for stale in MADE.iterdir():
        if stale.is_file() and stale not in made:
            stale.unlink()


def lessons() -> list[Path]:
    return sorted((ROOT / "tutorials").glob("[0-9][0-9]_*.ipynb"))


def written(path: Path, text: str) -> Path:
    """`text` in the file, which stays untouched if it says so already: Sphinx reads only what is new."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return path


def copied(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or target.read_bytes() != source.read_bytes():
        shutil.copyfile(source, target)
    return target


def carried(path: Path) -> str:
    """The text of `path` as a page."""
    name = path.relative_to(ROOT).as_posix()

    def link(found: re.Match[str]) -> str:
        picture, words, target, anchor = found.groups()
        if not target or "://" in target or target.startswith("mailto:"):
            return found.group()
        there = Path(os.path.normpath(path.parent / target))
        if picture:
            image = copied(there, MADE / "images" / "-".join(there.relative_to(ROOT).parts))
            return f"![{words}](images/{image.name})"
        page = TEXTS.get(there.relative_to(ROOT).as_posix(), "")
        if page or there.suffix == ".ipynb":
            return f"[{words}]({f'{page}.md' if page else there.name}{anchor or ''})"
        return words if words.startswith("`") else f"`{words}`"

    text = "\n".join(map(kept_together, path.read_text(encoding="utf-8").split("\n")))
    return f"<!-- made from {name} -->\n\n" + LINK.sub(link, text)


def kept_together(line: str) -> str:
    """A line, or the row of a table in which no number is torn apart: 2e-07, 16->16, 128 ms."""
    if not line.startswith("|"):
        return line
    parts = re.split(r"(`[^`]+`)", line)
    parts[::2] = [re.sub(r"(?<=\d) (?=(ms|s|MiB)\b)", "\N{NO-BREAK SPACE}", part) for part in parts[::2]]
    parts[::2] = [re.sub(r"(?<=[\de])-(?=[\d>])", "-\N{WORD JOINER}", part) for part in parts[::2]]
    return "".join(parts)


def docstring(text: str) -> list[str]:
    """A docstring as lines of a page: a paragraph of words as words; formulas, tables and examples as they stand."""
    lines: list[str] = []
    block = ""  # the language of the block that this paragraph may continue
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        laid_out = bool(lines) and bool(re.search(r"^ |\S {2}", paragraph, re.MULTILINE))
        language = "pycon" if paragraph.startswith(">>>") else "text" if laid_out else ""
        if language and language != block:
            lines += [f".. code-block:: {language}", ""]
        block = language
        lines += [f"    {line}" for line in paragraph.splitlines()] if block else words(paragraph).splitlines()
        lines.append("")
    return lines


def words(text: str) -> str:
    """Words of a docstring as reStructuredText, in which some letters would mean something."""
    parts = re.split(r"(`[^`]+`)", text)  # words, a name in backticks, words, ...
    return "".join(f"`{part}`" if i % 2 else re.sub(r"([\\*|_])", r"\\\1", part) for i, part in enumerate(parts))


def laws() -> str:
    """Every law, from the code that tries it."""
    from minifcn.testing import LAWS, Operations

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
    return "\n".join(lines)


def korean() -> str:
    """한국어: the title and the summary of every lesson, from the lesson."""
    lines = [
        "# 한국어 요약",
        "",
        "각 노트북의 제목과 요약입니다. 노트북의 본문은 영어이고, 숫자와 그림은 누구나 읽을 수 있습니다.",
        "",
    ]
    for notebook in lessons():
        cell = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]
        text = "".join(cell["source"])
        title = re.search(rf"^## ({notebook.name[:2]} .+)$", text, re.MULTILINE)
        summary = re.search(r"\*\*요약\.\*\* (.+?)(?:\n\n|\Z)", text, re.DOTALL)
        if title is None or summary is None:
            raise ValueError(f"{notebook.name}: its first cell has no Korean title and summary.")
        lines += [f"## [{title[1]}]({notebook.name})", "", summary[1].strip(), ""]
    return "\n".join(lines)


def figures() -> None:
    """A .png of every figure, and of what moves a page with its slider, if the code that draws them has changed."""
    from minifcn.plot.collection import PICTURES
    from minifcn.plot.frames import Frames
    from minifcn.plot.style import save_figure

    sources = sorted((ROOT / "minifcn" / "plot").glob("*.py"))
    state = hashlib.sha256(b"".join(path.read_bytes() for path in [*sources, Path(__file__)])).hexdigest()
    if MARK.exists() and MARK.read_text() == state:
        return
    shutil.rmtree(FIGURES, ignore_errors=True)
    FIGURES.mkdir(parents=True)
    for name, draw in PICTURES.items():
        made = draw()
        if isinstance(made, Frames):
            made.save(FIGURES / f"{name}.png")
            (FIGURES / f"{name}.html").write_text(PAGE.format(name=name, slider=made._repr_html_()), encoding="utf-8")
        else:
            save_figure(made, FIGURES / f"{name}.png")
    MARK.write_text(state)


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{name} - minifcn</title></head>
<body style="font-family:sans-serif;margin:1em;overflow-x:auto">
<p><a href="../made/gallery.html">All figures</a> / {name}</p>
{slider}
</body></html>
"""


def gallery() -> str:
    """A page with every figure; what moves leads to its slider."""
    from minifcn.plot.arithmetic import CASES
    from minifcn.plot.collection import PICTURES

    told = {f"arithmetic-{number:02}": case.name for number, case in enumerate(CASES, 1)}
    lines = [
        "# All figures",
        "",
        "Each is drawn by `minifcn.plot` from numbers that are computed, and says its parameters itself. What moves",
        "has a slider: click it. `minifcn figures` writes them all, with a GIF of what moves.",
        "",
        '<div class="gallery">',
    ]
    for name in PICTURES:
        moves = (FIGURES / f"{name}.html").exists()
        words = escape(told.get(name, name.replace("-", " ")))
        picture = f'<img src="../figures/{name}.png" alt="{words}" loading="lazy">'
        inner = f'<a href="../figures/{name}.html">{picture}</a>' if moves else picture
        lines.append(f"<figure>{inner}<figcaption>{words}{' ▸' if moves else ''}</figcaption></figure>")
    return "\n".join([*lines, "</div>", ""])
