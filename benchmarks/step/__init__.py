"""`python -m benchmarks.step`: one training step of the default job, operation by operation, beside what it must take.

calls.py     a step recorded call by call
roofs.py     the least time of a call, and the family that it belongs to
measure.py   rounds of our step and PyTorch's in turn, and what is made of their times
page.py      the result as markdown
child.py     all of it in a process of its own
"""
