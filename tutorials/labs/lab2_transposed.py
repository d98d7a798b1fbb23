# %% [markdown]
# # Lab 2: The convolution matrix and its transpose
# ## 실습 2: 합성곱 행렬과 전치 합성곱
#
# A convolution makes small images of large ones. How does a network get back to a large one? By the *transposed*
# convolution. In this lab you write the matrix of a convolution, and then the transposed convolution three times: by
# stamps, by the matrix, and by zeros between pixels. The three programs have nothing in common, and must agree in every
# number.
#
# You write six functions:
#
# | | function | question | points |
# |---|---|---|---|
# | 1 | `conv_matrix` | which matrix does a convolution multiply by? | 21 |
# | 2 | `tconv_output_size` | how large is the result of a transposed convolution? | 14 |
# | 3 | `tconv_scatter` | what does each pixel leave behind? | 18 |
# | 4 | `tconv_matrix` | what does the transposed matrix do? | 11 |
# | 5 | `tconv_zero_insert` | is it a convolution after all? | 13 |
# | 6 | `preimages` | which sizes become the same size? | 13 |
#
# Question 7 is in words and worth 10 points. Take about two hours. You need NumPy, paper and a pencil, and lab 1.
#
# It goes as in lab 1: first the example on paper, then the function, then `lab.check(...)` below it. The first thing on
# the list of the check is the simplest case; while that is wrong, the function has no points.
#
# **요약.** 합성곱은 행렬 곱셈입니다. 이 실습에서는 합성곱의 행렬 C를 직접 만들고, 전치 합성곱을 세 가지 방법으로 구현합니다. 픽셀마다 커널을 도장처럼
# 찍어 더하는 방법, 전치 행렬 Cᵀ를 곱하는 방법, 픽셀 사이에 0을 넣고 뒤집은 커널로 합성곱하는 방법입니다. 세 결과는 모든 숫자가 같아야 합니다.
# 먼저 종이에 작은 예제를 계산하고 코드를 쓴 다음, `lab.check(...)`로 확인하세요.

# %%
import numpy as np

from minifcn.labs import session

lab = session(2)

# %% [markdown]
# ## From lab 1: how many windows
#
# You will need your `output_size` of lab 1. Here it is called `count_windows`. Copy its lines. If yours does not work, you
# may take the one of your teacher: `from reference_lab1 import output_size`, and then
# `return output_size(size, kernel, stride, padding, dilation)`. Nothing is graded here.

# %% nbgrader={"grade": false, "grade_id": "count_windows", "locked": false, "schema_version": 3, "solution": true, "task": false}
def count_windows(size, kernel, stride=1, padding=0, dilation=1):
    """How many windows fit along one axis; `output_size` of lab 1. Integers."""
    ### BEGIN SOLUTION
    reach = dilation * (kernel - 1) + 1
    if stride < 1 or reach > size + 2 * padding:
        raise ValueError(f"a window that reaches over {reach} does not fit into {size + 2 * padding} pixels")
    return (size + 2 * padding - reach) // stride + 1
    ### END SOLUTION


# %% [markdown]
# ## 1. The matrix of a convolution
#
# Write an image as one long column of numbers, row by row. Then each result of a convolution is a sum of these numbers,
# each times some weight or times 0. So all results together are a matrix `C` times the column:
#
#     conv(x).ravel() = C @ x.ravel()
#
# Each **row** of `C` belongs to one result, each **column** to one pixel of the image.
#
# **With a pencil.** An image of 3x3 pixels, and the kernel
#
#     1 2
#     3 4
#
# There are four windows, so `C` has 4 rows, and 9 columns. Write down the first row: draw 3x3 zeros, put the kernel where
# the first window is, and read the nine numbers row by row. Then the other three rows. What do the rows have in common?
# How many of the 36 numbers are zero?
#
# **Write `conv_matrix`.** With several channels, the rows are sorted by `(output channel, window row, window column)`,
# and the columns by `(input channel, row, column)`. So `C` has the shape `(O·OH·OW, C·H·W)`. One way: make an array of
# zeros with six axes, `(O, OH, OW, C, H, W)`, fill it, and reshape it at the end. A tap that lies in the padding has no
# pixel and no entry.
#
# Usually there are as many rows as windows fit. With `output_size=(OH, OW)` only the first OH rows and OW columns of
# windows are wanted. (You will need that in part 4.) If more are asked for than fit, raise a `ValueError` whose message
# contains the number asked for and the number that fits.
#
# **The limit** (2 points): hold at most three times the bytes of the matrix. Loops are free here.

