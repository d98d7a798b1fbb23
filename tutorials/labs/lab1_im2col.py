# %% [markdown]
# # Lab 1: Windows as columns
# ## 실습 1: 윈도를 열로 펼치기
#
# A convolution slides a small window over an image. In this lab you lay all the windows out as the columns of a matrix.
# Then a convolution of the whole image is **one product of two matrices**, and the way back from columns to pixels is
# what gradients will need.
#
# You write four functions:
#
# | | function | question | points |
# |---|---|---|---|
# | 1 | `output_size` | how many windows are there? | 18 |
# | 2 | `im2col` | what do they see? | 26 |
# | 3 | `col2im` | how do columns become pixels again? | 25 |
# | 4 | `conv2d` | what is a convolution, then? | 21 |
#
# Question 5 is in words and worth 10 points. Take about 90 minutes. You need Python, NumPy, paper and a pencil.
#
# **How it goes.** Each part has a small example: do it on paper first. Then replace `raise NotImplementedError` with
# your lines and run the cell. The cell below it, `lab.check(...)`, tries your function on many small cases and shows
# one that goes wrong: the call, what you gave and what it should be. Run it as often as you like. (If you have a Python
# file and no notebook, a comment below each function says what to type instead.)
#
# **How it counts.** Each function has points for several things, and the check lists them. The first thing on its list
# is the simplest case: while that is wrong, the function has no points. Nobody measures seconds. Where work is limited,
# *lines that run* are counted, or bytes.
#
# **요약.** 합성곱은 작은 윈도를 이미지 위에서 옮기며 계산합니다. 이 실습에서는 모든 윈도를 행렬의 열로 펼칩니다(im2col). 그러면 이미지 전체의
# 합성곱이 행렬 곱셈 한 번이 됩니다. 열을 다시 픽셀로 되돌리는 col2im도 만듭니다. 먼저 종이에 작은 예제를 계산하고, `raise
# NotImplementedError` 자리에 코드를 쓴 다음, 그 아래 셀의 `lab.check(...)`로 확인하세요. NumPy만 사용합니다.

# %%
import numpy as np

from minifcn.labs import session

lab = session(1)

# %% [markdown]
# ## 1. How many windows
#
# Look at one row of pixels. A window of `kernel` pixels slides along it. Four numbers say how:
#
# - `stride`: how many pixels it moves at a time;
# - `padding`: how many zeros are put at **both** ends of the row before it starts;
# - `dilation`: how far apart the pixels are that it looks at. A window of 3 with dilation 1 looks at three neighbours;
#   with dilation 2 at every second pixel, so it reaches over 5. Each pixel it looks at is called a *tap*.
#
# A window counts if all of it lies on the row with its zeros. It may not hang over the end.
#
# **With a pencil.** Draw five pixels, and count:
#
# - (a) `kernel` 2, nothing else (stride 1, padding 0, dilation 1);
# - (b) `kernel` 2, `stride` 2: does the last pixel get a window?
# - (c) `kernel` 3, `dilation` 2: how many pixels are between the first tap and the last, both included?
# - (d) `kernel` 3, `padding` 1: how many, compared to the five pixels?
# - (e) `kernel` 7: what would you say?
#
# **Write `output_size`.** All arguments are integers, for one axis. It returns an integer. If no window fits, or the
# stride is less than 1, raise a `ValueError`. Its message must contain both numbers that do not fit: how far the window
# reaches (or its kernel), and the size (with or without its padding).


# %% nbgrader={"grade": false, "grade_id": "output_size", "locked": false, "schema_version": 3, "solution": true, "task": false}
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    """How many windows fit along one axis. All arguments are integers, and so is the result.

    size: pixels without padding.
    kernel: taps of the window.
    stride: pixels from one window to the next.
    padding: zeros at both ends.
    dilation: pixels from one tap to the next.

    Raises ValueError if none fits, or for a stride below 1.
    """
    ### BEGIN SOLUTION
    reach = dilation * (kernel - 1) + 1
    padded = size + 2 * padding
    if stride < 1 or reach > padded:
        raise ValueError(f"a window that reaches over {reach} with stride {stride} does not fit into {padded} pixels")
    return (padded - reach) // stride + 1
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-output_size", "locked": true, "points": 18, "schema_version": 3, "solution": false, "task": false}
lab.check(output_size)

# %% [markdown]
# Compare with your paper, (a) to (d). No window of (e) fits, so that is the error.

# %%
output_size(5, 2), output_size(5, 2, stride=2), output_size(5, 3, dilation=2), output_size(5, 3, padding=1)

