"""The graph that autograd has recorded, drawn in layers: leaves at the top, the result at the bottom."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from minifcn.autograd.operation import Operation
from minifcn.autograd.steps import steps
from minifcn.autograd.variable import Variable
from minifcn.errors import ArgumentError
from minifcn.plot.frames import Frames
from minifcn.plot.sheet import WINDOW, written
from minifcn.plot.style import BLUE, INK, QUIET, paper, styled, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Node = Operation | Variable
MOST = 120  # nodes that can be read
LEVEL, BOX, SPACE, TYPE = 0.62, 0.32, 0.25, 9.0  # inches, and points


def graph(result: Variable, names: Mapping[str, Variable] | None = None) -> Figure:
    """The operations that made `result`, and the leaves that want a gradient.

    names: what tensors are called, `graph(loss, {"x": x, "weight": weight})`; others go by their shape. An arrow leads
    from each operand to what was made from it; backward walks against the arrows: `walk` shows it.

    Raises ArgumentError for a result that was not recorded, and for more than 120 nodes.
    """
    levels, edges, labels = _levels(result, names or {})
    return _drawn(result, levels, edges, labels, labels)


def walk(result: Variable, names: Mapping[str, Variable] | None = None, gradient: Any = None) -> Frames:
    """`backward` on the same graph, one frame for each node: what it receives is written into its box, and the arrows
    over which it hands that on turn round. The walk is that of autograd itself; no `.grad` is touched.

    names: as for `graph`. gradient: what `result` receives; may be left out for a single number, where it is 1.

    Raises ArgumentError as `graph`, and for more than 63 nodes; GraphError for a graph that has been freed.
    """
    levels, edges, labels = _levels(result, names or {})
    reached = steps(result, gradient)
    told = {**labels, **{id(node): f"{labels[id(node)]} ← {_received(total)}" for node, total in reached}}

    def draw(n: int) -> Figure:
        now = {**labels, **{id(node): told[id(node)] for node, _ in reached[:n]}}
        return _drawn(result, levels, edges, now, told, {id(node) for node, _ in reached[:n]})

    return Frames(draw, len(reached) + 1, "steps backward")


def _received(total: Variable) -> str:
    """A gradient in few characters: its numbers if there are at most four, else its shape."""
    values = total.detach().numpy().ravel()
    if values.size > 4:
        return f"{total.shape}"
    texts = [written(value) for value in values]
    return texts[0] if total.ndim == 0 else f"[{', '.join(texts)}]"


def _drawn(
    result: Variable,
    levels: list[list[int]],
    edges: list[tuple[int, int]],
    labels: dict[int, str],
    widest: dict[int, str],
    turned: Collection[int] = (),
) -> Figure:
    """One picture: `widest` says how much room the boxes take, `turned` whose arrows lead back."""
    widths = {node: text_width([widest[node]], TYPE) + 0.3 for level in levels for node in level}
    total = max(sum(widths[node] + SPACE for node in level) for level in levels) + SPACE
    with styled():
        figure, axes = paper(total, LEVEL * len(levels))
        at: dict[int, tuple[float, float]] = {}
        for depth, level in enumerate(levels):
            x = (total - sum(widths[node] + SPACE for node in level) + SPACE) / 2
            for node in level:
                at[node] = x + widths[node] / 2, (depth + 0.5) * LEVEL
                x += widths[node] + SPACE
        for (start, end), (bend, aside) in zip(edges, _courses(edges, levels), strict=True):
            (x0, y0), (x1, y1) = at[start], at[end]
            back = end in turned
            arrow = {"arrowstyle": "<|-" if back else "-|>", "color": WINDOW if back else QUIET,
                     "linewidth": 2.0 if back else 1.0, "shrinkA": 0, "shrinkB": 0,
                     "connectionstyle": f"arc3,rad={bend:g}"}  # fmt: skip
            axes.annotate("", (x1 + aside, y1 - BOX / 2), (x0 + aside, y0 + BOX / 2), arrowprops=arrow)
        leaves = {id(node) for node in _nodes(result)[0] if isinstance(node, Variable)}
        for node, (x, y) in at.items():
            box = {"boxstyle": "round,pad=0.35" if node in leaves else "square,pad=0.35",
                   "facecolor": "#fbe9dd" if node in turned else "white",
                   "edgecolor": BLUE if node in leaves else INK, "linewidth": 1.2}  # fmt: skip
            axes.text(x, y, labels[node], ha="center", va="center", size=TYPE, parse_math=False, bbox=box, zorder=3)
    return figure


def to_dot(result: Variable, names: Mapping[str, Variable] | None = None) -> str:
    """The same graph as text in Graphviz's language: `dot -Tsvg` draws it.

    >>> from minifcn import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> print(to_dot(x * x, {"x": x}))
    digraph {
      n0 [label="x (2,)", shape=ellipse];
      n1 [label="Multiply", shape=box];
      n0 -> n1;
      n0 -> n1;
    }
    """
    levels, edges, labels = _levels(result, names or {})
    leaves = {id(node) for node in _nodes(result)[0] if isinstance(node, Variable)}
    number = {node: n for n, node in enumerate(node for level in levels for node in level)}
    lines = ["digraph {"]
    for node, n in number.items():
        label = labels[node].replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'  n{n} [label="{label}", shape={"ellipse" if node in leaves else "box"}];')
    lines += [f"  n{number[start]} -> n{number[end]};" for start, end in edges]
    return "\n".join([*lines, "}"])


def _courses(edges: list[tuple[int, int]], levels: list[list[int]]) -> list[tuple[float, float]]:
    """How far each arrow is bent, and how far it stands aside, in inches: several between the same boxes, as in x + x,
    stand side by side, and one past a level bends around it."""
    level = {node: depth for depth, nodes in enumerate(levels) for node in nodes}
    courses, seen = [], dict.fromkeys(edges, 0)
    for edge in edges:
        together, number = edges.count(edge), seen[edge]
        seen[edge] += 1
        past = 0.3 if level[edge[1]] - level[edge[0]] > 1 else 0.0
        courses.append((past, 0.2 * (number - (together - 1) / 2)))
    return courses


def _nodes(result: Variable) -> tuple[list[Node], list[tuple[Node, Node]]]:
    """Every node, operands before what is made from them, and every edge; without recursion, graphs may be deep."""
    if result.grad_fn is None:
        raise ArgumentError(
            "this tensor has no graph: nothing that led to it requires grad; make a leaf with requires_grad=True first."
        )
    found: list[Node] = []
    edges: list[tuple[Node, Node]] = []
    seen: set[int] = set()
    stack: list[tuple[Node, bool]] = [(result.grad_fn, False)]
    while stack:
        node, finished = stack.pop()
        if finished:
            found.append(node)
            continue
        if id(node) in seen:
            continue
        seen.add(id(node))
        stack.append((node, True))
        parents = [parent for parent in node.parents if parent is not None] if isinstance(node, Operation) else []
        edges += [(parent, node) for parent in parents]
        stack += [(parent, False) for parent in reversed(parents)]
    if len(found) > MOST:
        raise ArgumentError(f"the graph has {len(found)} nodes, at most {MOST} can be read; draw a smaller part.")
    return found, edges


def _levels(
    result: Variable, names: Mapping[str, Variable]
) -> tuple[list[list[int]], list[tuple[int, int]], dict[int, str]]:
    """The nodes by their distance from the result, the farthest first; edges and labels by the nodes' identities."""
    nodes, links = _nodes(result)
    edges = [(id(start), id(end)) for start, end in links]
    depth = {id(node): 0 for node in nodes}
    for node in reversed(nodes):  # what is made before its operands: each is below all that it is made from
        for start, end in edges:
            if end == id(node):
                depth[start] = max(depth[start], depth[end] + 1)
    levels: list[list[int]] = [[] for _ in range(max(depth.values()) + 1)]
    for node in nodes:
        levels[max(depth.values()) - depth[id(node)]].append(id(node))
    for below, above in zip(levels[:0:-1], levels[-2::-1], strict=True):  # each over what it leads to: fewer crossings
        place = {node: n for n, node in enumerate(below)}
        mean = {n: [place[end] for start, end in edges if start == n and end in place] for n in above}
        above.sort(key=lambda n: sum(mean[n]) / len(mean[n]) if mean[n] else len(below) / 2)
    called = {id(variable): name for name, variable in names.items()}
    labels = {}
    for node in nodes:
        if isinstance(node, Variable):
            labels[id(node)] = f"{called.get(id(node), 'leaf')} {node.shape}"
        else:
            labels[id(node)] = node.name
    return levels, edges, labels
