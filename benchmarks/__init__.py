"""`python -m benchmarks`: minifcn beside the best that a user could pick instead, timed side by side.

works.py      the pieces of work, with the ratio that each should reach
contender.py  what is timed: steps that anybody can be asked to do; ours.py is minifcn's side
opponents/    one file per opponent, all with the same four functions
measure.py    interleaved timing; checking.py compares every result with a float64 reference first
child.py      one work in a process of its own; memory.py is the same for peaks of memory
machine.py    where and with which versions it was measured
table.py, picture.py   what is made of the results
step/         one training step, operation by operation, beside its roof: `python -m benchmarks.step`
"""
