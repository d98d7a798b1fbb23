"""The student's side of a check: a process that runs their file and answers calls of its functions.

It is started as `python worker.py` and imports no minifcn: what it says is what the functions gave, never whether that
was right. `minifcn.testing.isolation` is the other side. A result is no verdict, so nothing that is done in here, no
exit and no patch of NumPy, makes a wrong function right.
"""

from __future__ import annotations

import faulthandler
import importlib.util
import inspect
import linecache
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

if TYPE_CHECKING or __package__:
    from minifcn.testing.counting import Counting
    from minifcn.testing.wire import Packer, receive, send, unpack
else:  # started as a file, or found beside it
    from counting import Counting
    from wire import Packer, receive, send, unpack


def main() -> None:
    questions, answers = _channel()
    request, _ = receive(questions)
    _limit_memory(request["memory"])
    path, found = request["file"], {}
    trace = os.open(request["trace"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)  # for the line that hangs, or kills
    faulthandler.enable(trace)
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    told: dict[str, Any] = {}
    try:
        faulthandler.dump_traceback_later(request["seconds"], file=trace)
        module = loaded(path)
        found = {name: getattr(module, name) for name in request["names"] if callable(getattr(module, name, None))}
        told["functions"] = {name: signature_of(function) for name, function in found.items()}
        told["others"] = [name for name in written_in(module) if name not in found]
    except BaseException as error:
        told["raised"] = raised(error, path)
    faulthandler.cancel_dump_traceback_later()
    send(answers, told, [])
    while True:
        try:
            request, buffers = receive(questions)
        except EOFError:
            return
        faulthandler.dump_traceback_later(request["seconds"], file=trace)
        asked = Asked(questions, answers, request)
        told, changed = answered(found[request["call"]], request, buffers, path, asked)
        faulthandler.cancel_dump_traceback_later()
        send(answers, {**told, "number": asked.number}, changed)


class Asked:
    """The functions of the judge that a call is given, `request["given"]`: each call of one is a question to it."""

    def __init__(self, questions: BinaryIO, answers: BinaryIO, request: dict[str, Any]) -> None:
        self.questions, self.answers, self.number = questions, answers, request["number"]
        self.functions = {name: self._function(name) for name in request.get("given", ())}

    def _function(self, name: str) -> Callable[..., Any]:
        def function(*arguments: Any, **named: Any) -> Any:
            packer = Packer()
            question = {"asks": name, "arguments": packer.pack(arguments), "named": packer.pack(named)}
            send(self.answers, {**question, "number": self.number}, packer.buffers)
            told, buffers = receive(self.questions)
            self.number = told["number"]
            if "raised" in told:
                raise {"TypeError": TypeError}.get(told["kind"], ValueError)(told["raised"])
            return unpack(told["gave"], buffers)

        function.__name__ = name
        return function


def answered(
    function: Callable[..., Any], request: dict[str, Any], buffers: list[np.ndarray], path: str, asked: Asked
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """What one call gave, and the memory of those arguments that it changed."""
    arguments, named = unpack(request["arguments"], buffers), unpack(request["named"], buffers)
    before = [buffer.copy() for buffer in buffers]
    packer, told, counting = Packer(owners=buffers), {}, Counting(path)
    try:
        with np.errstate(all="ignore"), counting if request.get("count") else nullcontext():
            gave = function(*arguments, **named, **asked.functions)
        told["gave"] = packer.pack(gave)
        told["count"] = [counting.lines, counting.bytes, counting.whole]
    except BaseException as error:  # SystemExit and KeyboardInterrupt, too
        packer, told = Packer(), {"raised": raised(error, path)}
    changed = [number for number, buffer in enumerate(buffers) if not np.array_equal(buffer, before[number])]
    told["changed"] = changed
    return told, [*packer.buffers, *(buffers[number] for number in changed)]


def written_in(module: ModuleType) -> list[str]:
    """The names of the functions that are written in the file itself, in their order; those with a _ are its own."""
    return [
        name
        for name, value in list(vars(module).items())
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


# --- the file and what it raises --------------------------------------------------------------------------------------


def loaded(path: str) -> ModuleType:
    """A Python file as a module that is not `__main__`."""
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def signature_of(function: Callable[..., Any]) -> list[Any] | None:
    """[name, kind, whether it has a default] of each parameter; None for what has no signature, as C functions."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return None
    return [[p.name, p.kind.name, p.default is not p.empty] for p in parameters]


def raised(error: BaseException, path: str) -> dict[str, Any]:
    """An exception as words: its type, what it says, and the innermost line of the file `path` that it came through."""
    try:
        message = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    except Exception:
        message = ""
    return {"type": type(error).__name__, "message": shortened(message), "place": place(error, path)}


def place(error: BaseException, path: str) -> str | None:
    """`FILE, line 12, in conv2d: y[i] = x[j]`: the innermost line of a file that an exception came through.

    Of an assertion the outermost: one that fails in a helper says nothing of which of its calls it was.
    """
    if isinstance(error, SyntaxError) and error.filename and same_file(error.filename, path):
        return f"{os.path.basename(path)}, line {error.lineno}: {(error.text or '').strip()}".rstrip(": ")
    frames = [frame for frame in traceback.walk_tb(error.__traceback__) if same_file(frame[0].f_code.co_filename, path)]
    if not frames:
        return None
    frame, line = frames[0 if isinstance(error, AssertionError) else -1]
    return in_words(path, line, frame.f_code.co_name)


def in_words(path: str, line: int, function: str) -> str:
    code = shortened(linecache.getline(path, line).strip(), 80)
    where = "" if function == "<module>" else f", in {function}"
    return f"{os.path.basename(path)}, line {line}{where}: {code}".rstrip(": ")


def same_file(one: str, other: str) -> bool:
    return one == other or os.path.abspath(one) == os.path.abspath(other)


def shortened(text: str, length: int = 300) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


# --- the process ------------------------------------------------------------------------------------------------------


def _channel() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the judge, out of the way of `input` and `print`: what is printed goes to the standard error."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return questions, answers


def _limit_memory(size: int) -> None:
    """Beyond so many bytes of address space Python raises MemoryError; not on Windows, nor on macOS."""
    try:
        import resource
    except ImportError:
        return
    for kind, limit in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, size)):
        _, hard = resource.getrlimit(kind)
        lowest = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        try:
            resource.setrlimit(kind, (lowest, lowest))
        except (ValueError, OSError):
            continue


if __name__ == "__main__":
    main()