# %% nbgrader={"grade": false, "grade_id": "conv_matrix", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv_matrix(weight, input_size, stride=(1, 1), padding=(0, 0), dilation=(1, 1), output_size=None):
    """The matrix C of a convolution: (O, C, KH, KW) -> (O·OH·OW, C·H·W).

    weight: kernels, an array of shape (O, C, KH, KW).
    input_size: (H, W), rows and columns of the image.
    stride, padding, dilation: pairs (rows, columns).
    output_size: (OH, OW), how many windows are wanted; None for all that fit.

    Raises ValueError if more windows are wanted than fit.
    """
    ### BEGIN SOLUTION
    O, C, KH, KW = weight.shape
    (H, W), (sh, sw), (ph, pw), (dh, dw) = input_size, stride, padding, dilation
    fit = count_windows(H, KH, sh, ph, dh), count_windows(W, KW, sw, pw, dw)
    OH, OW = fit if output_size is None else output_size
    if fit[0] < OH or fit[1] < OW:
        raise ValueError(f"{OH}x{OW} windows are wanted, {fit[0]}x{fit[1]} fit")
    matrix = np.zeros((O, OH, OW, C, H, W), weight.dtype)
    for i, j, k, l in np.ndindex(OH, OW, KH, KW):
        row, column = i * sh + k * dh - ph, j * sw + l * dw - pw
        if 0 <= row < H and 0 <= column < W:
            matrix[:, i, j, :, row, column] = weight[:, :, k, l]
    return matrix.reshape(O * OH * OW, C * H * W)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-conv_matrix", "locked": true, "points": 21, "schema_version": 3, "solution": false, "task": false}
lab.check(conv_matrix)

# %% [markdown]
# Compare with your paper:

# %%
print(conv_matrix(np.array([[[[1, 2], [3, 4]]]]), (3, 3)))

# %% [markdown]
# ## 2. How large is the result?
#
# A transposed convolution works with *stamps*. Every pixel takes the whole kernel, multiplies it by its value, and puts
# it onto the result. The stamp of pixel 0 begins at row 0 of the result. The stamp of pixel 1 begins `stride` rows
# further on. With `dilation` there are gaps between the taps of a stamp. At the end `padding` rows are **cut off** at
# both ends, and `output_padding` rows more are shown at the far end.
#
# **With a pencil.** One row of two pixels. How many pixels has the result?
#
# - (a) `kernel` 2, nothing else;
# - (b) `kernel` 2, `stride` 2;
# - (c) `kernel` 3, `stride` 2: where does the last stamp begin, and where does it end?
# - (d) as (c), with `padding` 1;
# - (e) as (d), with `output_padding` 1.
#
# **Write `tconv_output_size`.** Integers, for one axis. An `output_padding` that is as large as the stride **and** as
# the dilation (or larger) makes no sense: raise a `ValueError` whose message contains it, and the larger of stride and
# dilation.

