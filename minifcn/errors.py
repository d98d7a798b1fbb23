"""The errors that minifcn raises on purpose: one sentence each, with the value, the limit and the remedy.

Every one is also the built-in error that a Python programmer expects, so `except ValueError` keeps working; the
command line catches `MinifcnError`, prints its sentence and leaves with status 2.
"""


class MinifcnError(Exception):
    """The base of all errors of this package."""


class ArgumentError(MinifcnError, ValueError):
    """A value that does not fit: a shape, a size, a label, an option."""


class ArgumentTypeError(MinifcnError, TypeError):
    """A thing of the wrong kind: a dtype, a float where an integer belongs, arrays of two devices."""


class GraphError(MinifcnError, RuntimeError):
    """A gradient was asked of a graph that cannot give it: freed, changed in place, or not there."""


class AllocationError(MinifcnError, MemoryError):
    """A single array that is larger than all the memory of the machine or card that should hold it."""


class FileError(MinifcnError, ValueError):
    """A file or a folder that is missing, damaged or not what it should be; the message names it."""


class FileWarning(UserWarning):
    """A file that is read, but holds something that is not used; the message names both."""