# %% [markdown]
# ## 2. From windows to columns
#
# From here on an array `x` holds a batch of images: its shape is `(N, C, H, W)`, for N images of C channels with H rows
# and W columns. One pixel is `x[n, c, row, column]`.
#
# And from here on `kernel_size`, `stride`, `padding` and `dilation` are **pairs**: one number for the rows, one for the
# columns. `(2, 3)` is a kernel of 2 rows and 3 columns. You may write `KH, KW = kernel_size`. You need not accept single
# numbers.
#
# **With a pencil.** Here is one image with one channel, 3x3, and a kernel of 2x2:
#
#     1 2 3
#     4 5 6
#     7 8 9
#
# There are four windows. Take them in reading order: upper left, upper right, lower left, lower right. Write the four
# numbers of each window, row by row, into one **column**. You get a matrix of 4 rows and 4 columns. What is its first
# row? Which pixels of the image are in it?
#
# **Write `im2col`.** The result has the shape `(N, C·KH·KW, OH·OW)`:
#
# - along the last axis are the windows, row by row. There are OH rows of OW windows, and `output_size` tells how many;
# - down a column are the numbers of one window: all of channel 0, row by row, then all of channel 1, and so on.
#
# **The idea.** Do not go from window to window: there are thousands. Go from *tap* to *tap*: there are KH·KW. Your first
# row on paper is what the upper left tap sees in **all** windows. It is one slice of the padded image, with the stride
# as its step.
#
# **The limit** (4 points): with a kernel of 3x3, a call runs at most 200 lines of your code, whatever the image. A loop
# over nine taps needs far fewer; a loop over the pixels needs thousands.
#
# Leave `x` as it is, and give back memory of your own. Copy pixels, do not multiply them by zeros and ones: a broken
# pixel (NaN, "not a number") must not spoil the others. `np.pad` and `reshape` are useful.