# %% nbgrader={"grade": false, "grade_id": "tconv_output_size", "locked": false, "schema_version": 3, "solution": true, "task": false}
def tconv_output_size(size, kernel, stride=1, padding=0, output_padding=0, dilation=1):
    """Pixels along one axis of the result of a transposed convolution. Integers.

    size: pixels along this axis of the image that goes in.
    kernel, stride, padding, dilation: as in `count_windows`.
    output_padding: pixels more that are shown at the end.

    Raises ValueError unless output_padding is smaller than the stride or smaller than the dilation.
    """
    ### BEGIN SOLUTION
    if output_padding >= max(stride, dilation):
        raise ValueError(f"an output_padding of {output_padding} is not below {max(stride, dilation)}")
    return (size - 1) * stride + dilation * (kernel - 1) + 1 - 2 * padding + output_padding
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-tconv_output_size", "locked": true, "points": 14, "schema_version": 3, "solution": false, "task": false}
lab.check(tconv_output_size)

# %% [markdown]
# Compare with your paper, (a) to (e):

# %%
sizes = [tconv_output_size(2, 2), tconv_output_size(2, 2, stride=2), tconv_output_size(2, 3, stride=2)]
sizes += [tconv_output_size(2, 3, stride=2, padding=1), tconv_output_size(2, 3, 2, 1, output_padding=1)]
sizes

# %% [markdown]
# ## 3. Stamps
#
# **With a pencil.** The image and the kernel are both
#
#     0 1
#     2 3
#
# and the stride is 1. Draw a result of 3x3 zeros. Stamp the kernel four times, each time multiplied by a pixel and at
# the place of that pixel. Where stamps overlap, numbers are **added**. Which number is in the middle?
#
# **Write `tconv_scatter`.** The weight has the shape `(I, O, KH, KW)`: the channels that go in come first. Input channel
# `i` stamps `weight[i, o]` onto channel `o` of the result. The kernel is not flipped.
#
# Work on a result without `padding` first, and cut it at the end: then no stamp lies outside. The rows that
# `output_padding` shows are not extra zeros. If a stamp reaches there, its numbers are shown.
#
# **The limit** (4 points): with a kernel of 3x3, a call runs at most 200 lines of your code, whatever the image. So do
# not go from pixel to pixel. Go from tap to tap: what does tap (k, l) of **all** stamps add, and to which slice of the
# result? `np.einsum("nihw,io->nohw", x, weight[:, :, k, l])` is all pixels times that tap.

# %% nbgrader={"grade": false, "grade_id": "tconv_scatter", "locked": false, "schema_version": 3, "solution": true, "task": false}
def tconv_scatter(x, weight, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1)):
    """A transposed convolution by stamps: (N, I, H, W) -> (N, O, OH, OW).

    x: images, an array of shape (N, I, H, W).
    weight: kernels, an array of shape (I, O, KH, KW).
    stride, padding, output_padding, dilation: pairs (rows, columns).
    """
    ### BEGIN SOLUTION
    (N, _, H, W), (_, O, KH, KW) = x.shape, weight.shape
    (sh, sw), (ph, pw), (eh, ew), (dh, dw) = stride, padding, output_padding, dilation
    OH, OW = tconv_output_size(H, KH, sh, ph, eh, dh), tconv_output_size(W, KW, sw, pw, ew, dw)
    whole = np.zeros((N, O, OH + 2 * ph, OW + 2 * pw), x.dtype)
    for k in range(KH):
        for l in range(KW):
            there = whole[:, :, k * dh : k * dh + (H - 1) * sh + 1 : sh, l * dw : l * dw + (W - 1) * sw + 1 : sw]
            there += np.einsum("nihw,io->nohw", x, weight[:, :, k, l])
    return whole[:, :, ph : ph + OH, pw : pw + OW].copy()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-tconv_scatter", "locked": true, "points": 18, "schema_version": 3, "solution": false, "task": false}
lab.check(tconv_scatter)

# %% [markdown]
# Compare with your paper:

# %%
both = np.array([[0.0, 1.0], [2.0, 3.0]]).reshape(1, 1, 2, 2)
print(tconv_scatter(both, both)[0, 0].astype(int))

