"""Laws of convolution, pooling, losses and engines as code, for minifcn's own tests, for labs and for your library.

    from minifcn.testing import check
    print(check(conv2d=my_conv2d))            # every law about it, the smallest case that breaks one, the known mistake

`LAWS` are the laws, `Law.falsify` looks for a case that breaks one. `geometries`, `conv_operands`, `pool_operands` and
`layouts` are Hypothesis strategies for property tests of your own. `MUTANTS` are wrong implementations that the laws
must tell from the right ones, `score` shows which law kills which, `VARIANTS` are right ones that they must let pass.
`python -m minifcn.testing` prints all of it.

Needs Hypothesis: pip install "minifcn[testing]".
"""

import sys as _sys

try:
    import hypothesis as _hypothesis  # noqa: F401 (only to see that it is there)
except ImportError as error:
    _missing = 'minifcn.testing needs Hypothesis, which is not installed; pip install "minifcn[testing]".'
    if _sys.argv[:1] == ["-m"]:  # `python -m minifcn.testing`, which looks for its module still: no traceback
        print(_missing, file=_sys.stderr)
        raise SystemExit(2) from None
    raise ImportError(_missing) from error

from minifcn.testing.check import check, diagnose
from minifcn.testing.judge import check_file
from minifcn.testing.law import Counterexample, Law, LawBroken, close, demand, equal, law, refuses
from minifcn.testing.laws import LAWS
from minifcn.testing.mutants import MUTANTS
from minifcn.testing.operations import Operations
from minifcn.testing.profiles import load_profile
from minifcn.testing.report import Finding, Report
from minifcn.testing.score import Score, laws_about, score
from minifcn.testing.strategies import (
    conv_operands,
    distinct,
    geometries,
    laid_out,
    layouts,
    pairs,
    pool_geometries,
    pool_operands,
    transposed_geometries,
    whole_numbers,
)
from minifcn.testing.variants import VARIANTS
from minifcn.testing.version import Version, changes, mutant, spoils, variant

__all__ = [
    "LAWS",
    "MUTANTS",
    "VARIANTS",
    "Counterexample",
    "Finding",
    "Law",
    "LawBroken",
    "Operations",
    "Report",
    "Score",
    "Version",
    "changes",
    "check",
    "check_file",
    "close",
    "conv_operands",
    "demand",
    "diagnose",
    "distinct",
    "equal",
    "geometries",
    "laid_out",
    "law",
    "laws_about",
    "layouts",
    "load_profile",
    "mutant",
    "pairs",
    "pool_geometries",
    "pool_operands",
    "refuses",
    "score",
    "spoils",
    "transposed_geometries",
    "variant",
    "whole_numbers",
]
