"""What is made of the records: a page, a picture, and the few lines that are printed last."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import picture
from benchmarks.on_gpu import ceilings
from benchmarks.on_gpu.works import WORKS
from benchmarks.table import amount, cell, in_order, number, reached, rows, said
from benchmarks.works import BEST
from minifcn.weights import write_text_atomic

Record = dict[str, Any]

CEILINGS, EXACT, SWEEP = "ceilings", "exact", "sweep"
SHOWN = 14  # lines of a profile
EXPLAINED = """\
Ratios are theirs / ours, the median over rounds of runs next to each other: above 1, ours is faster or needs less.
PyTorch is eager, with cudnn.benchmark, in both memory formats; the one that is harder to beat counts. Times are by the
events of the GPU. The roof is the least time of the work: for each of its operations, operations (a convolution's as a
sum over taps) at the speed of the fastest product of matrices, or bytes at that of a copy, whichever takes longer; the
share of it that is reached is that time over the measured one. The error is ‖found − reference‖ / ‖reference‖ against
minifcn in float64."""


def load(folder: Path, quick: bool, rehearsal: bool) -> dict[str, Record]:
    """The records of the folder by name, of the sizes and the kind of machine that are asked for."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if (record.get("quick"), record.get("rehearsal")) == (quick, rehearsal):
            found[path.stem] = record
    return found


def write(folder: Path, name: str, record: Record) -> None:
    write_text_atomic(folder / f"{name}.json", json.dumps(record, indent=1, allow_nan=True) + "\n")


def write_page(folder: Path, quick: bool, rehearsal: bool, left_out: list[str]) -> None:
    write_text_atomic(folder / "table.md", page(load(folder, quick, rehearsal), quick, rehearsal, left_out))


def write_picture(folder: Path, quick: bool, rehearsal: bool) -> None:
    records = in_order(list(load(folder, quick, rehearsal).values()), WORKS)
    if rehearsal:
        records = [record | {"title": f"REHEARSAL: {record['title']}"} for record in records]
    if any("ratio" in entry for record in records for entry in record["opponents"]):
        picture.save(records, folder / "ratios.png", WORKS)


# Lines --------------------------------------------------------------------------------------------------------------


def ratio(record: Record) -> str:
    """The best of PyTorch over ours, with the target; or why there is none."""
    if record["ours"]["problem"]:
        return record["ours"]["problem"]
    if reached(record, BEST) is None:
        reasons = [one["reason"] for one in record["missing"]] + [e["problem"] for e in record["opponents"]]
        return next(filter(None, reasons), "not measured")
    return cell(record, BEST) or "not measured"


def times(entry: Record) -> float | None:
    """All parts together: seconds, or bytes."""
    if "seconds" in entry:
        return sum(part["median"] for part in entry["seconds"])
    return float(entry["peaks"][0]) if "peaks" in entry else None


def short(records: dict[str, Record]) -> str:
    """One line per work: ours, theirs, the ratio, the share of the roof."""
    lines = []
    for record in in_order(list(records.values()), WORKS):
        mine, best = times(record["ours"]), reached(record, BEST)
        theirs = None if best is None else median(sum(pair["theirs"]) for pair in best["pairs"])
        shown = ["-" if value is None else amount([value], record["unit"]) for value in (mine, theirs)]
        lines.append([record["work"], *shown, ratio(record), share(record["ours"])])
    head = ["work", "ours", "PyTorch", "PyTorch / ours", "share of the roof"]
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    return "\n".join("  ".join(text.ljust(n) for text, n in zip(line, widths, strict=True)).rstrip()
                     for line in [head, *lines])  # fmt: skip


def share(entry: Record) -> str:
    return f"{100 * entry['share']:.0f}%" if "share" in entry else ""


# The page -----------------------------------------------------------------------------------------------------------


