# %% [markdown]
# # 04 Convolution is a matrix
# ## 04 합성곱은 행렬이다
#
# **Question.** A convolution slides a kernel over an image. A matrix multiplies a vector. How can the two be the same
# thing, and what does the matrix look like that *is* a convolution: how large is it, what stands in its rows, and what
# do stride, padding and dilation do to it?
#
# You will build the matrix twice: once from a picture of where the weights go, and once without thinking, by asking
# the convolution what it does to a single pixel. The two must agree.
#
# *45 minutes. Before this: 03, from a dense layer to a convolution. After it: 05, transposed convolution.*
# (Exercises marked ●●● are not counted.)
#
# Three words that were only named so far. *Padding* p puts p rows of zeros above and below the image, and p columns of
# zeros on its left and right. *Dilation* d lets the taps of the kernel lie d pixels apart instead of one. A *group* is
# a part of the channels that is convolved by itself; there is one group here.
#
# **요약.** 합성곱은 선형이므로 행렬로 나타낼 수 있습니다. 이미지를 한 줄로 펴서 벡터 $x$로 만들면 결과는 $y = Cx$입니다. 행렬 $C$의 각 행에는
# 결과 값 하나를 만드는 창(window)의 위치에 커널 값이 놓이고, 나머지는 모두 0입니다. 보폭(stride)은 행을 골라내고, 패딩은 열을 지우며,
# 팽창(dilation)은 커널 값 사이에 0을 끼워 넣는 것과 같다는 사실을 직접 확인합니다.

# %%
import numpy as np

import minifcn
from minifcn import Tensor, plot
from minifcn import functional as F
from minifcn.teaching import Ledger, Question, predict, quiz, yours
from minifcn.testing import check

ledger = Ledger()

# %% [markdown]
# ## 1. Commit yourself
#
# An image of 3x3 with the pixels 0 to 8, row by row, and the kernel $\begin{pmatrix}1&2\\3&4\end{pmatrix}$. The result
# is 2x2. Lay the rows of the image end to end: a column $x$ of nine numbers, $x_0$ to $x_8$. Do the same with the
# result: a column $y$ of four. Then $y = Cx$, with a matrix $C$ of 4 rows and 9 columns. **What is its first row?**

# %% tags=["prediction"]
prediction = None  # nine numbers, for example [1, 1, 1, 1, 1, 1, 1, 1, 1]

# %% [markdown]
# ## 2. Numbers that fit on paper
#
# The first result sees the pixels 0, 1, 3 and 4. So it is $1\cdot x_0 + 2\cdot x_1 + 3\cdot x_3 + 4\cdot x_4$: the
# first row of $C$ has these four numbers at the places 0, 1, 3, 4, and zeros elsewhere. Note the gap: the second row of
# the kernel belongs to the next row of the *image*, which begins three places later.

# %%
image, kernel = np.arange(9.0).reshape(3, 3), np.array([[1.0, 2.0], [3.0, 4.0]])
first_row = np.zeros(9)
for k, l in np.ndindex(2, 2):
    first_row[k * 3 + l] = kernel[k, l]
print(first_row.astype(int))
predict(prediction, first_row, "the first row")

# %% [markdown]
# Move the slider: the window moves over the image, and in the matrix below the row of that window lights up. Each tap
# of the kernel has one colour everywhere. Every row is the one above it, shifted: by one where the window moved to the
# right, by two where it began a new line.

# %%
plot.matrix(image, kernel)

# %%
plot.matrix(image, kernel).still()  # the last frame again, for viewers that take sliders away

# %% [markdown]
# ## 3. The matrix from a picture
#
# **Yours to write** (10 minutes). Result $(i, j)$ is made with tap $(k, l)$ from the pixel $(i s + k,\; j s + l)$. So
# in the row of $C$ that belongs to the result $(i, j)$, and in the column that belongs to that pixel, stands $w[k, l]$.
# The rest is zero.
#
# Which row is that? In front of result $(i, j)$ lie $i$ whole rows of the result, with $OW$ numbers each, and $j$ more
# numbers. So it is row $i\cdot OW + j$ of $C$. And which column belongs to the pixel $(r, c)$? One image and one
# kernel, without channels.

# %% tags=["exercise"]
def my_matrix(w, size, stride=1):
    """C of the convolution of an image of `size` (H, W) with w (KH, KW): (OH·OW, H·W)."""
    ...


