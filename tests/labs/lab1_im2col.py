# %% [markdown]
# # Lab 1: Windows as columns
# ## 실습 1: 윈도를 열로 펼치기
#
# A small text of the first lab, with all that a lab may have: `x = "a"` \ and *stars*.

# %%
import numpy as np

from minifcn.labs import session

lab = session(1)

# %% nbgrader={"grade": false, "grade_id": "given", "locked": true, "schema_version": 3, "solution": false, "task": false}
KINDS = ("rows", "columns")


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


print(pair(1), KINDS)


# %% nbgrader={"grade": false, "grade_id": "output_size", "locked": false, "schema_version": 3, "solution": true, "task": false}
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    """How many windows fit into one axis, or into each of two."""
    ### BEGIN SOLUTION
    if isinstance(size, tuple):
        rest = zip(pair(kernel), pair(stride), pair(padding), pair(dilation), strict=True)
        return tuple(output_size(one, *others) for one, others in zip(size, rest, strict=True))
    extent = dilation * (kernel - 1) + 1
    if stride < 1 or extent > size + 2 * padding:
        raise ValueError(f"a kernel that extends over {extent} does not fit into {size} + 2·{padding} pixels.")
    return (size + 2 * padding - extent) // stride + 1
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-output_size", "locked": true, "points": 17, "schema_version": 3, "solution": false, "task": false}
lab.check(output_size)


# %% nbgrader={"grade": false, "grade_id": "im2col", "locked": false, "schema_version": 3, "solution": true, "task": false}
def im2col(x, kernel_size, dilation=1, padding=0, stride=1):
    """Every window of x, (N, C, H, W), as a column: (N, C·KH·KW, OH·OW)."""
    ### BEGIN SOLUTION
    batch, channels, height, width = x.shape
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = map(pair, (kernel_size, dilation, padding, stride))
    rows, columns = output_size((height, width), (kh, kw), (sh, sw), (ph, pw), (dh, dw))
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    made = np.empty((batch, channels, kh, kw, rows, columns), x.dtype)
    for k in range(kh):
        for l in range(kw):
            window = padded[:, :, k * dh :, l * dw :]
            made[:, :, k, l] = window[:, :, : rows * sh : sh, : columns * sw : sw][:, :, :rows, :columns]
    return made.reshape(batch, channels * kh * kw, rows * columns)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-im2col", "locked": true, "points": 30, "schema_version": 3, "solution": false, "task": false}
lab.check(im2col)


# %% nbgrader={"grade": false, "grade_id": "col2im", "locked": false, "schema_version": 3, "solution": true, "task": false}
def col2im(columns, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Each column added to the pixels of its window: the transpose of im2col."""
    ### BEGIN SOLUTION
    height, width = pair(output_size)
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = map(pair, (kernel_size, dilation, padding, stride))
    rows = (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    across = (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    if columns.ndim != 3 or columns.shape[1] % (kh * kw) or columns.shape[2] != rows * across:
        raise ValueError(f"columns of shape {columns.shape} do not fit: {kh * kw} taps, {rows * across} windows.")
    batch, channels = columns.shape[0], columns.shape[1] // (kh * kw)
    parts = columns.reshape(batch, channels, kh, kw, rows, across)
    image = np.zeros((batch, channels, height + 2 * ph + sh, width + 2 * pw + sw), columns.dtype)
    for k in range(kh):
        for l in range(kw):
            image[:, :, k * dh : k * dh + rows * sh : sh, l * dw : l * dw + across * sw : sw] += parts[:, :, k, l]
    return image[:, :, ph : ph + height, pw : pw + width].copy()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-col2im", "locked": true, "points": 25, "schema_version": 3, "solution": false, "task": false}
lab.check(col2im)


# %% nbgrader={"grade": false, "grade_id": "conv2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1):
    """A convolution, as one product of the weight with the columns."""
    ### BEGIN SOLUTION
    kernel = weight.shape[2:]
    size = output_size(x.shape[2:], kernel, pair(stride), pair(padding), pair(dilation))
    made = weight.reshape(len(weight), -1) @ im2col(x, kernel, dilation, padding, stride)
    if bias is not None:
        made = made + bias[:, None]
    return made.reshape(len(x), len(weight), *size)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-conv2d", "locked": true, "points": 18, "schema_version": 3, "solution": false, "task": false}
lab.check(conv2d)

# %% [markdown] nbgrader={"grade": true, "grade_id": "memory", "locked": false, "points": 10, "schema_version": 3, "solution": true, "task": false}
# How many times its own bytes do the columns of an image take, and why?
#
# ### BEGIN SOLUTION
# About kh·kw / (sh·sw) times: every pixel stands in as many columns as windows lie over it.
# ### END SOLUTION