def page(records: dict[str, Record], quick: bool, rehearsal: bool, left_out: list[str]) -> str:
    title = "# minifcn and PyTorch on a GPU"
    if rehearsal:
        title = "# A rehearsal on the CPU with tiny sizes: no result"
    elif quick:
        title = "# Small sizes on a GPU, for a quick look"
    known = in_order(list(records.values()), WORKS)
    asked = [
        [f"{record['title']}, {record['size']}", ratio(record), share(record["ours"]), first_share(record)]
        for record in known
    ]
    parts = [title, EXPLAINED, rows([["work", "PyTorch / ours", "share of the roof", "PyTorch's share"], *asked])]
    if CEILINGS in records:
        shown = ceilings.lines(records[CEILINGS]["found"])
        parts += ["### What the GPU gives", "\n".join(f"- {line}" for line in shown)]
    if EXACT in records:
        parts += ["### Integers", integers(records[EXACT])]
    parts += [measurements(record) for record in known]
    parts += [f"### Left out, as the time was over\n\n{', '.join(left_out)}"] if left_out else []
    parts += ["### Machine and versions", machines(list(records.values()))]
    return "\n\n".join(parts) + "\n"


def first_share(record: Record) -> str:
    best = reached(record, BEST)
    return "" if best is None else share(best)


def integers(record: Record) -> str:
    wrong = [check for check in record["checks"] if check["problem"]]
    text = f"{len(record['checks']) - len(wrong)} of {len(record['checks'])} checks: the numbers of the CPU in float64."
    lines = [f"- {one['name']}, {one['precision']}, {one['algorithm']}: {one['problem']}" for one in wrong]
    return "\n".join([text, *([""] if lines else []), *lines])


def measurements(record: Record) -> str:
    unit = record["unit"]
    head = ["", "ours", *(entry["name"] for entry in record["opponents"])]
    entries = [record["ours"], *record["opponents"]]
    body = []
    if "seconds" in record["ours"] and len(record["parts"]) > 1:
        for place, part in enumerate(record["parts"]):
            body.append([part, *(at(entry, place) for entry in entries)])
    body.append(["all", *(total(entry, unit) for entry in entries)])
    if unit == "bytes":
        body.append(["reserved", *(amount([e["reserved"]], unit) if "reserved" in e else "" for e in entries)])
    else:
        body.append(["by the host's clock", *(amount([sum(e["wall"])], unit) if "wall" in e else "" for e in entries)])
        body.append(["share of the roof", *map(share, entries)])
    body.append(["theirs / ours", "", *(spread(entry) for entry in record["opponents"])])
    body.append(["error", *(said(entry.get("error")) for entry in entries)])
    problems = [
        f"{name}: {entry['problem']}." for name, entry in zip(head[1:], entries, strict=True) if entry["problem"]
    ]
    text = "\n\n".join([f"### {record['title']}, {record['size']}", rows([head, *body]), *problems])
    if "profile_problem" in record:
        text += f"\n\nThe profile {record['profile_problem']}."
    if "method" in record:
        text += f"\n\nCounted is {record['method']}."
    if "profile" in record:
        shown = "\n".join(record["profile"]["text"].splitlines()[: SHOWN + 2])
        steps = record["profile"]["steps"]
        text += f"\n\n{steps} times, waiting for the GPU after every operation:\n\n```text\n{shown}\n```"
    return text


def at(entry: Record, place: int) -> str:
    if "seconds" not in entry:
        return ""
    percent = f" ({100 * entry['shares'][place]:.0f}%)" if "shares" in entry else ""
    return amount([entry["seconds"][place]["median"]], "seconds") + percent


def total(entry: Record, unit: str) -> str:
    value = times(entry)
    if value is None and "pairs" in entry:
        value = median(sum(pair["theirs"]) for pair in entry["pairs"])
    return "" if value is None else amount([value], unit)


def spread(entry: Record) -> str:
    if "ratio" not in entry:
        return ""
    found = entry["ratio"]
    return f"{number(found['median'])} ({number(found['low'])} – {number(found['high'])})"


def machines(records: list[Record]) -> str:
    texts: dict[str, None] = {}
    for record in records:
        m = record["machine"]
        gpu = ", ".join(
            f"{label} {m[key]}"
            for key, label in (("driver", "driver"), ("cuda_driver", "CUDA of the driver"), ("cuda_runtime", "CUDA"),
                               ("cupy", "CuPy"), ("cublas", "cuBLAS"), ("torch", "PyTorch"), ("torch_cuda", "its CUDA"),
                               ("cudnn", "cuDNN"))
            if m.get(key) is not None
        )  # fmt: skip
        texts[
            f"- {m.get('gpu', 'unknown')}; {gpu}; {m['processor']}, {m['cores']} cores; {m['system']}, Python "
            f"{m['python']}, NumPy {m['numpy']}; minifcn {m['minifcn']} at {m['commit']}"
        ] = None
    return "\n".join(texts)