# %% tags=["solution", "hide-input"]
def matrix_by_places(w, size, stride=1):
    (H, W), (KH, KW) = size, w.shape
    OH, OW = (H - KH) // stride + 1, (W - KW) // stride + 1
    C = np.zeros((OH * OW, H * W))
    for i, j in np.ndindex(OH, OW):
        for k, l in np.ndindex(KH, KW):
            C[i * OW + j, (i * stride + k) * W + j * stride + l] = w[k, l]
    return C


# %%
another = np.arange(1.0, 7.0).reshape(2, 3), (5, 8), 2  # kernel, size, stride
build = yours(my_matrix, matrix_by_places, (kernel, (3, 3)), another)
C = build(kernel, (3, 3))
plot.numbers(C, titles=["C: 4 x 9"])

# %%
y = (C @ image.ravel()).reshape(2, 2)
print(y.astype(int))
assert np.array_equal(y, [[27, 37], [57, 67]])

# %% [markdown]
# ## 4. The matrix without thinking
#
# Now forget where the weights go. Convolution is linear (we saw it in 01), and a linear function $f$ is known as soon
# as one knows what it does to each unit vector $e_q$, which is 1 at place $q$ and 0 elsewhere. For every image is a sum
# of these, each times a pixel, $x = \sum_q x_q\, e_q$, and so
#
# $$f(x) = \sum_q x_q\, f(e_q)$$
#
# That is a matrix times $x$: the matrix with $f(e_q)$ in its column $q$. So feed the convolution an image with a single
# 1, at pixel $q$, and write what comes out into column $q$. No formula, no geometry; whatever the convolution does, the
# matrix does.
#
# That makes it a **judge**: a matrix made this way is right for every stride, padding and dilation if the convolution
# is, and it was written without knowing any of them.
#
# Here is a convolution that has them all:
#
# $$y[i, j] = \sum_{k,l} x[i\,s + k\,d - p,\; j\,s + l\,d - p]\; w[k, l]$$
#
# Compare it with that of 01. Tap $k$ now meets the pixel $k\,d$ places after the one where its window begins. The last of
# $KH$ taps meets the one $d(KH-1)$ places after it, so a window reaches over $d(KH-1)+1$ pixels. And the first window
# begins $p$ places before the image. (The code puts the zeros there first, so it need not subtract $p$.)

# %%
def convolve(x, w, stride=1, padding=0, dilation=1):
    """x (H, W), w (KH, KW) -> (OH, OW), term by term"""
    x = np.pad(x, padding)
    (H, W), (KH, KW) = x.shape, w.shape
    OH = (H - (dilation * (KH - 1) + 1)) // stride + 1
    OW = (W - (dilation * (KW - 1) + 1)) // stride + 1
    y = np.zeros((OH, OW))
    for i, j in np.ndindex(OH, OW):
        for k, l in np.ndindex(KH, KW):
            y[i, j] += x[i * stride + k * dilation, j * stride + l * dilation] * w[k, l]
    return y


def matrix_by_impulses(w, size, stride=1, padding=0, dilation=1):
    columns = []
    for q in range(size[0] * size[1]):
        impulse = np.zeros(size[0] * size[1])
        impulse[q] = 1
        columns.append(convolve(impulse.reshape(size), w, stride, padding, dilation).ravel())
    return np.array(columns).T


assert np.array_equal(matrix_by_impulses(kernel, (3, 3)), C)

# %% [markdown]
# The two agree. One followed the picture, the other the unit vectors, and they have written down the same matrix.

# %%
ledger.claim(
    "C10",
    "a convolution is a matrix: C times the image is the result",
    lambda C: np.array_equal(C @ image.ravel(), convolve(image, kernel).ravel()),
    right=matrix_by_places(kernel, (3, 3)),
    mistake=matrix_by_places(kernel[::-1, ::-1], (3, 3)),
    named="the matrix of the kernel turned by 180°",
)

# %% [markdown]
# ### Three wrong matrices, and how they come about
#
# The first forgets that the kernel's second row belongs to the next row of the *image*. The second turns the kernel, as
# convolution does in signal processing; here, as in every network, the kernel is not turned (cross-correlation). The
# third shifts *every* row by one, also where the window begins a new line and must move on by two: its last two rows
# begin one place too early.

