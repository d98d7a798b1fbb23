"""The graph of a file while it grows: nodes, names and the constants beside them.

Parameters and buffers keep the names of the state_dict. A node is named by its layer and what it does,
"stage1.0/Conv", and so is its result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.export.comparing import Together
from minifcn.export.following import IMAGE, NotFollowed, Step
from minifcn.export.sizes import Extent, Numbers, constant, extent
from minifcn.machine.backend import Array


@dataclass
class Node:
    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


class Graph:
    """Grows by `node`; `name_of` a value gives what to write for it."""

    def __init__(self, followed: Together) -> None:
        self.followed = followed
        self.count = len(followed.values[IMAGE])  # of the runs
        self.nodes: list[Node] = []
        self.arrays: dict[str, np.ndarray] = {}  # what is not computed
        self.makers: dict[str, Node] = {}
        self.names: dict[int, str] = {IMAGE: "image"}
        self._used = {"image", "scores", *followed.names.values()}  # the first two come in and go out
        self.summed: dict[int, Numbers] = {}  # of values that are sums, how many were added
        self.pooled: list[tuple[Node, Step]] = []  # max poolings whose winners a file could tell
        self._extents: dict[Extent, str] = {}
        self._shared: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.layer = ""

    # --- values -------------------------------------------------------------------------------------------------------

    def shapes(self, value: int) -> tuple[Numbers, ...]:
        """The sizes of a value, axis by axis, each in all runs."""
        return tuple(zip(*(array.shape for array in self.followed.values[value]), strict=True))

    def varies(self, value: int) -> bool:
        """Whether a value has other sizes in another run."""
        return not all(map(constant, self.shapes(value)))

    def name_of(self, value: int, step: Step) -> str:
        """A constant or parameter becomes part of the file when it is first asked for, by `step`."""
        if value not in self.names:
            known = value in self.followed.states
            first = self.followed.values[value][0]
            self.names[value] = self.state(first) if known else self._constant(value, step)
        return self.names[value]

    def state(self, array: Array) -> str:
        """A parameter or buffer, by the array that it holds."""
        name = self.followed.names[id(array)]
        self.arrays[name] = array
        return name

    def _constant(self, value: int, step: Step) -> str:
        arrays = self.followed.values[value]
        first = arrays[0]
        if all(array.shape == first.shape and np.array_equal(array, first, equal_nan=True) for array in arrays):
            return self.array(first)
        if len({number for array in arrays for number in np.unique(array).tolist()}) == 1:  # one number, repeated
            return self.node("Expand", self.array(first.reshape(-1)[:1]), self.sizes(self.shapes(value), step))
        if self.varies(IMAGE):
            raise NotFollowed(f"{step.name} is given numbers that change with the size or the content of the image")
        raise ArgumentError(
            f"export.onnx: {step.name} is given numbers that were computed from the image by something that is no "
            f"operation (a comparison, or NumPy), which no file can repeat; write that part with operations."
        )

    def is_made(self, value: int) -> bool:
        """Whether a value is the image, a parameter or the result of a step."""
        return value in self.names or value in self.followed.states

    # --- what is written ----------------------------------------------------------------------------------------------

    def array(self, values: Any, dtype: Any = None) -> str:
        """A constant; equal ones are one."""
        array = np.ascontiguousarray(np.asarray(values, dtype)).reshape(np.shape(values))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._shared:
            self._shared[key] = self._free("constant")
            self.arrays[self._shared[key]] = array
        return self._shared[key]

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """The name of what the new node makes, or the names if it makes several."""
        place = f"{self.layer}/{kind}" if self.layer else kind
        names = [self._free(place) for _ in range(outputs)]
        made = Node(kind, list(inputs), names, attributes)
        self.nodes.append(made)
        self.makers |= dict.fromkeys(names, made)
        return names[0] if outputs == 1 else names

    def _free(self, wish: str) -> str:
        name, number = wish, 1
        while name in self._used:
            number += 1
            name = f"{wish}_{number}"
        self._used.add(name)
        return name

    def sizes(self, numbers: Sequence[Numbers], step: Step, most: Sequence[Numbers | None] | None = None) -> str:
        """A list of integers, each given as it was in all runs: constant, or the extent of something.

        most   what each is cut to by whoever reads the list, as a slice ends with what it is cut from
        """
        pieces: list[str | list[int]] = []
        for each, limit in zip(numbers, most or (None,) * len(numbers), strict=True):
            if not constant(each):
                pieces.append(self._size(self._extent_of(each, step, limit)))
            elif pieces and isinstance(pieces[-1], list):
                pieces[-1].append(each[0])
            else:
                pieces.append([each[0]])
        names = [self.array(piece, np.int64) if isinstance(piece, list) else piece for piece in pieces]
        if len(names) > 1:
            return str(self.node("Concat", *names, axis=0))
        return names[0] if names else self.array([], np.int64)

    def known(self, numbers: Numbers, step: Step) -> bool:
        """Whether `sizes` can say these."""
        return constant(numbers) or self._find(numbers, step) is not None

    def _find(self, numbers: Numbers, step: Step, most: Numbers | None = None) -> Extent | None:
        near = [*step.operands, IMAGE]
        far = [value for value in reversed(self.names) if value not in near and value < step.result]
        known = [value for value in (*near, *far) if value in self.names]
        return extent(numbers, [(value, self.shapes(value)) for value in known], most)

    def _extent_of(self, numbers: Numbers, step: Step, most: Numbers | None) -> Extent:
        found = self._find(numbers, step, most)
        if found is None:
            raise NotFollowed(f"a size in {step.name} follows from no size of another map")
        return found

    def _size(self, found: Extent) -> str:
        """One integer in a list."""
        if found not in self._extents:
            name = self.node("Shape", self.names[found.value], start=found.axis, end=found.axis + 1)
            for kind, number, idle in (("Mul", found.times, 1), ("Div", found.divisor, 1), ("Add", found.plus, 0)):
                if number != idle:
                    name = self.node(kind, name, self.array([number], np.int64))
            self._extents[found] = name
        return self._extents[found]


Translation = Callable[[Graph, Step], str]  # writes the nodes of one step and returns the name of its result


def operands(graph: Graph, step: Step) -> list[str]:
    """The names of what a step is given."""
    return [graph.name_of(value, step) for value in step.operands]
