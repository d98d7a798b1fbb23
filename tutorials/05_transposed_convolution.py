# %% [markdown]
# # 05 Transposed convolution, four ways
# ## 05 전치 합성곱을 계산하는 네 가지 방법
#
# **Question.** A convolution takes an image of 3x3 and a kernel of 2x2 and makes 2x2. Which operation goes the other
# way, from 2x2 to 3x3? Why is it called *transposed* convolution, why is it the *gradient* of convolution, and why does
# nearly everybody get it wrong the first time they compute it by hand?
#
# You will compute it in four ways that look nothing like each other: stamps, a matrix, zeros and a turned kernel, and
# differences. They agree in every digit, in every geometry that we try. Then you meet the library's.
#
# *45 minutes. Before this: 04, convolution is a matrix. After it: 06, size arithmetic.*
# (Exercises marked ●●● are not counted.)
#
# One habit from 04 stays: $x$ is the large image and $y$ the small one, what a convolution makes *of* $x$: $y = Cx$. Here
# $y$ is given, and an $x$ is made of it.
#
# **요약.** 합성곱은 3x3 이미지와 2x2 커널로 2x2 결과를 만듭니다. 전치 합성곱은 거꾸로 2x2에서 3x3을 만듭니다. 입력 픽셀은
# 저마다 자기 값을 커널 전체에 곱해 결과 위에 도장처럼 찍고, 도장이 겹치는 자리에서는 값을 더합니다. 이 노트북에서는 같은 연산을 네 가지 방법,
# 곧 도장 찍기, 행렬의 전치, 0을 끼워 넣고 180° 돌린 커널로 합성곱하기, 차분(미분)으로 계산하여 모든 숫자가 일치함을 확인합니다.

# %%
import inspect

import numpy as np

import minifcn
from minifcn import Tensor, plot
from minifcn import functional as F
from minifcn.arrays.convolution import loops
from minifcn.teaching import Ledger, Question, predict, quiz, seconds, yours
from minifcn.testing import check

ledger = Ledger()  # what is shown on the way; the last cell prints it

# %% [markdown]
# ## 1. Commit yourself
#
# Here is the rule, in one sentence:
#
# > Every pixel of $y$ multiplies the **whole kernel** by its value and stamps the product onto the result. Its neighbour
# > on the right stamps one place further to the right, its neighbour below one place further down. Where stamps overlap,
# > they are **added**.
#
# (One place is for *stride* 1; with stride 2 it is two places.) Take
# $y = \begin{pmatrix}0&1\\2&3\end{pmatrix}$ and the kernel $w = \begin{pmatrix}0&1\\2&3\end{pmatrix}$. The result has
# 3x3 pixels. Take a pencil, write down nine numbers, and put them into the next cell. A
# wrong answer that you wrote down is worth more than a right one that you read.

# %% tags=["prediction"]
prediction = None  # for example [[1, 2, 3], [4, 5, 6], [7, 8, 9]]

# %% [markdown]
# ## 2. Numbers that fit on paper
#
# What each pixel leaves behind alone, and the sum of it all:

# %%
same = np.array([[0.0, 1.0], [2.0, 3.0]])  # the image and the kernel


def stamps(y, w, stride=1):
    """One image for each pixel of y: what this pixel alone leaves. (H·W, height, width)"""
    height, width = ((n - 1) * stride + k for n, k in zip(y.shape, w.shape, strict=True))
    alone = np.zeros((y.size, height, width))
    for number, (i, j) in enumerate(np.ndindex(*y.shape)):
        top, left = i * stride, j * stride
        alone[number, top : top + w.shape[0], left : left + w.shape[1]] = y[i, j] * w
    return alone


plot.numbers(*stamps(same, same), titles=["0 · w", "1 · w", "2 · w", "3 · w"], signs=["+", "+", "+"])

# %%
result = stamps(same, same).sum(0)
print(result.astype(int))
predict(prediction, result, "the result")