# %% [markdown]
# ## 4. The transposed matrix
#
# Why "transposed"? Take the convolution that goes the other way: from the large image to the small one, with the same
# kernel, stride, padding and dilation. Its matrix is `C`. A transposed convolution multiplies by the transpose of `C`:
#
#     tconv(x).ravel() = C.T @ x.ravel()
#
# **With a pencil.** The matrix of part 1, but with the kernel 0 1 / 2 3. Its first row is `0 1 0 2 3 0 0 0 0`. Multiply
# the transpose by the column (0, 1, 2, 3): the rows of `C`, times 0, 1, 2 and 3, added up. Do you find the nine numbers
# of part 3? Each row of `C` is a stamp.
#
# **Write `tconv_matrix`** with your `conv_matrix`. Which image size must you pass to it? And which `output_size`? (With
# a large `output_padding` more windows would fit into the result than `x` has pixels.)
#
# `weight` has the shape `(I, O, KH, KW)`, and that fits as it is: the convolution that goes the other way has O channels
# going in and I coming out.

# %% nbgrader={"grade": false, "grade_id": "tconv_matrix", "locked": false, "schema_version": 3, "solution": true, "task": false}
def tconv_matrix(x, weight, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1)):
    """A transposed convolution by the transposed matrix: (N, I, H, W) -> (N, O, OH, OW).

    All arguments as in `tconv_scatter`.
    """
    ### BEGIN SOLUTION
    (N, _, H, W), (_, O, KH, KW) = x.shape, weight.shape
    OH = tconv_output_size(H, KH, stride[0], padding[0], output_padding[0], dilation[0])
    OW = tconv_output_size(W, KW, stride[1], padding[1], output_padding[1], dilation[1])
    matrix = conv_matrix(weight, (OH, OW), stride, padding, dilation, output_size=(H, W))
    return (x.reshape(N, -1) @ matrix).reshape(N, O, OH, OW)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-tconv_matrix", "locked": true, "points": 11, "schema_version": 3, "solution": false, "task": false}
lab.check(tconv_matrix)

# %% [markdown]
# ## 5. Zeros between pixels
#
# A transposed convolution is also an ordinary convolution with stride 1, if three things are done first:
#
# 1. between neighbouring pixels of `x` go `stride − 1` rows and columns of zeros;
# 2. around that goes a frame of zeros, so wide that the kernel overlaps the first pixel by one tap only:
#    `dilation · (kernel − 1)` on each side, and `output_padding` more at the end;
# 3. the kernel is turned by 180 degrees: its last tap comes first, in both directions.
#
# `padding` cuts rows off the result, as before.
#
# **With a pencil.** Take the pixels 0 1 / 2 3 and stride 2. What is the image after step 1? And with a kernel of 2x2,
# how many rows has it after step 2? How many windows of 2x2 fit? Does `tconv_output_size(2, 2, stride=2)` agree?
#
# **Write `tconv_zero_insert`.** The convolution at the end is a sum over taps: for each tap, a slice of the framed image
# times the weight of the **turned** kernel at that tap. It has stride 1.
#
# **The limit** (2 points): again at most 200 lines for a kernel of 3x3.

# %% nbgrader={"grade": false, "grade_id": "tconv_zero_insert", "locked": false, "schema_version": 3, "solution": true, "task": false}
def tconv_zero_insert(x, weight, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1)):
    """A transposed convolution by zeros between pixels and a turned kernel: (N, I, H, W) -> (N, O, OH, OW).

    All arguments as in `tconv_scatter`.
    """
    ### BEGIN SOLUTION
    (N, I, H, W), (_, O, KH, KW) = x.shape, weight.shape
    (sh, sw), (ph, pw), (eh, ew), (dh, dw) = stride, padding, output_padding, dilation
    OH, OW = tconv_output_size(H, KH, sh, ph, eh, dh), tconv_output_size(W, KW, sw, pw, ew, dw)
    spread = np.zeros((N, I, (H - 1) * sh + 1, (W - 1) * sw + 1), x.dtype)
    spread[:, :, ::sh, ::sw] = x
    fh, fw = dh * (KH - 1), dw * (KW - 1)
    framed = np.pad(spread, ((0, 0), (0, 0), (fh, fh + eh), (fw, fw + ew)))
    turned = weight[:, :, ::-1, ::-1]
    whole = np.zeros((N, O, OH + 2 * ph, OW + 2 * pw), x.dtype)
    for k in range(KH):
        for l in range(KW):
            seen = framed[:, :, k * dh : k * dh + whole.shape[2], l * dw : l * dw + whole.shape[3]]
            whole += np.einsum("nihw,io->nohw", seen, turned[:, :, k, l])
    return whole[:, :, ph : ph + OH, pw : pw + OW].copy()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-tconv_zero_insert", "locked": true, "points": 13, "schema_version": 3, "solution": false, "task": false}
