"""The cases of hostile/arrays.py by name, for operands on any card: none computes with bare arrays.

`keys % 2` would be computed on the current card, which is the caller's affair; here the mask is made beforehand.
"""

from __future__ import annotations

import numpy as np

from tests.hostile import arrays
from tests.hostile.arrays import Case, identifier

BY_MASK = Case("getitem", lambda x, mask: x[mask], (arrays.IMAGES,), (np.arange(8).reshape(2, 4) % 2 == 0,))
CASES = {identifier(case): case for case in arrays.CASES} | {"getitem-3": BY_MASK}