# %% [markdown]
# With $w = y$ it is hard to see which number came from where. So this example gets a *twin* whose numbers can be read:
# the image $\begin{pmatrix}1&2\\3&4\end{pmatrix}$ and the kernel of 01,
# $\begin{pmatrix}1&10\\100&1000\end{pmatrix}$, which gives every tap a decimal place of its own. Each **digit** of the
# result is the pixel that put it there.
#
# Move the slider and watch 1234 come into being in the middle: pixel 4 under the ones, 3 under the tens, 2 under the
# hundreds, 1 under the thousands. Each pixel has a colour; a square with stripes was stamped more than once.

# %%
twin = np.array([[1.0, 2.0], [3.0, 4.0]])  # the image
places = np.array([[1.0, 10.0], [100.0, 1000.0]])  # the kernel
plot.stamps(twin, places)

# %%
plot.stamps(twin, places).still()  # the last frame again, for viewers that take sliders away

# %%
by_digits = [[1, 12, 20], [103, 1234, 2040], [300, 3400, 4000]]
assert np.array_equal(stamps(twin, places).sum(0), by_digits)

# %% [markdown]
# ### Three wrong answers, and how they come about
#
# Cover the titles, and find for each of the last three which step went wrong.

# %%
def last_stamp_stays(y, w, stride=1):
    """= where += is meant."""
    made, (KH, KW) = np.zeros(stamps(y, w, stride).shape[1:]), w.shape
    for i, j in np.ndindex(*y.shape):
        made[i * stride : i * stride + KH, j * stride : j * stride + KW] = y[i, j] * w
    return made


def kernel_turned(y, w, stride=1):
    """The kernel is turned by 180° before it is stamped."""
    return stamps(y, w[::-1, ::-1], stride).sum(0)


def averaged(y, w, stride=1):
    """Divided by the number of stamps on each place, as if it were a mean."""
    how_many = stamps(np.ones_like(y), np.ones_like(w), stride).sum(0)
    return stamps(y, w, stride).sum(0) / how_many


def added_up(y, w, stride=1):
    """As it should be."""
    return stamps(y, w, stride).sum(0)


plot.numbers(
    *(way(twin, places) for way in (added_up, last_stamp_stays, kernel_turned, averaged)),
    titles=["added up: right", "= for +=", "kernel turned", "a mean"],
)

# %% [markdown]
# Two claims can be shown now. As in 01, each is tried twice: on the right program, where it must hold, and on a mistake,
# where it must **fail**. What could not fail would show nothing.

# %%
ledger.claim(
    "C6",
    "2x2 and 2x2 give [[0, 0, 1], [0, 4, 6], [4, 12, 9]]",
    lambda way: np.array_equal(way(same, same), [[0, 0, 1], [0, 4, 6], [4, 12, 9]]),
    right=added_up,
    mistake=kernel_turned,
)
ledger.claim(
    "C7",
    "where stamps overlap they are added: the middle of the twin reads 1234",
    lambda way: way(twin, places)[1, 1] == 1234,
    right=added_up,
    mistake=last_stamp_stays,
)

# %% [markdown]
# ## 3. Way one: stamps, with channels
#
# **Yours to write** (10 minutes, the one exercise that you should not skip). `y` is `(N, I, H, W)`: N images of I
# channels. The weight is `(I, O, KH, KW)`: each of the I channels has a kernel for each of the O results. Two loops
# over the pixels are enough:
#
# $$\begin{aligned}x[n, o, i\,s_h + k, j\,&s_w + l]\\ {+}{=}\; &\sum_c y[n, c, i, j]\; w[c, o, k, l]\end{aligned}$$
#
# The sum over channels, for all stamps of pixel $(i, j)$, is `np.einsum("nc,cokl->nokl", y[:, :, i, j], weight)`, of shape
# `(N, O, KH, KW)`. A stride may be a number or a pair $(s_h, s_w)$, for rows and for columns; `both` makes a pair of
# either. And let `x` begin as zeros of the type that came in, `np.zeros(shape, y.dtype)`; NumPy's zeros are float64
# otherwise, whatever came in.
#
# Replace the `...` and run the cell below the solution. What is wrong is said there; put the `...` back, and the lesson
# goes on with the solution.