# %%
without_gap = np.zeros((4, 9))
for r, begin in enumerate((0, 1, 3, 4)):
    without_gap[r, begin : begin + 4] = kernel.ravel()
begins_early = matrix_by_places(kernel, (3, 3))
begins_early[2:] = np.roll(begins_early[2:], -1, axis=1)
plot.numbers(without_gap, titles=["no gap between the rows of the kernel"])

# %%
plot.numbers(build(kernel[::-1, ::-1], (3, 3)), titles=["the kernel turned by 180°"])

# %%
plot.numbers(begins_early, titles=["every row shifted by one"])

# %% [markdown]
# ## 5. What stride, padding and dilation do to it
#
# One dimension is enough to see it. Five pixels, the kernel $(1, 2, 3)$, and padding 1 at both ends. Stride 1 gives
# five results, and stride 2 gives three.

# %%
row = np.array([[1.0, 2.0, 3.0]])


def in_a_row(stride=1, padding=0, dilation=1, size=5):
    """The matrix of one row of pixels; padding only at its ends."""
    columns = []
    for q in range(size):
        impulse = np.zeros((1, 1, 1, size))
        impulse[..., q] = 1
        given = (1, stride), (0, padding), (1, dilation)  # pairs: for rows, for columns
        made = F.conv2d(Tensor(impulse), Tensor(row[None, None]), None, *given)
        columns.append(made.numpy().ravel())
    return np.array(columns).T


plot.numbers(
    in_a_row(padding=1),
    in_a_row(padding=1, stride=2),
    titles=["padding 1", "padding 1, stride 2"],
)

# %% [markdown]
# **Stride picks rows.** Stride 2 keeps every second row of the matrix of stride 1, and nothing else happens. (So a
# convolution with stride 2 *is* one with stride 1 of which about half the results are thrown away; in two dimensions,
# about three quarters.)

# %%
assert np.array_equal(in_a_row(padding=1, stride=2), in_a_row(padding=1)[::2])

# %% [markdown]
# **Padding deletes columns.** With padding 1 the convolution sees seven pixels, of which the first and the last are
# always 0. What multiplies a zero can be left out: the matrix for five pixels with padding 1 is that for seven pixels
# without its first and its last column.

# %%
seven, five = in_a_row(size=7), in_a_row(padding=1)
assert np.array_equal(five, seven[:, 1:-1])
plot.numbers(seven, five, titles=["7 pixels, no padding", "5 pixels, padding 1"])

# %% [markdown]
# **Dilation puts zeros into the kernel.** The matrix of the kernel $(1, 2, 3)$ with dilation 2 is that of the kernel
# $(1, 0, 2, 0, 3)$ with dilation 1. It reaches over five pixels, so of seven it makes three results.

# %%
spread = in_a_row(dilation=2, size=7)
assert np.array_equal(spread, matrix_by_places(np.array([[1.0, 0, 2, 0, 3]]), (1, 7)))
plot.numbers(spread, titles=["7 pixels, dilation 2"])

# %% [markdown]
# ## 6. How large, and how empty
#
# Take an image of $H\times W$ and a kernel of $k\times k$, with so much padding that the result is as large as the
# image. Then $C$ has $HW$ rows and $HW$ columns, and in a row at most $k^2$ numbers are not zero, one for each tap.
# (There are fewer where the window hangs over the border.) For the small pictures here that is nothing. But take
# 224x224 pixels with 64 channels in and 64 out: $64\cdot224\cdot224$ rows, as many columns, and in a row at most
# $64\cdot 9$ that are not zero.

# %%
rows = columns = 64 * 224 * 224
print(f"{rows * columns:.1e} numbers, in float32 {4 * rows * columns / 1e12:.0f} terabytes")
print(f"not zero: at most {100 * 64 * 9 / columns:.3f} %")

# %% [markdown]
# So nobody multiplies by such a $C$; but everybody who proves something about convolution does. The share that is not
# zero falls with the size of the image. Without padding it is exactly $k^2/(HW)$, for 4x4 pixels $9/16$:

# %%
for n in (4, 8, 16, 32):
    share = np.mean(matrix_by_places(np.ones((3, 3)), (n, n)) != 0)
    assert share == 9 / (n * n)
    print(f"{n:2} x {n:2}: {100 * share:5.1f} % of C are not zero")

