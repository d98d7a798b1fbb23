# %% [markdown]
# # 01 Numbers you can read
# ## 01 눈으로 읽을 수 있는 합성곱
#
# **Question.** What exactly does *one* output of a convolution contain: which pixels, multiplied by what, and from where?
#
# You will write a convolution of six lines, read off its results with your eyes, and find out in which ways such six
# lines are usually wrong. Everything later (the matrix, the transpose, the gradient) is about this one sum.
#
# *40 minutes. Before this: Python and NumPy. After it: 04, a convolution is a matrix.*
# (Exercises marked ●●● are not counted.)
#
# Some words. The *kernel* is the small table of numbers, each of which is a *tap*; the pixels that it covers are the
# *window*. The *stride* is how far the window moves at a time. *Padding* is a border of zeros around the image, and
# *dilation* spreads the taps apart; these two are only named here, and taken up in 04.
#
# **요약.** 합성곱 결과의 픽셀 하나는 창(window) 안의 픽셀에 커널 값을 곱해 더한 것입니다. 커널을 1, 10, 100, 1000으로 두면 결과의 각
# 자릿수만 보고도 어느 픽셀에 어떤 커널 값이 곱해졌는지 알 수 있습니다. 여섯 줄짜리 합성곱을 직접 구현하고, 흔한 실수(커널 뒤집기, 행과 열
# 바꾸기, 스트라이드 무시)가 숫자에 어떻게 나타나는지 확인합니다.

# %%
import time

import numpy as np

from minifcn import Tensor, plot
from minifcn import functional as F
from minifcn.teaching import Ledger, Question, predict, quiz, yours
from minifcn.testing import check

ledger = Ledger()

# %% [markdown]
# ## 1. Commit yourself
#
# > Lay the kernel over the image, in the upper left corner. Multiply each tap by the pixel beneath it and add up: that
# > is the first output. Move the kernel one pixel to the right: the next one.
#
# The image has the pixels 0 to 11 in three rows of four. The kernel is $\begin{pmatrix}1&10\\100&1000\end{pmatrix}$. The
# result has 2 rows of 3 numbers. **Write the first row** before you read on: three numbers, and you need no pencil once
# you see the trick. (A wrong answer that you wrote down teaches more than a right one that you read.)

# %% tags=["prediction"]
prediction = None  # three numbers, for example [1, 2, 3]

# %% [markdown]
# ## 2. Numbers that fit on paper
#
# In the upper left corner lie the pixels 0, 1, 4 and 5. The sum is $0\cdot1 + 1\cdot10 + 4\cdot100 + 5\cdot1000 =
# 5410$. Read it backwards, digit by digit: **0** under the ones, **1** under the tens, **4** under the hundreds, **5**
# under the thousands. Each tap has a decimal place of its own, so each *digit* of a result is one *pixel*. (The pixels
# 10 and 11 have two digits; there a 1 is carried to the left. You will see.)
#
# Move the slider. Colours say which tap meets which pixel, and the sum is written out below.

# %%
image = np.arange(12.0).reshape(3, 4)
places = np.array([[1.0, 10.0], [100.0, 1000.0]])
plot.slide(image, places)

# %%
plot.slide(image, places)[0]  # the first frame again, for viewers that take sliders away

# %% [markdown]
# ## 3. Six lines
#
# **Yours to write** (10 minutes). An image `x` (H, W), a kernel `w` (KH, KW), a `stride`: how far the kernel moves at a
# time. How many places are there? Along a side of $n$ pixels a kernel of $k$ fits at $n - k + 1$ places; with stride
# $s$ every $s$-th of them is taken, from the first on: $\lfloor (n-k)/s \rfloor + 1$. ($\lfloor\;\rfloor$ is rounding down,
# Python's `//`.) Replace the `...` and run the cells below again; as long as yours is not right, they say what is wrong and
# go on with the solution.

# %% tags=["exercise"]
def my_convolution(x, w, stride=1):
    """x (H, W), w (KH, KW) -> (⌊(H−KH)/s⌋+1, ⌊(W−KW)/s⌋+1)"""
    ...


