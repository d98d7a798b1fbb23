"""The submissions in a folder, whichever system laid them out, and each as one Python file.

alice.ipynb                                              a folder of notebooks or Python files
alice/lab2.ipynb                                         a folder for each student
Alice Kim_41_assignsubmission_file_/lab2.ipynb           Moodle, with folders; without: Alice Kim_41_..._lab2.ipynb
kimalice_LATE_41_97_lab2-1.ipynb                         Canvas
submitted/alice/lab2/lab2.ipynb                          nbgrader, which may have other labs beside it
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from minifcn.errors import FileError
from minifcn.labs.lab import Lab
from minifcn.labs.percent import cells_of_notebook

SUFFIXES = (".py", ".ipynb")
PACKED = (".zip", ".7z", ".gz", ".rar", ".tar", ".tgz")
MOODLE = re.compile(r"^(?P<name>.+)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)$")
CANVAS = re.compile(r"^(?P<name>[^_]+)(?P<late>_LATE)?_(?P<id>\d+)_\d+_(?P<file>.+)$")
REFERENCE = re.compile(
    r"reference_lab(\d)"
)  # the functions of an earlier lab, which the judge lays beside a submission
DEFINED = re.compile(r"(?:async\s+def|def|class)\s+([^\W\d]\w*)")
UNREADABLE = SyntaxError, ValueError, RecursionError, MemoryError  # what Python raises for a text that is no Python
LARGEST = 2**22  # bytes of a submission: more is no text that somebody wrote


@dataclass(frozen=True)
class Submission:
    """student: as the folder names them. file: what is graded; None if there is nothing. notes: for the teacher."""

    student: str
    file: Path | None
    late: bool = False
    notes: tuple[str, ...] = ()


def submissions_in(folder: Path, lab: Lab) -> list[Submission]:
    """Every student's submission, in the order of their names.

    FileError if the folder is none, or holds nothing that could be one.
    """
    if not folder.is_dir():
        raise FileError(f"{folder} is not a folder of submissions; a .zip must be unpacked first.")
    root = folder / "submitted" if (folder / "submitted").is_dir() else folder
    files: dict[str, list[Path]] = {}
    late: set[str] = set()
    for item in sorted(path for path in root.iterdir() if not path.name.startswith((".", "__"))):
        if item.is_dir() and not item.is_symlink():
            student = _student(item.name)
            files.setdefault(student, []).extend(_within(item, lab))
        elif item.is_file() and not item.is_symlink() and _handed_in(item):
            student = _student(item.name)
            files.setdefault(student, []).extend([item] if item.suffix.lower() in SUFFIXES else [])
        else:
            continue
        found = CANVAS.match(item.name)
        if found and found["late"]:
            late.add(student)
    if not any(files.values()):
        raise FileError(f"{folder} holds no .py and no .ipynb, and no folders with them; unpack what is packed.")
    return [_chosen(student, paths, lab, student in late) for student, paths in sorted(files.items())]


def submission_at(place: Path, lab: Lab) -> Submission:
    """What one student handed in: a file, or a folder of files, as Gradescope unpacks it; FileError for neither."""
    if place.is_dir():
        return _chosen(place.name, _within(place, lab), lab, late=False)
    if place.suffix.lower() not in SUFFIXES or not place.is_file():
        raise FileError(f"{place} is no .py, no .ipynb and no folder with them; pass what one student handed in.")
    return Submission(place.stem, place)


def _handed_in(file: Path) -> bool:
    """Whether a file is a student's: nobody may be passed over for having sent a .zip or a .pdf."""
    return file.suffix.lower() in (*SUFFIXES, *PACKED) or any(layout.match(file.name) for layout in (MOODLE, CANVAS))