# %%
def both(value):
    """An integer for rows and columns, or a pair (rows, columns): both(2) is (2, 2)."""
    return value if isinstance(value, tuple) else (value, value)


# %% tags=["exercise"]
def my_stamps(y, weight, stride=1):
    """y (N, I, H, W), weight (I, O, KH, KW) -> x (N, O, (H−1)·s + KH, (W−1)·s + KW)"""
    ...


# %% tags=["solution", "hide-input"]
def by_stamps(y, weight, stride=1):
    (sh, sw), (N, _, H, W), (_, O, KH, KW) = both(stride), y.shape, weight.shape
    x = np.zeros((N, O, (H - 1) * sh + KH, (W - 1) * sw + KW), y.dtype)
    for i, j in np.ndindex(H, W):
        window = x[:, :, i * sh : i * sh + KH, j * sw : j * sw + KW]  # a part of x, not a copy
        window += np.einsum("nc,cokl->nokl", y[:, :, i, j], weight)
    return x


# %% [markdown]
# `check` holds a program against the *laws* of transposed convolution: stamps add up, nothing is lost, the transposed
# matrix, the gradient, sizes, ... It looks for a small case that breaks one, and knows the usual mistakes by name.
# Arguments that yours does not take (padding, groups, ...) are left out. One thing to know before you read a report: the
# first argument of the library's function is called `x`, so in the call that failed `x` is what goes in, our `y`. In the
# formula of a law, as here, $x$ is the large image.

# %%
ones = np.ones((1, 1, 2, 2))
one = yours(my_stamps, by_stamps, (ones, ones, (2, 3)))  # four dimensions, and a stride that is a pair
report = check(conv_transpose2d=one, examples=15)
print(report)
assert report, "my_stamps: see the report; mend it, or put ... back to go on with the solution"

# %% [markdown]
# And this is what it says of the first of the wrong answers:

# %%
def forgets_to_add(y, weight, stride=1):
    (sh, sw), (N, _, H, W), (_, O, KH, KW) = both(stride), y.shape, weight.shape
    x = np.zeros((N, O, (H - 1) * sh + KH, (W - 1) * sw + KW), y.dtype)
    for i, j in np.ndindex(H, W):
        stamp = np.einsum("nc,cokl->nokl", y[:, :, i, j], weight)
        x[:, :, i * sh : i * sh + KH, j * sw : j * sw + KW] = stamp  # the mistake
    return x


report = check(conv_transpose2d=forgets_to_add, examples=15)
print(report)
assert "stamps_overwritten" in [mistake.name for mistake in report.mistakes]

# %% [markdown]
# ## 4. Way two: the transpose of a matrix
#
# In notebook 04 every convolution became a matrix $C$, with a row for each result and a column for each pixel of the
# image. We trust no formula but ask the convolution itself: column $q$ of $C$ is what an image with a single 1, at
# pixel $q$, gives. (`convolve` is the convolution with channels that 01 builds.)

# %%
def convolve(x, w, stride=1):
    """x (N, C, H, W), w (O, C, KH, KW) -> (N, O, OH, OW): what a window at each place sees."""
    (sh, sw), (KH, KW) = both(stride), w.shape[2:]
    OH, OW = (x.shape[2] - KH) // sh + 1, (x.shape[3] - KW) // sw + 1
    y = np.zeros((len(x), len(w), OH, OW), x.dtype)
    for i, j in np.ndindex(OH, OW):
        window = x[:, :, i * sh : i * sh + KH, j * sw : j * sw + KW]
        y[:, :, i, j] = np.einsum("nckl,ockl->no", window, w)
    return y


