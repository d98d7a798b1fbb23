# %% [markdown]
# # 01 Numbers you can read
# ## 01 눈으로 읽을 수 있는 합성곱
#
# **Question.** What exactly does *one* output of a convolution contain: which pixels, multiplied by what, and from
# where?
#
# You will write a convolution of six lines, read off its results with your eyes, and find out in which ways such six
# lines are usually wrong. Everything later (the matrix, the transpose, the gradient) is about this one sum.
#
# *45 minutes. Before this: Python and NumPy. After it: 02, one matrix multiply.*
# (Exercises marked ●●● are not counted.)
#
# Some words. The *kernel* is the small table of numbers that slides over the image; each of its numbers is a *tap*. The
# pixels that it covers are the *window*. The *stride* is how far the window moves at a time. *Padding* is a border of
# zeros around the image, and *dilation* spreads the taps apart; these two are only named here, and taken up in 04.
#
# **요약.** 합성곱 결과의 값 하나는 창(window) 안의 픽셀마다 커널 값을 곱해 모두 더한 것입니다. 커널을 1, 10, 100, 1000으로 두면 결과의 각
# 자리 숫자만 보고도 어느 픽셀에 어떤 커널 값이 곱해졌는지 알 수 있습니다. 여섯 줄짜리 합성곱을 직접 구현하고, 흔한 실수(커널 뒤집기, 행과 열
# 바꾸기, 보폭(stride) 무시)가 숫자에 어떻게 나타나는지 확인합니다.

# %%
import numpy as np

from minifcn import Tensor, plot
from minifcn import functional as F
from minifcn.teaching import Ledger, Question, predict, quiz, seconds, yours
from minifcn.testing import check

ledger = Ledger()

# %% [markdown]
# ## 1. Commit yourself
#
# > Lay the kernel over the image, in the upper left corner. Multiply each tap by the pixel beneath it and add up: that
# > is the first output. Move the kernel one pixel to the right: the next one.
#
# The image has the pixels 0 to 11, row by row, in three rows of four. The kernel is
# $\begin{pmatrix}1&10\\100&1000\end{pmatrix}$. The result has 2 rows of 3 numbers. **Write the first row** before you
# read on: three numbers, and you need no pencil once you see the trick. (A wrong answer that you wrote down teaches
# more than a right one that you read. Section 3 computes the row and compares it with yours.)

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
# Move the slider. Colours say which tap meets which pixel, and the sum is written out below. (The sign ∗ is read
# "convolved with".)

# %%
image = np.arange(12.0).reshape(3, 4)
places = np.array([[1.0, 10.0], [100.0, 1000.0]])
plot.slide(image, places)

# %%
plot.slide(image, places)[0]  # the first frame again, for viewers that take sliders away

# %% [markdown]
# ## 3. Six lines
#
# Give everything a letter. The image is `x`, with H rows and W columns; the kernel is `w`, with KH rows and KW columns;
# the stride is $s$. Result $(i, j)$ has the window that begins at pixel $(i\,s,\; j\,s)$, and tap $(k, l)$ meets the
# pixel $k$ rows below that and $l$ columns to its right. All is counted from 0:
#
# $$y[i, j] = \sum_{k,l} x[i\,s + k,\; j\,s + l]\; w[k, l]$$
#
# How many results are there? Along a side of $n$ pixels a kernel of $k$ can begin at the pixels $0, 1, \dots, n - k$.
# With stride $s$ it begins at $0, s, 2s, \dots$ as far as $n - k$, which makes $\lfloor (n-k)/s \rfloor + 1$ places.
# ($\lfloor\;\rfloor$ is rounding down, Python's `//`.)
#
# **Yours to write** (10 minutes). Replace the `...` and run the cells below again; as long as yours is not right, they
# say what is wrong and go on with the solution, which is folded away.

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
another = np.arange(42.0).reshape(6, 7), np.arange(6.0).reshape(2, 3), 2  # image, kernel, stride
convolve = yours(my_convolution, convolution, (image, places), another)
result = convolve(image, places)
print(result.astype(int))
predict(prediction, result[0], "the first row")
assert np.array_equal(result, [[5410, 6521, 7632], [9854, 10965, 12076]])

