"""The machine: arrays of NumPy or CuPy, threads, memory, kernels, products. To be skipped on a first reading.

Nothing here knows what a convolution or a gradient is. The ideas live in the folders beside this one, which ask it for
memory (`memory.py`), for work shared between threads (`threads.py`, `spread.py`), for products of matrices
(`product.py`) and, on a GPU, for kernels (`kernels.py`).
"""