def matrix(w, size, stride=1):
    """C of the convolution of images of `size` with w: (O·OH·OW, C·H·W)."""
    pixels = w.shape[1] * size[0] * size[1]
    ones = np.eye(pixels).reshape(pixels, w.shape[1], *size)  # as many images, a single 1 in each
    return convolve(ones, w, stride).reshape(pixels, -1).T


def by_matrix(y, weight, stride=1):
    (sh, sw), (N, _, H, W), (_, O, KH, KW) = both(stride), y.shape, weight.shape
    size = (H - 1) * sh + KH, (W - 1) * sw + KW
    C = matrix(weight, size, stride)
    return (y.reshape(N, -1) @ C).reshape(N, O, *size)  # a row y times C is Cᵀ y


C = matrix(places[None, None], (3, 3))
plot.numbers(C, C.T, titles=["C: 4 x 9, makes 4 of 9", "Cᵀ: 9 x 4, makes 9 of 4"])

# %% [markdown]
# Nine numbers from four: $C^T y$ has the shape that we want. **And why the same values?** $C^T y$ adds up the columns
# of $C^T$, each times its $y$. The columns of $C^T$ are the rows of $C$; row $(i, j)$ of $C$ is the kernel at place
# $(i, j)$. So it adds up kernels, each at its place, each times its pixel. Those are the stamps.

# %%
ledger.claim(
    "C10",
    "the convolution matrix, transposed, times y is the transposed convolution",
    lambda made: np.array_equal((made.T @ twin.ravel()).reshape(3, 3), added_up(twin, places)),
    right=C,
    mistake=matrix(places[None, None, ::-1, ::-1], (3, 3)),
    named="the matrix of the kernel turned by 180°",
)

# %% [markdown]
# One difference is worth seeing. The matrix multiplies *every* pixel with *every* result, mostly by 0, and
# $0\cdot\mathrm{NaN}$ is NaN. A stamp reaches only where it is put.

# %%
spoilt = np.array([[1.0, np.nan], [3.0, 4.0]])
with np.errstate(invalid="ignore"):
    results = [
        way(spoilt[None, None], places[None, None])[0, 0] for way in (by_stamps, by_matrix)
    ]
plot.numbers(spoilt, *results, titles=["y", "by stamps", "by the matrix"])

# %%
assert [int(np.isnan(x).sum()) for x in results] == [4, 9]

# %% [markdown]
# ## 5. Way three: zeros between the pixels, and a kernel turned by 180°
#
# Stamps *push*: each pixel of $y$ writes into many results. Now *pull*: each result asks which stamps lie over it. In one
# row, pixel $i$ begins its stamp at place $i\,s$, so place $r$ lies under its tap $r - i\,s$, if there is such a tap:
#
# $$x[r] = \sum_i y[i]\; w[r - i\,s]$$
#
# That can be read as a sliding window. Put the pixels into a row of zeros, $z$, with $s-1$ zeros between them and $k-1$
# around them: $y[i]$ lies at place $i\,s + k - 1$. The window at $r$ sees the places $r$ to $r + k - 1$. If its $m$-th
# number (from 0) is the pixel $y[i]$, then $r + m = i\,s + k - 1$, and the tap that $y[i]$ must meet is
# $r - i\,s = k - 1 - m$. That holds whichever pixel it is, so
#
# $$x[r] = \sum_m z[r + m]\; w[k - 1 - m]$$
#
# It is a convolution, of stride 1, and the kernel is read from its other end. In pictures: the pixel to my *left* reached
# me with its *right* tap. In two dimensions that is a kernel turned by 180°. And as `convolve` wants the channels that
# come out first, the two axes of channels change places.
#
# Step through it; the first frame shows only what is put in, and the window is drawn from the second on. It moves by
# **one**, whatever the stride: the stride of a transposed convolution is in the zeros.

# %%
plot.spread(twin, places, stride=2)

# %%
plot.spread(twin, places, stride=2)[6]  # one of the frames, for viewers that take sliders away

