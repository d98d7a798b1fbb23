"""Ctrl-C while the command line is still being imported: one line and no traceback.

NumPy and the library take half a second to load, in which nothing of ours could catch a KeyboardInterrupt: `python -m`
imports the package before anything else, and so does the script that installers write. Therefore the package imports
this file first, and to import it is enough. Whoever imports minifcn in a program of their own keeps their signals.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import pairwise

STATUS = 130  # of a command that Ctrl-C ended: 128 and the number of the signal


def is_the_command_line(argv: list[str], given: list[str]) -> bool:
    """Whether this process was begun as `minifcn ...` or `python -m minifcn ...`.

    argv: sys.argv, whose first is "-m" while Python looks for the module to run. given: sys.orig_argv.
    """
    if not argv:
        return False
    if argv[0] == "-m":
        return "-mminifcn" in given or ("-m", "minifcn") in pairwise(given)
    return os.path.splitext(os.path.basename(argv[0]))[0] in ("minifcn", "minifcn-script")


def leave(number: int, frame: object) -> None:
    """Nothing has been begun, so there is nothing to put in order."""
    os.write(2, b"minifcn: interrupted.\n")
    os._exit(STATUS)


def leave_quietly_on_interrupt() -> None:
    """From now on, if this is the command line."""
    if is_the_command_line(sys.argv, sys.orig_argv) and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)


def nothing_is_left_to_stop() -> None:
    """An impatient further Ctrl-C does not change the exit status of a command that the first one has ended."""
    if signal.getsignal(signal.SIGINT) is leave:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


leave_quietly_on_interrupt()
