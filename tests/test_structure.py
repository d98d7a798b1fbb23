"""The house keeps its shape: floors, no cycles, one door to CuPy, no pickle, no global randomness, short files."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import minifcn

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "minifcn"

FLOORS = [
    {"errors", "labels", "starting", "text"},
    {"arguments"},
    {"geometry", "machine", "random"},
    {"arrays"},
    {"autograd"},
    {"functional"},
    {"tensor"},
    {"nn", "optim", "creation", "cuda"},
    {"models", "data", "metrics", "weights"},
    {"export"},
    {"training", "plot", "teaching", "testing"},
    {"labs"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
FLOOR = {unit: floor for floor, units in enumerate(FLOORS) for unit in units}
NAMESPACE_FLOOR = FLOOR["training"]  # minifcn/__init__.py gathers the public names of the floors below this one

# Who may ask the machine for what, beside the machine itself and the namespace. A file that carries an idea says with
# what arrays it computes (backend) and what would be too large (limits), and leaves the rest to the floor of arrays.
EVERYBODY = {
    "arrays", "autograd", "commands", "functional", "metrics", "models", "nn", "optim", "tensor", "testing", "training", "weights", "cuda", "export",
}  # fmt: skip
ASKED_BY: dict[str, set[str]] = {
    "backend": EVERYBODY,
    "limits": {"arrays", "functional", "nn", "optim", "commands", "creation"},
    "processes": {"functional", "nn", "training", "commands"},
    "mpi": {"nn", "commands"},
    "nccl": set(),
    "memory": {"arrays", "autograd"},
    "spread": {"arrays"},
    "threads": {"arrays", "commands"},
    "shared_work": set(),
    "product": {"arrays", "functional"},
    "cublas": set(),
    "kernels": {"arrays", "optim"},
    "deferred": {"arrays"},
    "running": {"autograd"},
    "profiling": {"autograd", "export", "functional", "training", "plot", "commands"},
    "timetable": {"plot", "commands"},
    "tf32": {"commands", "cli"},
}

LINES = 330
LONG: dict[str, str] = {}  # path: why it is one idea all the same

# Modules without a test file of their own name, by the file under tests/ that tests them; a key may be a whole folder.
TESTED_IN: dict[str, str] = {
    "__init__.py": "test_structure.py",
    "__main__.py": "test_cli.py",
    # Errors are asserted by content wherever they are raised.
    "errors.py": "test_cli.py",
    # Where centres lie is asked of a whole geometry.
    "geometry/coordinates.py": "geometry/test_window.py",
    # The algorithms are one test against one another, and the layout of every pool is scattered back by the same lines.
    "arrays/convolution/columns.py": "arrays/convolution/test_im2col.py",
    "arrays/convolution/dense.py": "arrays/convolution/test_matrix.py",
    "arrays/convolution/lines.py": "arrays/convolution/test_rows.py",
    "arrays/convolution/strips.py": "arrays/convolution/test_rows.py",
    "arrays/convolution/sparse.py": "arrays/convolution/test_matrix.py",
    "models/at_once.py": "models/test_staging.py",
    "models/alexnet.py": "models/test_papers_networks.py",
    "models/googlenet.py": "models/test_papers_networks.py",
    "models/named.py": "models/test_papers_networks.py",
    "functional/convolution_matrix.py": "arrays/convolution/test_matrix.py",
    "arrays/convolution/turned.py": "arrays/convolution/test_algorithms.py",
    "arrays/convolution/unfolding.py": "functional/test_unfold.py",
    "arrays/convolution/explanation.py": "arrays/convolution/test_choice.py",
    "arrays/convolution/winograd": "arrays/convolution/test_winograd.py",
    "arrays/pooling": "arrays/pooling/test_pooling.py",
    "arrays/sliding.py": "arrays/pooling/test_pooling.py",
    "arrays/scatter.py": "arrays/pooling/test_pooling.py",
    # Bare arrays of one operation each, asked for by its name.
    "arrays/channels.py": "functional/test_normalization.py",
    "arrays/cross_entropy.py": "functional/test_loss.py",
    "arrays/drawing.py": "functional/test_dropout.py",
    "arrays/labelled.py": "functional/test_loss.py",
    "arrays/targets.py": "functional/test_loss.py",
    "arrays/elementwise.py": "functional/test_activation.py",
    "arrays/void.py": "functional/test_loss.py",
    "nn/losses.py": "nn/test_layers.py",
    "nn/normalization.py": "nn/test_layers.py",
    "autograd/saving.py": "autograd/test_operation.py",
    "autograd/steps.py": "autograd/test_engine.py",
    "nn/utils.py": "autograd/test_clipping.py",
    "functional/indexing.py": "functional/test_shaping.py",
    "functional/profiled.py": "machine/test_profiling.py",
    "machine/running.py": "autograd/test_operation.py",
    "machine/cublas.py": "machine/test_product.py",
    "machine/tf32.py": "machine/test_product.py",
    "machine/limits.py": "machine/test_backend.py",
    # Small files of one idea, tested through what they serve.
    "commands/finishing.py": "commands/test_train.py",
    "commands/resuming.py": "commands/test_train.py",
    "commands/lab_start.py": "commands/test_lab.py",
    "commands/keeping.py": "commands/test_tutorials.py",
    "commands/lab_release.py": "labs/test_releasing.py",
    "commands/lab_check.py": "labs/test_grading.py",
    "commands/lab_grade.py": "labs/test_grading.py",
    "commands/lab_score.py": "labs/test_grading.py",
    "commands/lab_results.py": "labs/test_results.py",
    "labs/catalogue.py": "labs/test_forms.py",
    "labs/class_report.py": "labs/test_grading.py",
    "labs/form.py": "labs/test_lab1.py",
    "labs/judging.py": "labs/test_hostile.py",
    "labs/lab.py": "labs/test_lab1.py",
    "labs/sandbox.py": "labs/test_hostile.py",
    "labs/scoring.py": "labs/test_lab1.py",
    "labs/walled.py": "labs/test_hostile.py",
    "labs/wording.py": "labs/test_lab1.py",
    "testing/counting.py": "labs/test_hostile.py",
    "testing/endings.py": "testing/test_judge.py",
    "labs/starting.py": "labs/test_checking.py",
    "labs/telling.py": "labs/test_checking.py",
    "labs/nbgrading.py": "labs/test_nbgrader.py",
    "labs/breaking.py": "labs/test_lab6.py",
    "labs/right.py": "labs/test_lab6.py",
    "optim": "test_optim.py",
    "metrics/checks.py": "metrics/test_confusion.py",
    "models/settings.py": "models/test_fcn.py",
    "data/classes.py": "data/test_folder.py",
    "data/labelled_files.py": "data/test_camvid.py",
    "data/listing.py": "real_use/test_a_files.py",
    "data/masks.py": "real_use/test_a_files.py",
    "data/pairs.py": "real_use/test_a_files.py",
    "data/survey.py": "real_use/test_a_files_runs.py",
    "training/staged.py": "training/test_recipe.py",
    "training/trained_on.py": "real_use/test_a_files_runs.py",
    "commands/looking.py": "real_use/test_a_files_runs.py",
    "data/shapes.py": "data/test_scenes.py",
    "models/fusion.py": "models/test_fcn_skips.py",
    "models/explanation.py": "models/test_fcn_crops.py",
    "plot/curves.py": "plot/test_plot_figures.py",
    "plot/confusion_matrix.py": "plot/test_plot_figures.py",
    "plot/arithmetic.py": "plot/test_plot_teaching.py",
    "plot/collection.py": "plot/test_plot_collection.py",
    "plot/frames.py": "plot/test_plot_teaching.py",
    "plot/gathering.py": "plot/test_plot_teaching.py",
    "plot/given.py": "plot/test_plot_teaching.py",
    "plot/graph.py": "plot/test_plot_teaching.py",
    "plot/ground.py": "plot/test_plot_field.py",
    "plot/ladder.py": "plot/test_plot_teaching.py",
    "plot/pictures.py": "plot/test_plot_figures.py",
    "plot/samples.py": "commands/test_check_data.py",
    "plot/seal.py": "commands/test_segment.py",
    "plot/sheet.py": "plot/test_plot_teaching.py",
    "plot/sliding.py": "plot/test_plot_teaching.py",
    "plot/stamping.py": "plot/test_plot_teaching.py",
    "plot/style.py": "plot/test_plot_figures.py",
    "testing/__main__.py": "testing/test_testing_main.py",
    # Calls, blame and words of a check are asked through what it says of a student's function.
    "testing/calls.py": "testing/test_check.py",
    "testing/chosen.py": "testing/test_check.py",
    "testing/tables.py": "testing/test_report_html.py",
    "testing/comparing.py": "testing/test_check.py",
    "testing/shrinking.py": "testing/test_check.py",
    "testing/report.py": "testing/test_check.py",
    "testing/diagnosis.py": "testing/test_check.py",
    "testing/calling.py": "testing/test_check.py",
    "testing/blame.py": "testing/test_check.py",
    "testing/docstrings.py": "testing/test_testing_main.py",
    "testing/isolation.py": "testing/test_judge.py",
    "testing/worker.py": "testing/test_judge.py",
    # minifcn.testing is tested as a whole: the laws hold, and the mutants do not get past them.
    "testing/laws": "testing/test_laws.py",
    "testing/variants": "testing/test_laws.py",
    "testing/operations.py": "testing/test_laws.py",
    "testing/ours.py": "testing/test_laws.py",
    "testing/ours_places.py": "testing/test_laws.py",
    "testing/ours_windows.py": "testing/test_laws.py",
    "testing/ours_losses.py": "testing/test_laws.py",
    "testing/mutants": "testing/test_score.py",
    "testing/small_engine.py": "testing/test_score.py",
    "testing/unrolled.py": "testing/test_laws.py",
    # What is written is judged by what reads it: onnxruntime.
    "export": "export/test_exporting.py",
    "commands/training.py": "test_cli.py",
    "commands/export.py": "export/test_exporting.py",
    "weights/npz.py": "weights/test_weights_files.py",
    "weights/safetensors_file.py": "weights/test_weights_files.py",
    "weights/unpickling.py": "weights/test_pth.py",
}

HEAVY = ("matplotlib", "PIL", "tqdm", "safetensors", "h5py", "hypothesis", "cupy", "onnx", "mpi4py")
SEEDED = {
    "BitGenerator",
    "Generator",
    "MT19937",
    "PCG64",
    "PCG64DXSM",
    "Philox",
    "SFC64",
    "SeedSequence",
    "default_rng",
}
UNPICKLING = PACKAGE / "weights" / "unpickling.py"  # the one place that has an unpickler: it can make tensors only
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def name_of(path: Path) -> str:
    """minifcn/optim/sgd.py -> minifcn.optim.sgd"""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sources(PACKAGE)}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that can run: all but `if TYPE_CHECKING:`, functions included."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from executed(child)


def imported(name: str, tree: ast.AST, modules: frozenset[str] = frozenset(MODULES)) -> set[str]:
    """The modules that the module `name` imports, our own by their full name, others as they are written."""
    found: set[str] = set()
    for node in executed(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} line {node.lineno} imports relatively; write the full name"
            source = str(node.module)
            names = {f"{source}.{alias.name}" for alias in node.names}
            found |= (names & modules) | ({source} if names - modules else set())
    return found


GRAPH = {name: imported(name, tree) for name, tree in TREES.items()}


def unit_of(name: str) -> str:
    """The folder or file directly under minifcn/ that a module belongs to: "optim" for minifcn.optim.sgd."""
    return [*name.split("."), ""][1]


def floor_of(name: str) -> int:
    return FLOOR[unit_of(name)] if unit_of(name) else NAMESPACE_FLOOR


def allowed(importer: str, target: str) -> bool:
    """From below, or from a sibling in the same folder."""
    unit, other = unit_of(importer), unit_of(target)
    return floor_of(target) < floor_of(importer) or (unit == other != "")


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """One cycle of the graph as a path that ends where it begins, or []."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done or name not in graph:
            return []
        for target in sorted(graph[name]):
            if found := visit(target, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := visit(name, []))), [])


