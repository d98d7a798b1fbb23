"""`python -m tutorials`: make the notebooks from their texts, each run from top to bottom in a kernel of its own.

The text `NN_name.py` is the source: change it there. `NN_name.ipynb` is made from it, with outputs, and is what a
person opens. `python -m tutorials 05` makes one; `--check` only runs them and says whether
the cells, and what they print, are the same. claims.md and misconceptions.md are put together from the notebooks.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tutorials import ledger

HERE = Path(__file__).parent
# Runs before the first cell and is not part of the notebook: a warning is an error, and nothing leaves the machine.
BEFORE = """
import ipaddress, socket, warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", category=PendingDeprecationWarning)  # ipykernel's own, when it is shut down
_connect = socket.socket.connect
def _local(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and not ipaddress.ip_address(address[0]).is_loopback:
        raise OSError(f"a notebook asked the network for {address}")
    return _connect(self, address)
socket.socket.connect = _local
"""


def texts(chosen: list[str] | None = None) -> list[Path]:
    """The sources, in order; those that begin with one of `chosen`."""
    found = sorted(HERE.glob("[0-9][0-9]_*.py"))
    return [path for path in found if not chosen or any(path.name.startswith(name) for name in chosen)]


def read(path: Path) -> Any:
    """The notebook of a text or of an .ipynb."""
    import jupytext

    return jupytext.read(path)


def cells(notebook: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    """(kind, text, tags) of each cell: what text and notebook have in common."""
    return [(cell.cell_type, cell.source, tuple(cell.metadata.get("tags", ()))) for cell in notebook.cells]


def run(path: Path, folder: Path) -> Any:
    """The notebook of the text `path` with its outputs, run in a fresh kernel within the empty `folder`.

    Raises nbclient's CellExecutionError at the first cell that fails, and RuntimeError if files are left behind.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = read(path)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(BEFORE))
    place = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, kernel_name="python3", timeout=600, startup_timeout=300, resources=place)
    client.extra_arguments = ["--log-level=CRITICAL"]  # a kernel warns of its own port on this machine
    client.execute(env={**os.environ, "PYTHONPATH": str(HERE.parent)})
    left = sorted(item.name for item in folder.iterdir())
    if left:
        raise RuntimeError(f"{path.name} leaves {', '.join(left)} in the reader's folder.")
    del notebook.cells[0]
    return stored(notebook, path.stem)


def stored(notebook: Any, name: str) -> Any:
    """The notebook as it is kept: the same bytes whenever the same is computed.

    A cell's id is that of its place and text; outputs of cells tagged no-output (times) are dropped; solutions are
    folded in Jupyter and VS Code.
    """
    count = 0
    for place, cell in enumerate(notebook.cells):
        cell.id = hashlib.sha256(f"{name} {place} {cell.source}".encode()).hexdigest()[:12]
        tags = cell.metadata.get("tags", [])
        cell.metadata = {key: value for key, value in cell.metadata.items() if key == "tags"}
        if "solution" in tags:
            cell.metadata["jupyter"] = {"source_hidden": True}
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = [] if "no-output" in tags else merged(cell.outputs)
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = count
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return notebook


def merged(outputs: list[Any]) -> list[Any]:
    """Pieces of text that came one after the other as one: where they were cut depends on the moment."""
    kept: list[Any] = []
    for output in outputs:
        if kept and output.output_type == "stream" and kept[-1].get("name") == output.name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def printed(notebook: Any) -> list[str]:
    """What the cells print: a notebook whose library has changed since it was made prints something else."""
    return [output.text for cell in notebook.cells for output in cell.get("outputs", ()) if "text" in output]


def told(notebook: Any) -> list[str]:
    """What the cells print with every decimal fraction left out: the last digits of those depend on the processor."""
    return [re.sub(r"-?\d+\.\d*(e-?\d+)?", "#", text) for text in printed(notebook)]


def errors_in(notebook: Any) -> Iterator[str]:
    """The errors that were stored in a notebook; there must be none."""
    for cell in notebook.cells:
        yield from (output.ename for output in cell.get("outputs", ()) if output.output_type == "error")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tutorials", description=__doc__)
    parser.add_argument("chosen", nargs="*", metavar="NN", help="only these (default: all)")
    parser.add_argument("--check", action="store_true", help="run and compare them, but write nothing")
    options = parser.parse_args(arguments)
    found = texts(options.chosen)
    if not found:
        known = ", ".join(path.stem for path in texts())
        print(f"tutorials: no text begins with {', '.join(options.chosen)}; there are {known}.")
        return 2
    import nbformat

    wrong = 0
    for path in found:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            notebook = run(path, Path(folder))
        print(f"{path.stem}: {time.perf_counter() - began:.0f} s")
        made = path.with_suffix(".ipynb")
        if not options.check:
            nbformat.write(notebook, made)
        elif not made.exists() or cells(read(made)) != cells(notebook):
            print(f"{made.name} is not what {path.name} makes; run python -m tutorials {path.name[:2]}.")
            wrong += 1
        elif printed(read(made)) != printed(notebook):
            print(f"{made.name} prints what was so when it was made, not now; run python -m tutorials {path.name[:2]}.")
            wrong += 1
    for name, text in ledger.pages(ledger.everything()).items():
        page = HERE / name
        if not options.check:
            page.write_text(text, encoding="utf-8")
        elif not page.exists() or page.read_text(encoding="utf-8") != text:
            print(f"{name} is not what the notebooks show; run python -m tutorials.")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