# %% [markdown]
# ## 7. The library's
#
# `minifcn.convolution_matrix` gives $C$ for every stride, padding, dilation and number of groups and channels. It keeps
# only what is not zero, multiplies like a matrix (`@`, `.T`), and becomes an array with all its zeros when `np.asarray`
# asks it to.

# %%
weight = Tensor(kernel[None, None])
librarys = minifcn.convolution_matrix(weight, (3, 3))
assert np.array_equal(np.asarray(librarys), C)
print(librarys)

# %% [markdown]
# It agrees with our matrix of impulses wherever we look. All are whole numbers, so nothing is rounded, and *equal*
# means equal:

# %%
rng = np.random.default_rng(0)
cases = 0
for KH, KW, stride, padding, dilation in np.ndindex(3, 3, 3, 2, 2):
    w = rng.integers(-9, 10, (KH + 1, KW + 1)).astype(float)
    given = stride + 1, padding, dilation + 1
    mine = matrix_by_impulses(w, (6, 7), *given)
    librarys = minifcn.convolution_matrix(Tensor(w[None, None]), (6, 7), *given)
    assert np.array_equal(mine, np.asarray(librarys))
    cases += 1
print(f"{cases} geometries, no difference")

# %% [markdown]
# A convolution that *is* our matrix can be held to the laws of 01. It keeps all but one. Read in the report which:

# %%
def conv2d_by_matrix(x, weight, stride=1):
    """x (N, C, H, W), weight (O, C, KH, KW): the sum over channels of one matrix each."""
    sh, sw = stride if isinstance(stride, tuple) else (stride, stride)
    (N, channels, H, W), (O, _, KH, KW) = x.shape, weight.shape
    OH, OW = (H - KH) // sh + 1, (W - KW) // sw + 1
    y = np.zeros((N, O, OH * OW), x.dtype)
    for o, c in np.ndindex(O, channels):
        C = np.zeros((OH * OW, H * W), x.dtype)
        for i, j, k, l in np.ndindex(OH, OW, KH, KW):
            C[i * OW + j, (i * sh + k) * W + j * sw + l] = weight[o, c, k, l]
        y[:, o] += x[:, c].reshape(N, H * W) @ C.T
    return y.reshape(N, O, OH, OW)


report = check(conv2d=conv2d_by_matrix, examples=8)
print(report)
assert [found.law.name for found in report.counterexamples] == ["nan_stays_under_its_windows"]

# %% [markdown]
# It is the one about NaN ("not a number", which is what 0/0 gives). A matrix multiplies *every* pixel by something,
# mostly by 0, and $0\cdot\mathrm{NaN}$ is NaN. The convolution never looks at those pixels. So "convolution is a
# matrix" is true of numbers, and NaN is none. (Infinity does the same, as $0\cdot\infty$ is NaN. And sums of fractions
# may differ in their last digit, as the two add them in another order.)

# %%
spoilt = image.copy()
spoilt[2, 2] = np.nan
with np.errstate(invalid="ignore"):
    nans = [int(np.isnan(y).sum()) for y in (convolve(spoilt, kernel), C @ spoilt.ravel())]
print(f"by windows {nans[0]} of 4 results are NaN, by the matrix {nans[1]}")

# %% [markdown]
# ## 8. Exercises
#
# **By hand** (● 5 minutes). (a) How many rows and columns has $C$ for an image of 6x7, a kernel of 3x2 and stride 2?
# (b) What is its last row, for a 2x3 image and the kernel $(1, 10)$ (one row of two taps), stride 1? (c) When is $C$
# square?
#
# <details><summary>Answers</summary>
#
# (a) $\lfloor(6-3)/2\rfloor+1 = 2$ by $\lfloor(7-2)/2\rfloor+1 = 3$ results, so 6 rows; 42 columns. (b) (0, 0, 0, 0, 1,
# 10). (c) When the result has as many numbers as the image. With stride 1 a side of $n$ pixels gives $n + 2p - d(k-1)$
# results; that is $n$, whatever the image, if $2p = d(k-1)$. (And there must be as many channels out as in. Now and
# then it happens otherwise: 3 pixels, kernel 1, stride 2, padding 1 give 3 results.)
#
# </details>
#
# **Write** (●● 10 minutes). With channels the matrix is a wall of blocks, one for each pair of channels: a row of
# blocks for each channel out, a column of blocks for each channel in. Each block is a matrix of `matrix_by_places`.
# `np.block` puts a list of lists of blocks together.

