"""The graph that autograd has recorded, drawn in layers: leaves at the top, the result at the bottom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from minifcn.autograd.operation import Operation
from minifcn.autograd.variable import Variable
from minifcn.errors import ArgumentError
from minifcn.plot.style import BLUE, INK, QUIET, paper, styled, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Node = Operation | Variable
MOST = 120  # nodes that can be read
LEVEL, BOX, SPACE, TYPE = 0.62, 0.32, 0.25, 9.0  # inches, and points


def graph(result: Variable, names: Mapping[str, Variable] | None = None) -> Figure:
    """The operations that made `result`, and the leaves that want a gradient.

    names: what tensors are called, `graph(loss, {"x": x, "weight": weight})`; others go by their shape. An arrow leads
    from each operand to what was made from it; backward walks against the arrows.

    Raises ArgumentError for a result that was not recorded, and for more than 120 nodes.
    """
    levels, edges, labels = _levels(result, names or {})
    widths = {node: text_width([labels[node]], TYPE) + 0.3 for level in levels for node in level}
    total = max(sum(widths[node] + SPACE for node in level) for level in levels) + SPACE
    with styled():
        figure, axes = paper(total, LEVEL * len(levels))
        at: dict[int, tuple[float, float]] = {}
        for depth, level in enumerate(levels):
            x = (total - sum(widths[node] + SPACE for node in level) + SPACE) / 2
            for node in level:
                at[node] = x + widths[node] / 2, (depth + 0.5) * LEVEL
                x += widths[node] + SPACE
        for (start, end), bend in zip(edges, _bends(edges, levels), strict=True):
            (x0, y0), (x1, y1) = at[start], at[end]
            arrow = {"arrowstyle": "-|>", "color": QUIET, "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0,
                     "connectionstyle": f"arc3,rad={bend:g}"}  # fmt: skip
            axes.annotate("", (x1, y1 - BOX / 2), (x0, y0 + BOX / 2), arrowprops=arrow)
        leaves = {id(node) for node in _nodes(result)[0] if isinstance(node, Variable)}
        for node, (x, y) in at.items():
            box = {"boxstyle": "round,pad=0.35" if node in leaves else "square,pad=0.35", "facecolor": "white",
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


def _bends(edges: list[tuple[int, int]], levels: list[list[int]]) -> list[float]:
    """How far each arrow is bent: two between the same boxes apart, as in x + x, and one past a level around it."""
    level = {node: depth for depth, nodes in enumerate(levels) for node in nodes}
    bends, seen = [], dict.fromkeys(edges, 0)
    for edge in edges:
        together, number = edges.count(edge), seen[edge]
        seen[edge] += 1
        past = 0.3 if level[edge[1]] - level[edge[0]] > 1 else 0.0
        bends.append(past + 0.5 * (number - (together - 1) / 2))
    return bends


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