def _student(name: str) -> str:
    """Who a file or folder belongs to; with the number that the system gave them, where there is one."""
    for layout in (MOODLE, CANVAS):
        if found := layout.match(name):
            return f"{found['name']} ({found['id']})"
    suffix = Path(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in (*SUFFIXES, *PACKED) else name


def _within(folder: Path, lab: Lab) -> list[Path]:
    """The files of a student's folder; of this lab alone where labs have folders of their own."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and re.fullmatch(rf"lab[_ -]?0*{lab.number}([_ -].*)?", path.name, re.IGNORECASE):
            folder = path
            break
    found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and not path.is_symlink())
    hidden = (".ipynb_checkpoints", "__MACOSX", "__pycache__")
    return [path for path in found if path.is_file() and not any(part in hidden for part in path.parts)]


def _chosen(student: str, paths: list[Path], lab: Lab, late: bool) -> Submission:
    """The file with most of the lab's functions; of those with as many the notebook, and of those the first."""
    if not paths:
        return Submission(
            student, None, late, ("there is no .py and no .ipynb; what is packed must be unpacked first",)
        )
    if len(paths) == 1:
        return Submission(student, paths[0], late)
    written = {path: len(_defined(path) & set(lab.functions)) for path in paths}
    first = min(paths, key=lambda path: (-written[path], path.suffix.lower() != ".ipynb", len(path.name), path.name))
    others = [path.name for path in paths if path != first and written[path]]
    notes = (f"{first.name} was graded, and not {', '.join(others)}",) if others else ()
    return Submission(student, first, late, notes)


def _defined(path: Path) -> set[str]:
    try:
        tree = ast.parse(as_python(path)[0])
    except (FileError, SyntaxError, ValueError, RecursionError):
        return set()
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


# --- as one Python file -----------------------------------------------------------------------------------------------


def as_python(path: Path) -> tuple[str, tuple[str, ...]]:
    """The text of a submission as one file that needs NumPy alone, and what was left out of it, in sentences.

    Left out are imports of what is not there when it is graded, and the lines at the top level that use them, such as
    `lab.check(...)`; of a notebook also its commands (%, !), what is only shown, and a cell with a syntax error: the
    functions that it would define raise that error. Nothing is said of the import that every notebook of a lab begins
    with. Lines keep their numbers.
    FileError for what is no text or no notebook.
    """
    text = text_of(path)
    notebook = path.suffix.lower() == ".ipynb"
    notes: list[str] = []
    if notebook:
        cells = [(number, cell) for number, cell in enumerate(cells_of_notebook(text), 1) if cell.kind == "code"]
        text = "\n".join(_readable(number, _without_commands(cell.source), notes) for number, cell in cells) + "\n"
    try:
        tree = ast.parse(text)
    except UNREADABLE:
        return text, tuple(notes)  # the interpreter will say where
    lines, gone = text.split("\n"), set()
    for node in tree.body:
        away = _imports_of_others(node)
        if away:
            gone |= {(alias.asname or alias.name).partition(".")[0] for alias in getattr(node, "names", ())}
            if getattr(node, "module", "") != "minifcn.labs":  # that one is in the notebook as it was given out
                notes.append(f"import of {', '.join(sorted(away))}, as only NumPy and the standard library are there")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        else:
            shown = notebook and isinstance(node, ast.Expr)
            if not shown and not gone & {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}:
                continue
            gone |= {target.id for target in _targets(node)}
        for number in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[number] = ""
    return "\n".join(lines), tuple(dict.fromkeys(notes))


def text_of(path: Path) -> str:
    """The text of a file that somebody handed in; FileError for what is none, or too large."""
    try:
        if path.stat().st_size > LARGEST:
            raise FileError(f"{path.name} has {path.stat().st_size} bytes; a submission has at most {LARGEST}.")
        return path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise FileError(f"{path.name} cannot be read as text in UTF-8 ({type(error).__name__}).") from None


def earlier(text: str, number: int) -> list[int]:
    """The labs before `number` whose reference a text imports."""
    return sorted({int(found) for found in REFERENCE.findall(text) if 0 < int(found) < number})


def _imports_of_others(node: ast.stmt) -> set[str]:
    """The packages that an import asks for and that are not there."""
    if isinstance(node, ast.Import):
        names = {alias.name.partition(".")[0] for alias in node.names}
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = {(node.module or "").partition(".")[0]}
    else:
        return set()
    there = {"numpy", *sys.stdlib_module_names}
    return {name for name in names if name not in there and not REFERENCE.fullmatch(name)}


def _targets(node: ast.stmt) -> list[ast.Name]:
    return [part for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]


def _readable(number: int, cell: str, notes: list[str]) -> str:
    """A cell; one with a syntax error as the functions that it would define, which raise it, and a note.

    number: of the cell in its notebook, from 1.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(cell, "cell", "exec", dont_inherit=True)
        return cell
    except UNREADABLE as error:
        line = f" in its line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        what = error.msg if isinstance(error, SyntaxError) else f"it cannot be read ({type(error).__name__})"
    told = f"cell {number}, counted with the cells of text, has a syntax error{line}: {what}"
    notes.append(told)
    found = [DEFINED.match(text) for text in cell.split("\n")]
    return "\n".join(f"def {each[1]}(*given, **named): raise SyntaxError({told!r})" if each else "" for each in found)


def _without_commands(cell: str) -> str:
    """A cell without IPython's commands, each an empty line instead."""
    if cell.lstrip().startswith("%%"):
        return "\n" * cell.count("\n")
    return "\n".join("" if line.lstrip().startswith(("%", "!", "?")) else line for line in cell.split("\n"))