# %% tags=["exercise"]
def my_blocks(weight, size, stride=1):
    """weight (O, channels, KH, KW) -> (O·OH·OW, channels·H·W)"""
    ...


# %% tags=["solution", "hide-input"]
def blocks(weight, size, stride=1):
    return np.block([[matrix_by_places(w, size, stride) for w in row] for row in weight])


# %%
weight = rng.integers(-9, 10, (2, 3, 2, 2)).astype(float)
made = yours(my_blocks, blocks, (weight, (4, 5), 2))(weight, (4, 5), 2)
librarys = minifcn.convolution_matrix(Tensor(weight), (4, 5), stride=2)
assert np.array_equal(made, np.asarray(librarys))

# %% [markdown]
# **Think** (●●● 20 minutes). If the image were a ring, so that a window that leaves on the right comes in again on the
# left, $C$ would be *circulant*: each row the one above, shifted by one. Every circulant matrix is diagonal in the
# basis of the Fourier transform. What does that say about convolutions with large kernels? Build the circulant matrix
# of $(1, 2, 3, 0, 0)$, and see that $F C F^{-1}$ is diagonal, with $F$ = `np.fft.fft(np.eye(5))`.
#
# <details><summary>Answer</summary>
#
# Why it is diagonal: take a wave $v_j = z^j$ with $z^5 = 1$. Shifted around the ring by one it is the same wave, times
# a number ($z$ or $1/z$). A circulant matrix is a sum of such shifts, each times a tap, so it, too, only multiplies the
# wave by a number. There are five such $z$, and their five waves are the columns of $F^{-1}$. (The 6 in the cell below
# belongs to $z = 1$: it is $1+2+3$.)
#
# In that basis convolution is *one* multiplication for each pixel, however large the kernel is. Going there and back
# costs about $n\log n$ steps for $n$ pixels (the fast Fourier transform), where sliding a kernel of $K$ taps costs
# $nK$. So large kernels are convolved faster that way, and 3x3 ones are not.
#
# </details>

# %% tags=["solution", "hide-input"]
circulant = np.array([np.roll([1.0, 2.0, 3.0, 0.0, 0.0], n) for n in range(5)])
fourier = np.fft.fft(np.eye(5))
diagonal = fourier @ circulant @ np.linalg.inv(fourier)
assert np.allclose(diagonal, np.diag(np.diag(diagonal)))
print(np.round(np.abs(np.diag(diagonal)), 3))

# %% [markdown]
# ## 9. Five questions

# %%
quiz(
    Question(
        "How many numbers of a row of C are not zero, for a kernel of nine ones?",
        lambda: int((matrix_by_places(np.ones((3, 3)), (5, 5))[0] != 0).sum()),
        "one for each tap",
    ),
    Question(
        "What is the shape of C for a 5x5 image, a kernel of 3x3, stride 2?",
        lambda: matrix_by_places(np.ones((3, 3)), (5, 5), 2).shape,
        "2x2 results, 25 pixels",
    ),
    Question(
        "What does stride 2 do to the matrix of stride 1?",
        lambda: "keeps some rows"
        if np.array_equal(in_a_row(stride=2), in_a_row()[::2])
        else "keeps some columns",
        "it computes fewer results, of the same kind",
        choices=("keeps some rows", "keeps some columns", "changes the numbers"),
    ),
    Question(
        "What does padding do to the matrix of the larger image?",
        lambda: "deletes columns" if np.array_equal(five, seven[:, 1:-1]) else "adds rows",
        "the pixels that are always 0 need no column",
        choices=("deletes columns", "adds rows"),
    ),
    Question(
        "In which case is C times the image not what the convolution gives?",
        lambda: "where a pixel is NaN" if nans == [1, 4] else "never",
        "0 times NaN is NaN, and the matrix multiplies every pixel by something",
        choices=("where a pixel is NaN", "where the image is not square", "never"),
    ),
)

# %% [markdown]
# ## What was shown here
#
# A convolution is a matrix whose rows are the windows. Every matrix can be transposed: then its columns become rows,
# and it goes from the result's size to the image's. What $C^T$ does to an image is the subject of 05.

# %%
assert [claim.number for claim in ledger] == ["C10"]
ledger
