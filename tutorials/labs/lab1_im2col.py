# %% [markdown]
# # Lab 1: Windows as columns
# ## 실습 1: 윈도를 열로 펼치기
#
# You write the four functions that make a convolution one product of matrices, and its way back. 90 minutes.
#
# Each function stands in a cell of its own; write what is missing, run the cell below it, and read what the laws say.
# You need NumPy alone.

# %%
import numpy as np

from minifcn.labs import session

lab = session(1)

# %% [markdown]
# ## 1. How many windows
#
# ...

# %% nbgrader={"grade": false, "grade_id": "output_size", "locked": false, "schema_version": 3, "solution": true, "task": false}
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    """How many windows fit into one axis: of `size` pixels, with `padding` zeros at both ends."""
    ### BEGIN SOLUTION
    extent = dilation * (kernel - 1) + 1
    if stride < 1 or extent > size + 2 * padding:
        raise ValueError(f"a kernel that extends over {extent} does not fit into {size} + 2·{padding} pixels.")
    return (size + 2 * padding - extent) // stride + 1
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-output_size", "locked": true, "points": 17, "schema_version": 3, "solution": false, "task": false}
lab.check(output_size)