# %% nbgrader={"grade": false, "grade_id": "im2col", "locked": false, "schema_version": 3, "solution": true, "task": false}
def im2col(x, kernel_size, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """Every window as a column: (N, C, H, W) -> (N, C·KH·KW, OH·OW).

    x: images, an array of shape (N, C, H, W).
    kernel_size: (KH, KW), rows and columns of the window.
    stride, padding, dilation: as in `output_size`, each a pair (rows, columns). Padding is zeros.
    """
    ### BEGIN SOLUTION
    N, C, H, W = x.shape
    (KH, KW), (sh, sw), (ph, pw), (dh, dw) = kernel_size, stride, padding, dilation
    OH, OW = output_size(H, KH, sh, ph, dh), output_size(W, KW, sw, pw, dw)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    columns = np.empty((N, C, KH, KW, OH, OW), x.dtype)
    for k in range(KH):
        for l in range(KW):
            seen = padded[:, :, k * dh : k * dh + (OH - 1) * sh + 1 : sh, l * dw : l * dw + (OW - 1) * sw + 1 : sw]
            columns[:, :, k, l] = seen
    return columns.reshape(N, C * KH * KW, OH * OW)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-im2col", "locked": true, "points": 26, "schema_version": 3, "solution": false, "task": false}
lab.check(im2col)

# %% [markdown]
# Compare with your paper:

# %%
image = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
print(im2col(image, (2, 2))[0].astype(int))

# %% [markdown]
# ## 3. From columns to pixels
#
# `col2im` goes the other way: it puts every column back where its window was. Windows overlap, so a pixel can get
# several numbers. They are **added**. This is not the inverse of `im2col`, but its *transpose*: wherever `im2col` reads
# a pixel, `col2im` adds to it.
#
# **With a pencil.** Take 3x3 pixels, a kernel of 2x2, and four columns that hold nothing but ones. What does each of
# the nine pixels get? Which one gets the most, and why?
#
# **Write `col2im`.** `x` has the shape `(N, C·KH·KW, L)`, one column for each window. `size` is the pair `(H, W)` of the
# image to make. The result has the shape `(N, C, H, W)`. What lands in the padding is thrown away.
#
# If the number of columns is not the number of windows, raise a `ValueError` whose message contains both numbers. If the
# number of rows cannot be divided by KH·KW, raise a `ValueError`, too.
#
# **The limit** (4 points): as before, at most 200 lines in a call with a kernel of 3x3.


# %% nbgrader={"grade": false, "grade_id": "col2im", "locked": false, "schema_version": 3, "solution": true, "task": false}
def col2im(x, size, kernel_size, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """Every column added where its window was: (N, C·KH·KW, L) -> (N, C, H, W).

    x: columns, an array of shape (N, C·KH·KW, L), with one column for each of the L windows.
    size: (H, W), rows and columns of the image.
    kernel_size, stride, padding, dilation: pairs, as in `im2col`.

    Raises ValueError if the columns do not fit the windows.
    """
    ### BEGIN SOLUTION
    N, rows, L = x.shape
    (H, W), (KH, KW), (sh, sw), (ph, pw), (dh, dw) = size, kernel_size, stride, padding, dilation
    OH, OW = output_size(H, KH, sh, ph, dh), output_size(W, KW, sw, pw, dw)
    if L != OH * OW:
        raise ValueError(f"there are {L} columns for {OH * OW} windows")
    if rows % (KH * KW):
        raise ValueError(f"{rows} rows cannot be shared out among channels with {KH * KW} taps")
    C = rows // (KH * KW)
    columns = x.reshape(N, C, KH, KW, OH, OW)
    padded = np.zeros((N, C, H + 2 * ph, W + 2 * pw), x.dtype)
    for k in range(KH):
        for l in range(KW):
            there = padded[:, :, k * dh : k * dh + (OH - 1) * sh + 1 : sh, l * dw : l * dw + (OW - 1) * sw + 1 : sw]
            there += columns[:, :, k, l]
    return padded[:, :, ph : ph + H, pw : pw + W].copy()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-col2im", "locked": true, "points": 25, "schema_version": 3, "solution": false, "task": false}
lab.check(col2im)

# %% [markdown]
# Compare with your paper:

# %%
print(col2im(np.ones((1, 4, 4)), (3, 3), (2, 2))[0, 0].astype(int))

# %% [markdown]
# ## 4. A convolution is one product
#
# A convolution multiplies each window with a kernel, number by number, and adds everything up. There are O kernels, and
# each makes one channel of the result. (The kernel is used as it is. Nothing is flipped.)
#
# **With a pencil.** The image from part 2, and this kernel:
#
#     0 1
#     2 3
#
# Write the kernel as one row of four numbers. Multiply it with the matrix that you made in part 2: what are the four
# results? Then check one of them directly in the image.
#
# **Write `conv2d`.** The weight has the shape `(O, C, KH, KW)`. Reshaped, it is a matrix with O rows. How many columns
# has it, and why does that fit? The bias, if there is one, has one number for each of the O channels, and is added to
# every pixel of its channel. The result has the shape `(N, O, OH, OW)`.
#
# Here the kernel size is the weight's. `A @ B` is the product of matrices; if B has three axes, it is made for each
# image.
#
# **The limit** (2 points): the columns are the largest thing you need. Hold at most four times their bytes.


# %% nbgrader={"grade": false, "grade_id": "conv2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d(x, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """A convolution: (N, C, H, W) -> (N, O, OH, OW).

    x: images, an array of shape (N, C, H, W).
    weight: kernels, an array of shape (O, C, KH, KW).
    bias: None, or an array of shape (O,).
    stride, padding, dilation: pairs, as in `im2col`.
    """
    ### BEGIN SOLUTION
    O, C, KH, KW = weight.shape
    OH = output_size(x.shape[2], KH, stride[0], padding[0], dilation[0])
    OW = output_size(x.shape[3], KW, stride[1], padding[1], dilation[1])
    result = weight.reshape(O, C * KH * KW) @ im2col(x, (KH, KW), stride, padding, dilation)
    if bias is not None:
        result = result + bias.reshape(O, 1)
    return result.reshape(len(x), O, OH, OW)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-conv2d", "locked": true, "points": 21, "schema_version": 3, "solution": false, "task": false}
lab.check(conv2d)

# %% [markdown]
# Compare with your paper:

# %%
kernel = np.array([[0.0, 1.0], [2.0, 3.0]]).reshape(1, 1, 2, 2)
print(conv2d(image, kernel)[0, 0].astype(int))

# %% [markdown]
# ## 5. In your own words
#
# An image has 3 channels and 100x100 pixels. You lay out its windows with a kernel of 3x3, stride 1 and padding 1.
#
# How many times as many bytes as the image do the columns take, and why? How much is it with stride 3 and padding 0?
# People use `im2col` all the same: what do they get for that memory? Write four to six sentences.

# %% [markdown] nbgrader={"grade": true, "grade_id": "memory", "locked": false, "points": 10, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# Nine times. With padding 1 and stride 1 there is a window for each pixel, so there are as many columns as pixels, and
# each channel has nine rows: every pixel is copied once for each of the nine windows that see it (near the border there
# are fewer, and zeros of the padding take their place). With stride 3 and padding 0 windows do not overlap: there are
# 33x33 of them, and 33 · 33 · 9 = 9,801 numbers for 10,000 pixels, so the factor is 0.98; the last row and column are
# seen by none.
#
# For the memory one gets a single product of two large matrices, which processors and their libraries do near to their
# peak: numbers are read once and used many times from the cache. Loops over windows do the same products one by one.
# ### END SOLUTION