# %% [markdown]
# The last number, 12076: under the ones 6, under the tens 7, then 10 hundreds and 11 thousands:
# $6 + 70 + 1000 + 11000$.
#
# ### Four wrong answers, and how they come about
#
# A, B and C are wrong programs that were given the same image and kernel. Compare their digits with the right ones, and
# say what each of them did (5 minutes; their code is folded away, and the answers are below the pictures).

# %% tags=["solution", "hide-input"]
def kernel_turned(x, w, stride=1):
    """The kernel is turned by 180°: what signal processing calls convolution."""
    return convolution(x, w[::-1, ::-1], stride)


def kernel_transposed(x, w, stride=1):
    """Rows and columns of the kernel are exchanged."""
    return convolution(x, w.T, stride)


def padded_above(x, w, stride=1):
    """The kernel begins outside of the image: a border of zeros that nobody asked for."""
    right = convolution(x, w, stride)
    return convolution(np.pad(x, ((1, 0), (1, 0))), w, stride)[: right.shape[0], : right.shape[1]]


def stride_ignored(x, w, stride=1):
    """As many results as there should be, but from neighbouring places."""
    right = convolution(x, w, stride)
    return convolution(x, w)[: right.shape[0], : right.shape[1]]


wide = np.arange(15.0).reshape(3, 5)  # with stride 2, the second window begins at the pixel 2
A, B, C = (wrong(image, places) for wrong in (kernel_turned, kernel_transposed, padded_above))
D = stride_ignored(wide, places, 2)

# %%
plot.numbers(result, A, titles=["right", "A"])

# %%
plot.numbers(B, C, titles=["B", "C"])

# %% [markdown]
# D was given an image of three rows of five, the pixels 0 to 14, and a stride of 2:

# %%
plot.numbers(convolution(wide, places, 2), D, titles=["stride 2: right", "D"])

# %% [markdown]
# <details><summary>What A, B, C and D did</summary>
#
# A turned the kernel by 180°: 0145 has the pixels 0, 1, 4, 5 in the opposite order. B exchanged rows and columns of the
# kernel: 5140 has tens and hundreds exchanged. C began one pixel too far up and left, outside of the image, where it
# took zeros: the right numbers 5410 and 6521 come one row and one column late. D ignored the stride: its second number
# comes from the window that begins at the pixel 1, not at the pixel 2.
#
# </details>
#
# ### Does the kernel get turned?
#
# In mathematics and signal processing "convolution" turns the kernel by 180° first, and a library for signals does so,
# too. So many believe it of networks. But there nothing is turned; the proper name is *cross-correlation*, and everybody
# says convolution. It makes no difference to a network, as the weights are learnt: it would learn them turned. It makes
# one to you when you compute by hand. (`F.conv2d` is this library's convolution; more about it in section 6.)

# %%
four = np.array([[1.0, 2.0], [3.0, 4.0]])
ledger.misconception(
    "M6",
    "convolution layers turn the kernel",
    believed=lambda: (four * places[::-1, ::-1]).sum(),
    found=lambda: F.conv2d(Tensor(four[None, None]), Tensor(places[None, None])).item(),
    instead="they lay it on the image as it is, which is called cross-correlation",
)
assert convolution(four, places).item() == 4321 and kernel_turned(four, places).item() == 1234

# %% [markdown]
# ### Numbers that notice
#
# Each wrong program is right somewhere, and a test that looks only there misses it. Try A, D, and one more, which takes
# the height of the result for its width:

# %%
def height_for_width(x, w, stride=1):
    """The width of the result is computed from the height of the image."""
    y = convolution(x, w, stride)
    return y[:, : y.shape[0]]


def right(wrong, *given):
    return np.array_equal(wrong(*given), convolution(*given))


square = np.arange(9.0).reshape(3, 3)
print("a kernel of ones: turned, it is right:", right(kernel_turned, image, np.ones((2, 2))))
print("stride 1: ignored, it is right:", right(stride_ignored, image, places))
print("a square image: height for width is right:", right(height_for_width, square, places))
assert not right(kernel_turned, image, places)
assert not right(stride_ignored, wide, places, 2)
assert not right(height_for_width, image, places)

# %% [markdown]
# So test with a kernel that looks different when it is turned, with a stride of 2, and with an image that is not
# square.