def test_every_module_stands_on_a_floor() -> None:
    units = {unit_of(name) for name in MODULES} - {""}
    assert units <= set(FLOOR), f"{sorted(units - set(FLOOR))} stand on no floor; add them to FLOORS"
    assert set(FLOOR) <= units, f"FLOORS speaks of {sorted(set(FLOOR) - units)}, which are not there"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_come_from_floors_below_or_from_siblings(name: str) -> None:
    wrong = [
        f"{target} (floor {floor_of(target)})"
        for target in sorted(GRAPH[name])
        if target.partition(".")[0] == "minifcn" and not allowed(name, target)
    ]
    assert not wrong, f"{name} (floor {floor_of(name)}) must not import {', '.join(wrong)}"


def asked(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """For every module of the machine, the folders and files from which it is imported."""
    found: dict[str, set[str]] = {}
    for name, targets in graph.items():
        for target in targets:
            if unit_of(target) == "machine" and unit_of(name) not in ("machine", ""):
                found.setdefault(target.removeprefix("minifcn.machine."), set()).add(unit_of(name))
    return found


def test_the_machine_is_asked_only_where_it_is_needed() -> None:
    found = asked(GRAPH)
    modules = {name.removeprefix("minifcn.machine.") for name in MODULES if name.startswith("minifcn.machine.")}
    assert modules == set(ASKED_BY), "ASKED_BY names every module of the machine, and no other"
    wrong = {module: units for module in ASKED_BY if (units := found.get(module, set()) - ASKED_BY[module])}
    assert not wrong, f"these ask the machine for what is none of their business: {wrong}"
    idle = {module: units for module in ASKED_BY if (units := ASKED_BY[module] - found.get(module, set()))}
    assert not idle, f"ASKED_BY allows what nobody needs: {idle}"
    assert asked({"minifcn.nn.layers": {"minifcn.machine.threads"}}) == {"threads": {"nn"}}


def test_geometry_knows_no_arrays() -> None:
    names = [name for name in MODULES if unit_of(name) == "geometry"]
    assert "minifcn.geometry.window" in names
    for name in names:
        assert not {target for target in GRAPH[name] if target.partition(".")[0] == "numpy"}, name


def test_no_import_cycles() -> None:
    assert not cycle(GRAPH), " -> ".join(cycle(GRAPH))


def test_the_checks_of_imports_can_fail() -> None:
    assert not allowed("minifcn.arrays.convolution.im2col", "minifcn.functional.conv"), "upwards"
    assert not allowed("minifcn.models.fcn", "minifcn.data.scenes"), "across"
    assert not allowed("minifcn.optim.sgd", "minifcn"), "the namespace, which is above"
    assert allowed("minifcn.optim.sgd", "minifcn.optim.optimizer")
    assert allowed("minifcn.optim.sgd", "minifcn.errors")
    hidden = ast.parse(
        "def f():\n    from minifcn.arrays.convolution import loops\n    import minifcn.tensor\n    import cupy.cuda"
    )
    assert imported("x", hidden) == {"minifcn.arrays.convolution.loops", "minifcn.tensor", "cupy.cuda"}
    typing = ast.parse("if TYPE_CHECKING:\n    import minifcn.cli\nfrom minifcn.errors import ArgumentError")
    assert imported("x", typing) == {"minifcn.errors"}
    assert cycle({"a": {"b"}, "b": {"c", "d"}, "c": set(), "d": {"b"}}) == ["b", "d", "b"]


def test_only_the_backend_imports_cupy() -> None:
    names = {name for name, targets in GRAPH.items() if any(target.partition(".")[0] == "cupy" for target in targets)}
    quoted = {name for name, tree in TREES.items() if any(_names_cupy(node) for node in ast.walk(tree))}
    assert names | quoted == {"minifcn.machine.backend"}


def _names_cupy(node: ast.AST) -> bool:
    """importlib.import_module("cupy") and __import__("cupy")"""
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
        return False
    return "import" in ast.unparse(node.func) and str(node.args[0].value).partition(".")[0] == "cupy"


def faults(tree: ast.AST) -> list[str]:
    """Uses of NumPy's global random state and of pickle, each with its line."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random"):
            if node.attr not in SEEDED:
                found.append(f"line {node.lineno}: {ast.unparse(node)} draws from a global state; pass a Generator")
        elif isinstance(node, ast.ImportFrom) and node.module == "numpy.random":
            if {alias.name for alias in node.names} - SEEDED:
                found.append(f"line {node.lineno}: {ast.unparse(node)} draws from a global state; pass a Generator")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            if PICKLES & {module.partition(".")[0] for module in modules}:
                found.append(f"line {node.lineno}: {ast.unparse(node)} can run code from a file")
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
            found.append(f"line {node.value.lineno}: {ast.unparse(node)} can run code from a file")
    return found


LOOKED_INTO = ("minifcn", "benchmarks", "docs", "tutorials")
NOT_OURS = {"build", "dist", "mutants"}  # what tools make


def folders_of_code() -> set[str]:
    """The folders beside this one that hold Python and are neither hidden nor a virtual environment."""
    return {
        folder.name
        for folder in ROOT.iterdir()
        if folder.is_dir() and not folder.name.startswith(".") and not (folder / "pyvenv.cfg").exists()
        if any(folder.glob("*.py")) and folder.name not in NOT_OURS
    }


def test_every_folder_of_code_is_looked_into() -> None:
    """A folder that comes later is not passed over; the tests are left out, as they quote what is forbidden."""
    assert folders_of_code() == {*LOOKED_INTO, "tests"}


@pytest.mark.case(58)
@pytest.mark.parametrize("folder", LOOKED_INTO)
def test_no_global_randomness_and_no_pickle(folder: str) -> None:
    files = sources(ROOT / folder)
    assert files, f"{folder}/ holds no Python: this test would pass by looking at nothing"
    found = [
        f"{path.relative_to(ROOT)} {fault}"
        for path in files
        if path != UNPICKLING
        for fault in faults(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found, "\n".join(found)


@pytest.mark.case(58)
def test_the_one_place_that_unpickles_has_the_class_whose_names_it_decides_itself() -> None:
    tree = ast.parse(UNPICKLING.read_text(encoding="utf-8"))
    assert len(faults(tree)) == 1 and "from pickle import Unpickler can run code" in faults(tree)[0]
    classes = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and "Unpickler" in map(ast.unparse, node.bases)
    ]
    assert len(classes) == 1 and {"find_class", "persistent_load"} <= {
        node.name for node in classes[0].body if isinstance(node, ast.FunctionDef)
    }
    assert ast.unparse(tree).count("Unpickler") == 2, "it is imported and derived from, never used as it is"


@pytest.mark.case(58)
@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("np.random.seed(0)", 1),
        ("x = numpy.random.rand(3)", 1),
        ("from numpy.random import randn", 1),
        ("rng: np.random.Generator = np.random.default_rng(0)", 0),
        ("import pickle", 1),
        ("from pickle import loads", 1),
        ("np.load(path, allow_pickle=True)", 1),
        ("np.load(path, allow_pickle=flag)", 1),
        ("np.load(path, allow_pickle=False)", 0),
    ],
)
def test_the_check_of_randomness_and_pickle_can_fail(line: str, count: int) -> None:
    assert len(faults(ast.parse(line))) == count


def test_files_stay_short() -> None:
    lengths = {
        str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines()) for path in sources(PACKAGE)
    }
    long = {name: length for name, length in lengths.items() if length > LINES and name not in LONG}
    assert not long, f"more than {LINES} lines: {long}; split by ideas, or give a reason in LONG"
    idle = {name for name in LONG if lengths.get(name, 0) <= LINES}
    assert not idle, f"{idle} no longer need an exception in LONG"


FOREIGN = {"coord_map.py", "score.py"}  # of Caffe, and of the paper's reference code


def lost_mentions(path: Path, text: str) -> set[str]:
    """The files `x.py` that a text names and that are neither beside it nor where their whole path says."""
    named = set(re.findall(r"(?<![\w./*<])((?:\w+/)*\w+\.py)\b", text))
    places = (path.parent, PACKAGE, ROOT)
    return {name for name in named - FOREIGN if not any((place / name).is_file() for place in places)}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_files_that_are_spoken_of_are_there(name: str) -> None:
    path = MODULES[name]
    lost = lost_mentions(path, path.read_text(encoding="utf-8"))
    assert not lost, f"{path.relative_to(ROOT)} speaks of {sorted(lost)}; name a file beside it, or its whole path"


def test_the_check_of_mentions_can_fail() -> None:
    text = "as `loops.py` and geometry/window.py say, not windows.py"
    assert lost_mentions(PACKAGE / "arrays" / "convolution" / "im2col.py", text) == {"windows.py"}


def test_tests_mirror_the_package() -> None:
    tests = ROOT / "tests"
    lost = [path for path in TESTED_IN.values() if not (tests / path).is_file()]
    assert not lost, f"TESTED_IN names {lost}, which are not there"
    idle = [place for place in TESTED_IN if not (PACKAGE / place).exists()]
    assert not idle, f"TESTED_IN speaks of {idle}, which are not there"
    missing = []
    for path in sources(PACKAGE):
        module = path.relative_to(PACKAGE)
        if module.name == "__init__.py" and len(module.parts) > 1:
            continue  # gathers names; the modules are tested where they are
        folder = tests / module.parent
        names = (f"test_{module.stem}.py", f"test_{module.parent.name}_{module.stem}.py")
        listed = any(str(place) in TESTED_IN for place in (module, *module.parents))
        if not listed and not any((folder / name).is_file() for name in names):
            missing.append(str(module))
    assert not missing, (
        f"no tests/.../test_<name>.py for {missing}; write it, or name the file that tests it in TESTED_IN"
    )


def test_import_needs_numpy_only(tmp_path: Path) -> None:
    """In a fresh process, since this one has imported everything already."""
    script = f"import sys, minifcn; print(*sorted(set(sys.modules) & {set(HEAVY)!r}))"
    environment = os.environ | {"PYTHONPATH": str(Path(minifcn.__file__).parent.parent)}
    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == [], f"import minifcn loads {answer.stdout}"