# %%
def by_zeros(y, weight, stride=1, turn=True):
    (sh, sw), (N, I, H, W), (_, _, KH, KW) = both(stride), y.shape, weight.shape
    z = np.zeros((N, I, (H - 1) * sh + 2 * KH - 1, (W - 1) * sw + 2 * KW - 1), y.dtype)
    z[:, :, KH - 1 : KH + (H - 1) * sh : sh, KW - 1 : KW + (W - 1) * sw : sw] = y
    kernel = weight[:, :, ::-1, ::-1] if turn else weight
    return convolve(z, kernel.swapaxes(0, 1))


a, b = twin[None, None], places[None, None]  # one image, one channel
plot.numbers(
    by_zeros(a, b)[0, 0],
    by_zeros(a, b, turn=False)[0, 0],
    titles=["with the turn: right", "without it"],
)

# %% [markdown]
# **Often believed.** "Insert zeros, then convolve with the same kernel": so the recipe is passed on, and the turn gets
# lost on the way. Nothing gives it away: the size is right, and with a kernel that looks the same when it is turned, as
# the usual ones for enlarging pictures do, so are the numbers.

# %%
ledger.misconception(
    "M5",
    "insert zeros between the pixels, then convolve with the same kernel",
    believed=lambda: by_zeros(a, b, turn=False)[0, 0],
    found=lambda: one(a, b)[0, 0],
    instead="the kernel is turned by 180°, and its channels change places",
)
even = np.ones((1, 1, 2, 2))  # the same when turned: the mistake does not show
assert np.array_equal(by_zeros(a, even, turn=False), one(a, even))

# %% [markdown]
# **Two things that are often taken for one another.** The zeros *between the pixels* are the stride of a transposed
# convolution. Zeros *between the taps of the kernel* are a dilation, as in dilated (à trous) convolution. The first puts
# the stamps further apart, the second makes each stamp itself wider.

# %%
apart = F.conv_transpose2d(Tensor(a), Tensor(b), stride=2).numpy()[0, 0]
dilated = F.conv_transpose2d(Tensor(a), Tensor(b), dilation=2).numpy()[0, 0]
plot.numbers(apart, dilated, titles=["stride 2: pixels apart", "dilation 2: taps apart"])

# %% [markdown]
# Both are 4x4 here, and they are not the same. With stride 2 and a kernel of 2x2 no stamp meets another: the result is
# the Kronecker product, each pixel times the whole kernel, side by side.

# %%
ledger.claim(
    "C8",
    "pixels spread apart (stride 2): the result is 4x4, and here the Kronecker product",
    lambda made: np.array_equal(made, np.kron(twin, places)),
    right=apart,
    mistake=dilated,
    named="dilation 2",
)

# %% [markdown]
# ## 6. Way four: the gradient of a convolution
#
# $\langle a, b\rangle$ is the sum of the products of two images, pixel by pixel. Take the convolution of $x$, and its
# product with $y$. That is one number, and a double sum, which may be added up in either order, first along the rows of
# $C$ or first along its columns:
#
# $$\begin{aligned}\langle Cx, y\rangle &= \sum_r \Big(\sum_q C[r, q]\, x[q]\Big)\, y[r]\\
# &= \sum_q x[q]\, \Big(\sum_r C[r, q]\, y[r]\Big)\\ &= \langle x, C^T y\rangle\end{aligned}$$
#
# On the right every pixel $x[q]$ is multiplied by $(C^T y)[q]$. So that is how much the number grows when this pixel grows
# by 1. In other words: **the gradient of $\langle Cx, y\rangle$ with respect to $x$ is $C^T y$**, and whoever can
# differentiate a convolution can transpose it.
#
# Differentiating needs no machinery here. The number is linear in $x$, so a difference with step **1** is not an
# approximation but exact. With $e_q$, the image with a single 1 at pixel $q$,
#
# $$(C^T y)[q] = \langle C(0 + e_q), y\rangle - \langle C\,0, y\rangle,$$
#
# and the second term is 0, so the program leaves it out.