# %% [markdown]
# ## 4. Rules instead of results
#
# Nobody can store the right result for every image. But some sentences hold for *every* convolution, and a wrong one
# breaks them. Two of them say it all:
#
# **An impulse.** Let the kernel be 0 but for a single 1, at tap $(k, l)$. Then the result (with stride 1) is the image,
# read from row $k$ and column $l$ on: $y[i, j] = x[i + k,\; j + l]$.
#
# **Linearity.** Convolving with a sum of kernels is summing the convolutions, and with ten times a kernel it is ten
# times the convolution; and so it is with images.
#
# They say it all because every kernel is a sum of impulses, each times a number:
#
# $$\begin{pmatrix}1&10\\100&1000\end{pmatrix} = 1\begin{pmatrix}1&0\\0&0\end{pmatrix}
# + 10\begin{pmatrix}0&1\\0&0\end{pmatrix} + 100\begin{pmatrix}0&0\\1&0\end{pmatrix}
# + 1000\begin{pmatrix}0&0\\0&1\end{pmatrix}$$

# %%
impulse = np.array([[0.0, 0.0], [0.0, 1.0]])
print(convolution(image, impulse).astype(int))  # the image, read from row 1 and column 1 on

rng = np.random.default_rng(0)
a, b, w = (rng.integers(-9, 10, size).astype(float) for size in ((5, 6), (5, 6), (2, 3)))
turned = w[::-1]  # another kernel
assert np.array_equal(convolution(a + 2 * b, w), convolution(a, w) + 2 * convolution(b, w))
together = convolution(a, w) + 2 * convolution(a, turned)
assert np.array_equal(convolution(a, w + 2 * turned), together)

summed = np.zeros((4, 4))  # the convolution of a with w, out of nothing but the two rules
for k, l in np.ndindex(2, 3):
    summed += w[k, l] * a[k : k + 4, l : l + 4]  # 5 − 2 + 1 = 4 rows, 6 − 3 + 1 = 4 columns
assert np.array_equal(summed, convolution(a, w))

# %% [markdown]
# Two more sentences about every convolution. The first is about an image that moves: `a[:, 1:]` is the image `a`
# without its first column, so everything in it has moved one place to the left. The second is about sizes.
#
# We write them as *claims*. A claim takes a function that tries it, and is tried twice: on the right program, where it
# must hold, and on a mistake, where it must fail; what could not fail would show nothing. (C3, C4, ... are the numbers
# by which the lessons count their claims, and M6 was a *misconception*. The last cell lists those of this lesson.)

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
    "the same kernel serves every image that is not smaller than the kernel",
    lambda way: all(
        way(np.ones((n, n + 1)), places).shape == (n - 1, n) for n in range(2, 30)
    ),
    right=convolution,
    mistake=lambda x, w: (x[:2, :2] * w).sum()[None, None],
    named="one sum over the upper left corner",
)

# %% [markdown]
# ## 5. Channels and images
#
# A real image has channels (red, green, blue), a real network has many kernels, and a batch has many images. Nothing
# new happens: one result is still one sum, now over the channels, too. Here are two channels, and one kernel that has
# taps for each of them. (There is also a border of zeros on the left and right, the padding, and a stride of 2 from left
# to right. The library computes what is drawn.)

# %%
channels, kernel = rng.integers(0, 5, (2, 3, 4)), rng.integers(-1, 2, (1, 2, 2, 2))
plot.slide(channels, kernel, padding=(0, 1), stride=(1, 2))

# %%
plot.slide(channels, kernel, padding=(0, 1), stride=(1, 2)).still()  # the last frame again

# %% [markdown]
# In letters, where $n$ counts the images, $c$ the channels, and $o$ the kernels:
#
# $$y[n, o, i, j] = \sum_{c,k,l} x[n, c, i\,s + k, j\,s + l]\; w[o, c, k, l]$$
#
# The names are those of the whole library: `x` (N, C, H, W) are N images of C channels, `weight` (O, C, KH, KW) are O
# kernels, `y` (N, O, OH, OW) is a result of OH rows and OW columns for each image and each kernel.
#
# **Yours to write** (10 minutes): your six lines with two more dimensions. Two things help. The sum of the formula at
# one place, for all images and kernels at once, is `np.einsum("nckl,ockl->no", window, weight)`: each letter is an
# axis, and what is missing behind the arrow, here c, k and l, is summed over. And networks compute in single precision
# (float32), so let the result have the type of the image: `np.zeros(shape, x.dtype)`.

