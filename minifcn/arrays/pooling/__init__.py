"""Pooling and unpooling on bare arrays: `maximum.py`, `average.py`, `unpooling.py`."""

from minifcn.arrays.pooling.average import avg_pool, avg_pool_transposed
from minifcn.arrays.pooling.maximum import flat_indices, gather_taps, max_pool, maxima, scatter_taps
from minifcn.arrays.pooling.unpooling import gather_flat, unpool

__all__ = [
    "avg_pool",
    "avg_pool_transposed",
    "flat_indices",
    "gather_flat",
    "gather_taps",
    "max_pool",
    "maxima",
    "scatter_taps",
    "unpool",
]