# %%
def by_differences(y, weight, stride=1):
    (sh, sw), (N, _, H, W), (_, O, KH, KW) = both(stride), y.shape, weight.shape
    size = O, (H - 1) * sh + KH, (W - 1) * sw + KW
    x = np.zeros((N, *size), y.dtype)
    for at in np.ndindex(*size):
        step = np.zeros((1, *size), y.dtype)
        step[0][at] = 1
        x[(slice(None), *at)] = (convolve(step, weight, stride) * y).sum((1, 2, 3))
    return x


assert np.array_equal(by_differences(a, b)[0, 0], by_digits)

# %% [markdown]
# ## 7. Four programs, one result
#
# On rectangles, with strides that differ, with 2 channels in and 3 out, in whole numbers: "equal" means equal.

# %%
ways = {"stamps": one, "matrix": by_matrix, "zeros": by_zeros, "differences": by_differences}
rng = np.random.default_rng(0)
cases = 0
for KH, KW, sh, sw, H, W in np.ndindex(3, 3, 3, 2, 2, 2):
    y = rng.integers(-9, 10, (1, 2, H + 1, W + 2)).astype(float)
    w = rng.integers(-9, 10, (2, 3, KH + 1, KW + 1)).astype(float)
    answers = [way(y, w, (sh + 1, sw + 1)) for way in ways.values()]
    assert all(np.array_equal(answers[0], other) for other in answers[1:])
    cases += 1
print(f"four programs, {cases} geometries, no difference")

# %% [markdown]
# ## 8. The library's
#
# Names, order and layout are PyTorch's. The weight is `(in, out, KH, KW)`, where that of a convolution is
# `(out, in, KH, KW)`. It looks exchanged because it is the weight of the convolution that goes the other way, *unchanged*:
# what goes in here came out there.

# %%
y, w = Tensor(a), Tensor(b)
print(F.conv_transpose2d(y, w).numpy()[0, 0].astype(int))

# %% [markdown]
# **Often believed.** "A weight is (out, in, KH, KW), here as there." With as many channels in as out nothing is
# refused, and the numbers are wrong. (TensorFlow puts the taps in front, and exchanges the channels just the same.)

# %%
two_y = np.array([1.0, 10.0]).reshape(1, 2, 1, 1)  # a pixel of 2 channels
two_w = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1, 1)  # 2 in, 2 out, a single tap
ledger.misconception(
    "M7",
    "the weight is (out, in, KH, KW) in both directions",
    believed=lambda: one(two_y, two_w.swapaxes(0, 1)).ravel(),
    found=lambda: F.conv_transpose2d(Tensor(two_y), Tensor(two_w)).numpy().ravel(),
    instead="(in, out, KH, KW): 1·1 + 10·3 and 1·2 + 10·4",
)

# %% [markdown]
# The library can differentiate, too (how it does so is lesson 08). `minifcn.grad(result, image, y)` is the gradient of
# $\langle\mathrm{result}, y\rangle$ with respect to the image. By section 6 it has to be the transposed convolution of
# $y$, wherever the image stands; take zeros:

# %%
def gradient_of_convolution(y, w):
    image = Tensor(np.zeros((1, 1, 3, 3)), requires_grad=True)
    return minifcn.grad(F.conv2d(image, w), image, y)[0]


ledger.claim(
    "C11",
    "the gradient of a convolution with respect to its image is the transposed convolution, to the last bit",
    lambda way: np.array_equal(way(y, w).numpy(), F.conv_transpose2d(y, w).numpy()),
    right=gradient_of_convolution,
    mistake=lambda y, w: F.conv2d(F.pad(y, (1, 1, 1, 1)), w),
    named="a convolution of y with zeros around it, the kernel not turned",
)