# %% tags=["exercise"]
def my_conv2d(x, weight, stride=1):
    """x (N, C, H, W), weight (O, C, KH, KW) -> (N, O, OH, OW), of x's dtype

    stride: one number (if you like, also a pair, for rows and columns)
    """
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
# `check` tries sentences like those above, the *laws*, on small cases of all shapes. It takes some seconds; longer if
# something is wrong, as it looks for the smallest case that breaks a law. What yours does not take is left out (bias,
# padding, dilation and groups come in later lessons):

# %%
report = check(conv2d=yours(my_conv2d, conv2d), examples=15)
print(report)
assert report, "see the report above; mend my_conv2d, or put ... back to go on with the solution"

# %% [markdown]
# And what does it say of program B, which exchanges rows and columns of the kernel? (Only of square kernels, as
# anything would notice the others: they change their shape.)

# %%
def exchanged(x, weight, stride=1):
    square = weight.shape[2] == weight.shape[3]
    return conv2d(x, weight.swapaxes(2, 3) if square else weight, stride)


report = check(conv2d=exchanged, examples=15)
print(report)
assert not report

# %% [markdown]
# ## 6. The library's
#
# `F.conv2d` has PyTorch's name, arguments and layout. It takes a `Tensor`, which is an array that can also have a
# gradient (lesson 08). `image[None, None]` has the shape (1, 1, 3, 4): one image with one channel. `.numpy()` is the
# array again.

# %%
y = F.conv2d(Tensor(image[None, None]), Tensor(places[None, None]))
assert np.array_equal(y.numpy()[0, 0], result)

# %% [markdown]
# How much faster? That depends on your machine; that it is much faster does not.

# %% tags=["no-output"]
large = rng.integers(-9, 10, (2, 8, 64, 64)).astype(float)
kernels = rng.integers(-9, 10, (16, 8, 3, 3)).astype(float)
assert np.array_equal(conv2d(large, kernels), F.conv2d(Tensor(large), Tensor(kernels)).numpy())
loops = seconds(lambda: conv2d(large, kernels))
ratio = loops / seconds(lambda: F.conv2d(Tensor(large), Tensor(kernels)))
print(f"two loops in Python take {ratio:.0f} times as long as the library")

# %% [markdown]
# ## 7. Exercises
#
# ● needs a pencil, ●● needs an idea, ●●● is for another day and not counted above.
#
# **By hand** (● 5 minutes). The image is $\begin{pmatrix}1&2&3\\4&5&6\\7&8&9\end{pmatrix}$. (a) The result for
# `places`? (b) Which kernel of 1x2 gives the difference of each pixel and its left neighbour? (c) An image of 7x10, a
# kernel of 3x4, stride 2: how many results?
#
# <details><summary>Answers</summary>
#
# (a) $\begin{pmatrix}5421&6532\\8754&9865\end{pmatrix}$. (b) $(-1, 1)$: the tap on the right meets the pixel itself.
# (c) $\lfloor(7-3)/2\rfloor+1 = 3$ rows of $\lfloor(10-4)/2\rfloor+1 = 4$, so 12.
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
# kernel is the result, turned by 180°: $\begin{pmatrix}6&9\\2&4\end{pmatrix}$. (The cell below tries it.) Lesson 05 is
# about the operation that leaves the kernel unturned.
#
# </details>

# %% tags=["solution", "hide-input"]
assert np.array_equal(convolution(revealing, secret)[::-1, ::-1], secret)

# %% [markdown]
# **Break** (●●● 20 minutes). Write a wrong `conv2d` that is right for every kernel that is the same when turned by
# 180°. Then one that is right for every image that is square. Does `check` with 15 examples find both?
#
# <details><summary>Answer</summary>
#
# For the first, turn the kernel. For the second, take the height for the width, too: `n = x.shape[2]` and
# `x = x[:, :, :n, :n]`. `check` finds both, and the first one by its name, `kernel_flipped`.
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
        if np.array_equal(convolution(image, impulse[::-1, ::-1]), image[:-1, :-1])
        else "all but the first row and column",
        "each window keeps its upper left pixel, and no window begins in the last row or column",
        choices=("all but the last row and column", "all but the first row and column"),
    ),
)

# %% [markdown]
# ## What was shown here
#
# One result is one sum over one window, and six lines compute it. But the library does it many times as fast. How? In
# 02 the whole convolution becomes one product of two matrices.

# %%
assert [claim.number for claim in ledger] == ["C3", "C4"]
assert [belief.number for belief in ledger.misconceptions] == ["M6"]
ledger
