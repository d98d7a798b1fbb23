"""`python -m benchmarks.gpu`: minifcn on CuPy beside PyTorch on CUDA, checked, then timed by the GPU's own clock.

works.py      what is measured, in which order, and the ratio that each should reach
device.py     the GPU; rehearsal.py plays its part on a machine without one
side.py       what is timed: parts that anybody can be asked to do; precision.py float32 or TF32, for both
convolutions.py, networks.py, elementwise.py   the jobs: data, reference, both sides, operations and bytes
exact.py      integers, for which there is nothing to round; ceilings.py what the GPU gives
measure.py    from a job to its record: check, poison, same bits, time in pairs; sweep.py the knobs
report.py     what is made of the records
"""