# %% [markdown]
# How is it made in the library? There are three programs, which give the same: `loops`, `matrix` (both of which you have met),
# and `im2col`, which lays the windows side by side as columns, and on the way back adds each column where it came from.
# The first is what you read here. `geometry` holds sizes and stride, `array_module` is NumPy, and $T$ is the number of
# section 6, $\langle Cx, y\rangle$, so `∂T/∂x` is its gradient. `terms` lists its products, each of a pixel of $x$, a tap
# and a pixel of $y$:

# %%
for algorithm in ("loops", "matrix", "im2col"):
    with minifcn.use_algorithm(algorithm):
        assert np.array_equal(F.conv_transpose2d(y, w).numpy()[0, 0], by_digits)
print(inspect.getsource(loops.to_input))

# %% [markdown]
# And how much faster than ours? What is printed here depends on your machine; that it is much faster does not.

# %% tags=["no-output"]
large_y = rng.integers(-9, 10, (1, 8, 24, 24)).astype(float)
large_w = rng.integers(-9, 10, (8, 8, 4, 4)).astype(float)


def librarys():
    return F.conv_transpose2d(Tensor(large_y), Tensor(large_w), stride=2).numpy()


assert np.array_equal(one(large_y, large_w, 2), librarys())
for name in ("stamps", "zeros"):
    ratio = seconds(lambda way=ways[name]: way(large_y, large_w, 2)) / seconds(librarys)
    print(f"{name} takes {ratio:.0f} times as long as the library")

# %% [markdown]
# ## 9. Three sentences to keep
#
# **Nothing is lost.** Every pixel hands on its value times the sum of the kernel, so
# $\sum x = \sum y \cdot \sum w$ (as long as padding cuts nothing away).
#
# **Adjoint.** $\langle Cx, y\rangle = \langle x, C^T y\rangle$ for all $x$ and $y$: the same number on both sides, exactly
# so in whole numbers. (*Adjoint* is the word for an operation that is to another as $C^T$ is to $C$.)
#
# **A trap.** With stride 1 and one channel you may exchange image and kernel, and nothing changes: $x[r]$ is the sum of
# $y[i]\,w[m]$ over all $i$ and $m$ with $i + m = r$, and there $y$ and $w$ play the same part. With stride 2 it is
# $2i + m = r$, and they do not.

# %%
assert result.sum() == same.sum() * same.sum() == 36

x = rng.integers(-9, 10, (1, 2, 5, 6)).astype(float)
w = rng.integers(-9, 10, (3, 2, 2, 3)).astype(float)
y = rng.integers(-9, 10, (1, 3, 4, 4)).astype(float)
print("⟨Cx, y⟩ =", (convolve(x, w) * y).sum(), "  ⟨x, Cᵀy⟩ =", (x * one(y, w)).sum())
assert (convolve(x, w) * y).sum() == (x * one(y, w)).sum()

# %% [markdown]
# **Often believed.** Whoever notices the trap mostly proposes a wrong way out: "In the first example image and kernel are
# the same. Take numbers that all differ, and an exchange will show." It does not.

# %%
image = np.array([[[[2.0, 3.0], [4.0, 5.0]]]])
numbers = [*image.ravel().astype(int), *places.ravel().astype(int)]
ledger.misconception(
    "M22",
    "numbers that all differ would show that image and kernel were exchanged",
    believed=lambda: "it shows" if len(set(numbers)) == len(numbers) else "it does not",
    found=lambda: "it does not" if np.array_equal(one(image, b), one(b, image)) else "it shows",
    instead="with stride 1 and one channel they commute for any numbers; stride 2 shows it",
)
assert not np.array_equal(one(image, b, 2), one(b, image, 2))