# %% tags=["solution", "hide-input"]
def convolution(x, w, stride=1):
    (H, W), (KH, KW) = x.shape, w.shape
    y = np.zeros(((H - KH) // stride + 1, (W - KW) // stride + 1))
    for i, j in np.ndindex(*y.shape):
        window = x[i * stride : i * stride + KH, j * stride : j * stride + KW]
        y[i, j] = (window * w).sum()
    return y


# %%
convolve = yours(my_convolution, convolution, (image, places), (np.arange(42.0).reshape(6, 7), np.arange(6.0).reshape(2, 3), 2))
result = convolve(image, places)
print(result.astype(int))
predict(prediction, result[0], "the first row")
assert np.array_equal(result, [[5410, 6521, 7632], [9854, 10965, 12076]])

# %% [markdown]
# The last number, 12076: under the ones 6, under the tens 7, then 10 hundreds and 11 thousands: $6 + 70 + 1000 + 11000$.
#
# ### Four wrong answers, and how they come about
#
# Each is right in some test that one might think of. Read off, digit by digit, what went wrong in the next two pictures
# before you look at their titles; the stride that is ignored shows only with a stride of 2, in the third.

# %%
def kernel_turned(x, w, stride=1):
    """The kernel is turned by 180°: what signal processing calls convolution."""
    return convolution(x, w[::-1, ::-1], stride)


def kernel_transposed(x, w, stride=1):
    """Rows and columns of the kernel are exchanged."""
    return convolution(x, w.T, stride)


def stride_ignored(x, w, stride=1):
    """As many results as there should be, but from neighbouring places."""
    y = convolution(x, w, stride)
    return convolution(x, w)[: y.shape[0], : y.shape[1]]


def padded_above(x, w, stride=1):
    """The kernel begins outside of the image: a border of zeros that nobody asked for."""
    return convolution(np.pad(x, ((1, 0), (1, 0))), w, stride)[:2, :3]


plot.numbers(result, kernel_turned(image, places), titles=["right", "kernel turned"])

# %%
plot.numbers(kernel_transposed(image, places), padded_above(image, places), titles=["rows and columns exchanged", "begins outside"])

# %%
wide = np.arange(15.0).reshape(3, 5)  # the second place is the pixel 2 with stride 2, and the pixel 1 if that is ignored
plot.numbers(
    convolution(wide, places, 2), stride_ignored(wide, places, 2), titles=["stride 2: right", "the stride ignored"]
)

# %% [markdown]
# **Does the kernel get turned?** In mathematics and signal processing "convolution" turns the kernel by 180° first. In
# neural networks it does not; the proper name is *cross-correlation*, and everybody says convolution. As the weights are
# learnt it makes no difference to a network, but it does to whoever computes by hand: 4321 is not 1234.

# %%
four = np.array([[1.0, 2.0], [3.0, 4.0]])
print("not turned:", int(convolution(four, places).item()), "  turned:", int(kernel_turned(four, places).item()))
assert convolution(four, places).item() == 4321

# %% [markdown]
# Which numbers must a test have, then, so that it notices? Not a kernel that looks the same when it is turned, not a
# square where a rectangle would do, not a stride of 1 only:

# %%
def height_for_width(x, w, stride=1):
    """The width of the result is computed from the height of the image."""
    y = convolution(x, w, stride)
    return y[:, : y.shape[0]]


flat, square = np.ones((2, 2)), np.arange(9.0).reshape(3, 3)
print("all ones: the turned kernel is not noticed:", np.array_equal(kernel_turned(image, flat), convolution(image, flat)))
print(
    "a square: height taken for width is not noticed:",
    np.array_equal(height_for_width(square, places), convolution(square, places)),
)
print("stride 1: the ignored stride is not noticed:", np.array_equal(stride_ignored(image, places), result))
assert not np.array_equal(kernel_turned(image, places), result)
assert not np.array_equal(height_for_width(image, places), result)
assert not np.array_equal(stride_ignored(wide, places, 2), convolution(wide, places, 2))

# %% [markdown]
# ## 4. Rules instead of results
#
# Nobody can store the right result for every image. But some sentences hold for *every* convolution, and a wrong one
# breaks them. Two of them say it all:
#
# **An impulse.** A kernel with a single 1, at tap $(k, l)$, copies the image without its first $k$ rows and $l$ columns.
# **Linearity.** Convolving with a sum of kernels is summing the convolutions; and so it is with a sum of images.
#
# They say it all because every kernel is a sum of impulses, each times a number.

# %%
impulse = np.array([[0.0, 0.0], [0.0, 1.0]])
print(convolution(image, impulse).astype(int))  # the image without its first row and first column
rng = np.random.default_rng(0)
a, b, w = (rng.integers(-9, 10, size).astype(float) for size in ((5, 6), (5, 6), (2, 3)))
assert np.array_equal(convolution(a + 2 * b, w), convolution(a, w) + 2 * convolution(b, w))
assert np.array_equal(convolution(a, w + 2 * w[::-1]), convolution(a, w) + 2 * convolution(a, w[::-1]))

summed = np.zeros((4, 4))  # the convolution of a with w, out of nothing but the two rules
for k, l in np.ndindex(2, 3):
    summed += w[k, l] * a[k : k + 4, l : l + 4]
assert np.array_equal(summed, convolution(a, w))

# %% [markdown]
# Two more sentences follow from these. A *claim* takes a function that tries it, and is tried twice: on the right program,
# where it must hold, and on a mistake, where it must fail; what could not fail would show nothing. (C3, C4, ... are the
# numbers by which the lessons count such sentences. The last cell lists those of this one.)

# %%
ledger.claim(
    "C3",
    "a convolution keeps places: shift the image by one, and the result shifts by one",
    lambda way: np.array_equal(way(a[:, 1:], w), way(a, w)[:, 1:]),
    right=convolution,
    mistake=lambda x, w: convolution(x, w) * np.arange(x.shape[1] - w.shape[1] + 1),
    named="weights that grow from left to right",
)
ledger.claim(
    "C4",
    "the same kernel serves images of every size from its own on",
    lambda way: all(way(np.ones((n, n + 1)), places).shape == (n - 1, n) for n in range(2, 30)),
    right=convolution,
    mistake=lambda x, w: (x[:2, :2] * w).sum()[None, None],
    named="one sum over the upper left corner",
)

# %% [markdown]
# ## 5. Channels and images
#
# A real image has channels (red, green, blue), a real network has many kernels, and a batch has many images. Nothing
# new happens: one result is still one sum, now over the channels, too.
#
# $$y[n, o, i, j] = \sum_{c,k,l} x[n, c, i\,s + k, j\,s + l]\; w[o, c, k, l]$$
#
# The names are those of the whole library: `x` (N, C, H, W) are N images of C channels, `w` (O, C, KH, KW) are O kernels,
# `y` (N, O, OH, OW) is a result for each image and each kernel. **Yours to write** (10 minutes): your six lines with two
# more dimensions. `np.einsum("nckl,ockl->no", window, w)` is the sum of the formula at one place.

# %% tags=["exercise"]
def my_conv2d(x, weight, stride=1):
    """x (N, C, H, W), weight (O, C, KH, KW) -> (N, O, OH, OW); stride: a number, or a pair (rows, columns)"""
    ...


# %% tags=["solution", "hide-input"]
def conv2d(x, weight, stride=1):
    sh, sw = stride if isinstance(stride, tuple) else (stride, stride)
    (N, _, H, W), (O, _, KH, KW) = x.shape, weight.shape
    y = np.zeros((N, O, (H - KH) // sh + 1, (W - KW) // sw + 1), x.dtype)
    for i, j in np.ndindex(*y.shape[2:]):
        window = x[:, :, i * sh : i * sh + KH, j * sw : j * sw + KW]  # (N, C, KH, KW)
        y[:, :, i, j] = np.einsum("nckl,ockl->no", window, weight)
    return y


# %% [markdown]
# `check` tries sentences like those above, the *laws*, on small cases of all shapes, and shows the smallest that breaks
# one. What yours does not take (padding, dilation, ...) is left out:

# %%
report = check(conv2d=yours(my_conv2d, conv2d), examples=15)
print(report)
assert report, "the report above says what is wrong with my_conv2d; mend it, or put ... back to go on with the solution"

# %% [markdown]
# And what does it say of a kernel whose rows and columns are exchanged, if it is square (else everything would notice)?

# %%
def exchanged(x, weight, stride=1):
    square = weight.shape[2] == weight.shape[3]
    return conv2d(x, weight.swapaxes(2, 3) if square else weight, stride)


report = check(conv2d=exchanged, examples=15)
print(report)
assert not report

# %% [markdown]
# Two input channels and one kernel, which has taps for each of them; a border of zeros to the left and right
# (padding), and a stride of 2 from left to right. The library computes what is drawn.

# %%
channels, kernel = rng.integers(0, 5, (2, 3, 4)), rng.integers(-1, 2, (1, 2, 2, 2))
plot.slide(channels, kernel, padding=(0, 1), stride=(1, 2))

# %%
plot.slide(channels, kernel, padding=(0, 1), stride=(1, 2)).still()  # the last frame again

# %% [markdown]
# ## 6. The library's
#
# `F.conv2d` has PyTorch's name, arguments and layout.

# %%
y = F.conv2d(Tensor(image[None, None]), Tensor(places[None, None]))
assert np.array_equal(y.numpy()[0, 0], result)

# %% [markdown]
# How much faster? That depends on your machine; that it is much faster does not.

# %% tags=["no-output"]
large, kernels = rng.integers(-9, 10, (2, 8, 64, 64)).astype(float), rng.integers(-9, 10, (16, 8, 3, 3)).astype(float)
assert np.array_equal(conv2d(large, kernels), F.conv2d(Tensor(large), Tensor(kernels)).numpy())


def seconds(function):
    function()  # once to warm up
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


ratio = seconds(lambda: conv2d(large, kernels)) / seconds(lambda: F.conv2d(Tensor(large), Tensor(kernels)))
print(f"two loops in Python take {ratio:.0f} times as long as the library")

# %% [markdown]
# ## 7. Exercises
#
# ● is a matter of minutes, ●● takes a quarter of an hour, ●●● is for another day and not counted above.
#
# **By hand** (● 5 minutes). The image is $\begin{pmatrix}1&2&3\\4&5&6\\7&8&9\end{pmatrix}$. (a) The result for `places`?
# (b) Which kernel of 1x2 gives the difference of each pixel and its left neighbour? (c) An image of 7x9, a kernel of
# 3x4, stride 2: how many results?
#
# <details><summary>Answers</summary>
#
# (a) 5421, 6532 / 8754, 9865. (b) $(-1, 1)$: the tap on the right meets the pixel itself. (c)
# $\lfloor4/2\rfloor+1 = 3$ by $\lfloor5/2\rfloor+1 = 3$.
#
# </details>
#
# **Read** (●● 5 minutes). A secret kernel of 2x2 turns the image below into the result below. What is the kernel?

# %%
secret = rng.permutation(np.arange(1.0, 10.0))[:4].reshape(2, 2)
revealing = np.zeros((3, 3))
revealing[1, 1] = 1
plot.numbers(revealing, convolution(revealing, secret), titles=["the image", "the result"])

# %% [markdown]
# <details><summary>Answer</summary>
#
# A single 1 in the image leaves the kernel, turned by 180°: the result at [0, 0] sees the 1 with its *last* tap. So the
# kernel is the result, turned by 180°. Notebook 05 is about the operation that leaves the kernel unturned.
#
# </details>

# %%
assert np.array_equal(convolution(revealing, secret)[::-1, ::-1], secret)

# %% [markdown]
# **Break** (●●● 20 minutes). Write a wrong `conv2d` that is right for every kernel that is symmetric. Then one that is
# right for every image that is square. Does `check` with 15 examples find both?
#
# <details><summary>Answer</summary>
#
# Turn the kernel by 180°, and it is right for every kernel that is the same when turned. Take the height for the
# width, `n = x.shape[2]; x = x[:, :, :n, :n]`, and it is right for every square image. `check` finds both, the first one by
# its name, `kernel_flipped`.
#
# </details>
#
# ## 8. Five questions

# %%
quiz(
    Question(
        "Which pixel stands in the hundreds of 6521, the number at [0, 1] of the result?",
        lambda: int(result[0, 1] // 100 % 10),
        "the tap of 100 lies in the lower left: row 1, column 1 of the image, which is 5",
    ),
    Question(
        "How many results has an image of 10x10, a kernel of 3x3, stride 3?",
        lambda: convolution(np.zeros((10, 10)), np.zeros((3, 3)), 3).size,
        "⌊7/3⌋ + 1 = 3 along each side",
    ),
    Question(
        "Is the kernel turned by 180° in F.conv2d?",
        lambda: np.array_equal(
            F.conv2d(Tensor(four[None, None]), Tensor(places[None, None])).numpy().ravel(), [1234]
        ),
        "it is a cross-correlation: 4321, not 1234",
    ),
    Question(
        "Over how many products is one result summed, with 8 channels and a kernel of 3x3?",
        lambda: kernels[0].size,
        "8 · 3 · 3: every channel has its own taps",
    ),
    Question(
        "What is left of the image if the kernel is a single 1 in its upper left corner (2x2)?",
        lambda: "all but the last row and column"
        if np.array_equal(convolution(image, np.array([[1.0, 0], [0, 0]])), image[:-1, :-1]) else "all but the first",
        "the window sees its own corner",
        choices=("all but the last row and column", "all but the first"),
    ),
)

# %% [markdown]
# ## What was shown here

# %%
assert [claim.number for claim in ledger] == ["C3", "C4"]
ledger