lab.check(tconv_zero_insert)

# %% [markdown]
# Three programs, one answer:

# %%
three = [f(both, both, stride=(2, 2)) for f in (tconv_scatter, tconv_matrix, tconv_zero_insert)]
print(three[0][0, 0].astype(int))
np.array_equal(three[0], three[1]), np.array_equal(three[0], three[2])

# %% [markdown]
# ## 6. Sizes that become the same
#
# A stride throws a remainder away, so images of different sizes can give results of one size. That is why a transposed
# convolution has to be told which one to go back to: by `output_padding`.
#
# **With a pencil.** A kernel of 3 with stride 2, no padding. How many windows fit into 4, 5, 6, 7 and 8 pixels? Which
# sizes become 2? How many such sizes are there, and what has their number to do with the stride?
#
# **Write `preimages`.** All arguments are integers, for one axis. It returns all sizes (as a list or a range, smallest
# first) for which `count_windows` gives `size`. There is a formula, and no need to try sizes out.

# %% nbgrader={"grade": false, "grade_id": "preimages", "locked": false, "schema_version": 3, "solution": true, "task": false}
def preimages(size, kernel, stride=1, padding=0, dilation=1):
    """All sizes of which a convolution makes `size`, along one axis, smallest first. Integers."""
    ### BEGIN SOLUTION
    smallest = (size - 1) * stride + dilation * (kernel - 1) + 1 - 2 * padding
    return range(smallest, smallest + stride)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-preimages", "locked": true, "points": 13, "schema_version": 3, "solution": false, "task": false}
lab.check(preimages)

# %% [markdown]
# Compare with your paper, and with `tconv_output_size`: each `output_padding` leads to one of them.

# %%
list(preimages(2, 3, stride=2)), [tconv_output_size(2, 3, 2, output_padding=e) for e in (0, 1)]

# %% [markdown]
# ## 7. In your own words
#
# Somebody says: "A transposed convolution undoes a convolution. You convolve an image, then transpose, and have the image
# again." Is that so? Use your matrix: what would `C.T @ C` have to be, and is it, for the kernel of part 1? What *is*
# restored, and what is the transpose good for in the training of a network? Write five to eight sentences.

# %% [markdown] nbgrader={"grade": true, "grade_id": "inverse", "locked": false, "points": 10, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# It is not so. To undo the convolution, `C.T @ C` would have to be the identity. For the kernel 1 2 / 3 4 on 3x3 pixels
# it is not: its first number is 1 · 1 = 1, but the one in the middle of its diagonal is 1 + 4 + 9 + 16 = 30, and many
# numbers beside the diagonal are not zero. It cannot be: `C` has 4 rows and 9 columns, so 9 numbers become 4, and no
# matrix brings back what was lost. What is restored is the size, and which pixel belongs to which window: a number goes
# back to the very pixels that it was made of, times the same weights. That is what training needs: if a result should be
# larger by g, every pixel of its window is responsible with its weight times g, and these shares are added. So the
# transpose is the gradient of the convolution with respect to its image.
# ### END SOLUTION