# %% [markdown]
# ## 10. Exercises
#
# Solutions are folded. ● is a matter of minutes, ●● takes ten; ●●● is for another day and not counted above.
#
# **By hand** (● 5 minutes). (a) What do one row $y = (1, 2)$, the kernel $w = (1, 10, 100)$ and stride 2 give? (b) Which kernel turns every image
# into the same image with each pixel doubled in width and height, with stride 2? (c) How large is the result of a 5x7
# image, a kernel of 3x3 and stride 2?
#
# <details><summary>Answers</summary>
#
# (a) (1, 10, 102, 20, 200): the last tap of the 1 and the first of the 2 meet in the middle, 100 + 2. (b) 2x2 ones: each
# pixel stamps itself four times, and no stamp meets another. (c) 11x15: $(5-1)\cdot2+3$ by
# $(7-1)\cdot2+3$.
#
# </details>
#
# **Write** (●● 5 minutes). Give your stamps a `padding`, a number or a pair. In a transposed convolution padding *cuts
# away* that many rows and columns on each side: it is the padding of the convolution that goes the other way, and why is
# the matter of 06. (Your stamps, or the solution's, are called `one`. Mind that `x[0:-0]` is empty.)

# %% tags=["exercise"]
def my_padded(y, weight, stride=1, padding=0):
    """As my_stamps, without the `padding` outermost rows and columns of the result."""
    ...


# %% tags=["solution", "hide-input"]
def padded(y, weight, stride=1, padding=0):
    ph, pw = both(padding)
    x = one(y, weight, stride)
    return x[:, :, ph : x.shape[2] - ph, pw : x.shape[3] - pw]


# %%
two = yours(my_padded, padded, (np.ones((1, 1, 4, 5)), ones, 1, (1, 2)))
report = check(conv_transpose2d=two, examples=15)
print(report)
assert report, "my_padded: see the report; mend it, or put ... back to go on with the solution"

# %% [markdown]
# **Break** (●●● 20 minutes). Write a *wrong* transposed convolution that `check` with 15 examples does not notice.

# %% tags=["solution", "hide-input"]
def wrong_when_tall(y, weight, stride=1):
    x = by_stamps(y, weight, stride)
    return -x if y.shape[2] > 100 else x  # so tall no case is


assert check(conv_transpose2d=wrong_when_tall, examples=15)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The folded program above is wrong for images of more than 100 rows, and no case that is tried is so tall. Trying finds
# mistakes; it never shows that there are none. If yours is wrong for *small* images, and `check` still does not notice,
# then a law is missing: tell us.
#
# </details>
#
# ## 11. Five questions

# %%
quiz(
    Question(
        "How many of the 9 results does one NaN among the 4 pixels spoil, by stamps?",
        lambda: int(np.isnan(results[0]).sum()),
        "its stamp covers 2x2 of them; the matrix spoils all 9",
    ),
    Question(
        "The image sums to 10, the kernel to 1111. To what does the result sum?",
        lambda: int(added_up(twin, places).sum()),
        "every pixel hands on its value times the sum of the kernel",
    ),
    Question(
        "Which is the weight of a transposed convolution from 8 channels to 3?",
        lambda: minifcn.nn.ConvTranspose2d(8, 3, 4, generator=rng).weight.shape,
        "(in, out, KH, KW): that of the convolution from 3 to 8, unchanged",
        choices=((3, 8, 4, 4), (8, 3, 4, 4)),
    ),
    Question(
        "In way three, how many places does the window visit, for 2x2 pixels, 2x2 taps, stride 2?",
        lambda: by_zeros(a, b, 2)[0, 0].size,
        "one for each of the 4x4 results: it moves by one, the stride is in the zeros",
    ),
    Question(
        "May image and kernel be exchanged, in a transposed convolution of stride 2?",
        lambda: np.array_equal(one(a, b, 2), one(b, a, 2)),
        "only with stride 1 and a single channel",
    ),
)

# %% [markdown]
# $C^T$ gives back the shape. In 06 you will see which shape exactly, as there are several to choose from, and what
# `padding` and `output_padding` have to do with it. In 07 you will see that it does not give back the values.

# %% [markdown]
# ## What was shown here

# %%
assert sorted({claim.number for claim in ledger}) == ["C10", "C11", "C6", "C7", "C8"]
assert [wrong.number for wrong in ledger.misconceptions] == ["M5", "M7", "M22"]
ledger
