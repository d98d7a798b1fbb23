"""Bare arrays in, bare arrays out: the floor on which numbers are computed, by NumPy or CuPy, whichever owns the array.

Nothing here knows of gradients, and arguments are trusted: who calls has checked them. Each operation is a file, each
family of them a folder. Most of the machine is met on this floor: large work is cut into blocks and shared between
threads, and where a GPU needs a way of its own, a kernel in CUDA C stands beside its NumPy
twin, in the same file, so that both can be read, and changed, together. To read for the idea, read the NumPy half; the
loops in `convolution/loops.py` are the idea without either.
"""
