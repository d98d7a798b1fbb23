"""The three contractions of T(x, w, y): each algorithm a file, `algorithms.py` the choice among them."""

from minifcn.arrays.convolution.algorithms import (
    ALGORITHMS,
    COMPUTED_BY,
    algorithm_for,
    to_input,
    to_output,
    to_weight,
    use_algorithm,
)

__all__ = ["ALGORITHMS", "COMPUTED_BY", "algorithm_for", "to_input", "to_output", "to_weight", "use_algorithm"]
