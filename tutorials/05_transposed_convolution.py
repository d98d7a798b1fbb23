# %% [markdown]
# # 05 Transposed convolution, four ways
# ## 05 전치 합성곱을 계산하는 네 가지 방법
#
# **Question.** A convolution takes an image of 3x3 and a kernel of 2x2 and makes 2x2. Which operation goes the other
# way, from 2x2 to 3x3? Why is it called *transposed* convolution, why is it the *gradient* of convolution, and why does
# nearly everybody get it wrong the first time they compute it by hand?
#
# You will compute it with four programs that have nothing in common: stamps, a matrix, zeros and a turned kernel, and
# differences. All four agree in every digit, in every geometry that we try. Then you meet the library's.
#
# *45 minutes. Before this: 04, a convolution is a matrix. After it: 06, size arithmetic.*
# (Exercises marked ●●● are not counted.)
#
# **요약.** 합성곱은 3x3 이미지와 2x2 커널로 2x2 결과를 만듭니다. 전치 합성곱은 거꾸로 2x2에서 3x3을 만듭니다. 입력 픽셀 하나하나가
# 커널 전체에 자기 값을 곱해 결과 위에 도장처럼 찍고, 도장이 겹치는 자리의 값은 더합니다. 이 노트북에서는 같은 연산을 도장, 행렬의 전치,
# 0 끼워 넣기와 180° 회전한 커널, 미분이라는 서로 다른 네 프로그램으로 계산하여 모든 숫자가 일치함을 확인합니다.

# %%
import inspect
import time

import numpy as np

import minifcn
from minifcn import Tensor, plot
from minifcn import functional as F
from minifcn.arrays.convolution import loops
from minifcn.teaching import Ledger, Question, predict, quiz, yours
from minifcn.testing import check

ledger = Ledger()  # what is shown on the way; the last cell prints it

# %% [markdown]
# ## 1. Commit yourself
#
# Here is the rule, in one sentence:
#
# > Every pixel of $y$ multiplies the **whole kernel** by its value and stamps the product onto the result; the next
# > pixel stamps one place further on; where stamps overlap, they are **added**.
#
# (One place further on is for *stride* 1; with stride 2 it is two places.) Take
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
# With $w = y$ it is hard to see which number came from where. So take numbers that can be *read*: the kernel
# $\begin{pmatrix}1&10\\100&1000\end{pmatrix}$ gives every tap a decimal place of its own, and each **digit** of the
# result is the pixel that put it there.
#
# Move the slider and watch 1234 come into being in the middle: pixel 4 under the ones, 3 under the tens, 2 under the
# hundreds, 1 under the thousands. Each pixel has a colour; a square with stripes was stamped more than once.

# %%
twin, places = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 10.0], [100.0, 1000.0]])
plot.stamps(twin, places)

# %%
plot.stamps(twin, places).still()  # the last frame again, for viewers that take sliders away

# %%
assert np.array_equal(stamps(twin, places).sum(0), [[1, 12, 20], [103, 1234, 2040], [300, 3400, 4000]])

# %% [markdown]
# ### Three wrong answers, and how they come about
#
# Cover the titles, and find for each of the last three which step went wrong.

# %%
def last_stamp_stays(y, w, stride=1):
    """= where += is meant."""
    made = np.zeros(stamps(y, w, stride).shape[1:])
    for i, j in np.ndindex(*y.shape):
        made[i * stride : i * stride + w.shape[0], j * stride : j * stride + w.shape[1]] = y[i, j] * w
    return made


def kernel_turned(y, w, stride=1):
    """The kernel is turned by 180° before it is stamped."""
    return stamps(y, w[::-1, ::-1], stride).sum(0)


def averaged(y, w, stride=1):
    """Divided by the number of stamps, as if it were a mean."""
    return stamps(y, w, stride).sum(0) / stamps(np.ones_like(y), np.ones_like(w), stride).sum(0)


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
# over the pixels are enough, as the channels are one `np.einsum`:
#
# $$x[n, o, i\,s_h + k, j\,s_w + l] \mathrel{+}= \sum_c y[n, c, i, j]\; w[c, o, k, l]$$
#
# A stride may be a number or a pair, $(s_h, s_w)$: for rows and for columns. In these lessons $y$ is the small image and
# $x$ the large one, whichever is given: $y$ was what a convolution makes *of* $x$.

# %% tags=["exercise"]
def my_stamps(y, weight, stride=1):
    """y (N, I, H, W), weight (I, O, KH, KW) -> x (N, O, (H−1)·s + KH, (W−1)·s + KW); stride: a number or a pair"""
    ...


# %% tags=["solution", "hide-input"]
def both(value):
    """An integer for rows and columns, or a pair (rows, columns)."""
    return value if isinstance(value, tuple) else (value, value)


def by_stamps(y, weight, stride=1):
    (sh, sw), (N, _, H, W), (_, O, KH, KW) = both(stride), y.shape, weight.shape
    x = np.zeros((N, O, (H - 1) * sh + KH, (W - 1) * sw + KW), y.dtype)
    for i, j in np.ndindex(H, W):
        window = x[:, :, i * sh : i * sh + KH, j * sw : j * sw + KW]  # (N, O, KH, KW), a part of x, not a copy
        window += np.einsum("nc,cokl->nokl", y[:, :, i, j], weight)
    return x


# %% [markdown]
# `check` holds a program against the *laws* of transposed convolution: stamps add up, nothing is lost, the transposed
# matrix, the gradient, sizes, ... It looks for the smallest case that breaks one, and knows the usual mistakes by name.
# Arguments that yours does not take (padding, groups, ...) are left out. In its reports `x` is what goes in: our `y`.

# %%
one = yours(my_stamps, by_stamps)
report = check(conv_transpose2d=one, examples=15)
print(report)
assert report, "the report above says what is wrong with my_stamps; mend it, or put ... back to go on with the solution"
assert one(np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)), (2, 3)).shape == (1, 1, 4, 5), "a stride may be a pair"

# %% [markdown]
# And this is what it says of the first of the wrong answers:

# %%
def forgets_to_add(y, weight, stride=1):
    (sh, sw), (N, _, H, W), (_, O, KH, KW) = both(stride), y.shape, weight.shape
    x = np.zeros((N, O, (H - 1) * sh + KH, (W - 1) * sw + KW), y.dtype)
    for i, j in np.ndindex(H, W):
        x[:, :, i * sh : i * sh + KH, j * sw : j * sw + KW] = np.einsum("nc,cokl->nokl", y[:, :, i, j], weight)
    return x


report = check(conv_transpose2d=forgets_to_add, examples=15)
print(report)
assert "stamps_overwritten" in [mistake.name for mistake in report.mistakes]

# %% [markdown]
# ## 4. Way two: the transpose of a matrix
#
# In notebook 04 every convolution became a matrix $C$, with a row for each result and a column for each pixel of the
# image. We trust no formula but ask the convolution itself: column $q$ of $C$ is what an image with a single 1, at
# pixel $q$, gives. (`convolve` is what notebook 01 builds.)

# %%
def convolve(x, w, stride=1):
    """x (N, C, H, W), w (O, C, KH, KW) -> (N, O, OH, OW): what a window at each place sees."""
    (sh, sw), (KH, KW) = both(stride), w.shape[2:]
    OH, OW = (x.shape[2] - KH) // sh + 1, (x.shape[3] - KW) // sw + 1
    y = np.zeros((len(x), len(w), OH, OW), x.dtype)
    for i, j in np.ndindex(OH, OW):
        y[:, :, i, j] = np.einsum("nckl,ockl->no", x[:, :, i * sh : i * sh + KH, j * sw : j * sw + KW], w)
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
    results = [way(spoilt[None, None], places[None, None])[0, 0] for way in (by_stamps, by_matrix)]
plot.numbers(spoilt, *results, titles=["y", "by stamps", "by the matrix"])

# %%
assert [int(np.isnan(x).sum()) for x in results] == [4, 9]

# %% [markdown]
# ## 5. Way three: zeros between the pixels, and a kernel turned by 180°
#
# Stamps *push*: each pixel of $y$ writes into many results. Now *pull*: each result asks which stamps lie over it.
# That is a sliding window again, over $y$ with $s-1$ zeros between its pixels and $k-1$ zeros around it. But the window
# meets the kernel from its other end: the pixel to my *left* reached me with its *right* tap. So the kernel is turned,
# and its two axes of channels change places.
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
    spread = np.zeros((N, I, (H - 1) * sh + 2 * KH - 1, (W - 1) * sw + 2 * KW - 1), y.dtype)
    spread[:, :, KH - 1 : KH + (H - 1) * sh : sh, KW - 1 : KW + (W - 1) * sw : sw] = y
    kernel = weight[:, :, ::-1, ::-1] if turn else weight
    return convolve(spread, kernel.swapaxes(0, 1))


plot.numbers(
    by_zeros(twin[None, None], places[None, None])[0, 0],
    by_zeros(twin[None, None], places[None, None], turn=False)[0, 0],
    titles=["with the turn: right", "without it"],
)

# %% [markdown]
# **Two things that are often taken for one another.** The zeros *between the pixels* are the stride of a transposed
# convolution. Zeros *between the taps of the kernel* are a dilation, as in dilated (à trous) convolution. The first puts
# the stamps further apart, the second makes each stamp itself wider.

# %%
apart = F.conv_transpose2d(Tensor(twin[None, None]), Tensor(places[None, None]), stride=2).numpy()[0, 0]
dilated = F.conv_transpose2d(Tensor(twin[None, None]), Tensor(places[None, None]), dilation=2).numpy()[0, 0]
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
# $\langle a, b\rangle$ is the sum of the products of two images, pixel by pixel. $\langle Cx, y\rangle = \langle x, C^T y\rangle$
# is one number, and linear in $x$: a sum of each pixel $x[q]$ times $(C^T y)[q]$. So its gradient (how much it grows when
# one pixel grows, for each pixel) is $C^T y$, and whoever can differentiate a convolution can transpose it. No automatic
# differentiation is needed to see it: as the function is linear, a difference with step **1** is not an approximation but
# exact. With $e_q$, the image with a single 1 at pixel $q$,
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


assert np.array_equal(by_differences(twin[None, None], places[None, None])[0, 0], added_up(twin, places))

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
y, w = Tensor(twin[None, None]), Tensor(places[None, None])
print(F.conv_transpose2d(y, w).numpy()[0, 0].astype(int))

# %% [markdown]
# Its gradient says the same thing from the other side: convolve an image with `w`, send `y` backwards, and what arrives
# at the image is the transposed convolution of `y`.

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
# How is it made? By one of three programs of the library's own, which give the same: `loops`, `matrix` (both of which you
# have met), and `im2col`, which lays the windows side by side as columns, and on the way back adds each column where it
# came from. The first is what you read here; `terms` goes through every tap $(k, l)$ and says which pixels of x and y it
# ties together:

# %%
for algorithm in ("loops", "matrix", "im2col"):
    with minifcn.use_algorithm(algorithm):
        assert np.array_equal(F.conv_transpose2d(y, w).numpy()[0, 0], added_up(twin, places))
print(inspect.getsource(loops.to_input))

# %% [markdown]
# And how much faster than ours? What is printed here depends on your machine; that it is much faster does not.

# %% tags=["no-output"]
large_y = rng.integers(-9, 10, (1, 8, 24, 24)).astype(float)
large_w = rng.integers(-9, 10, (8, 8, 4, 4)).astype(float)


def librarys():
    return F.conv_transpose2d(Tensor(large_y), Tensor(large_w), stride=2).numpy()


def seconds(function):
    function()  # once to warm up
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


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
# **A trap.** With stride 1 and one channel you may exchange image and kernel and nothing changes, whatever the numbers.
# So a test with stride 1 and one channel cannot notice that they were exchanged. With stride 2 it can.

# %%
assert result.sum() == same.sum() * same.sum() == 36

x = rng.integers(-9, 10, (1, 2, 5, 6)).astype(float)
w = rng.integers(-9, 10, (3, 2, 2, 3)).astype(float)
y = rng.integers(-9, 10, (1, 3, 4, 4)).astype(float)
print("⟨Cx, y⟩ =", (convolve(x, w) * y).sum(), "  ⟨x, Cᵀy⟩ =", (x * one(y, w)).sum())
assert (convolve(x, w) * y).sum() == (x * one(y, w)).sum()

a, b = twin[None, None], places[None, None]
assert np.array_equal(one(a, b), one(b, a))
assert not np.array_equal(one(a, b, 2), one(b, a, 2))

# %% [markdown]
# ## 10. Exercises
#
# Solutions are folded. ● is a matter of minutes, ●● takes ten; ●●● is for another day and not counted above.
#
# **By hand** (● 5 minutes). (a) $y = (1, 2)$, one row; $w = (1, 10, 100)$; stride 2. (b) Which kernel turns every image
# into the same image with each pixel doubled in width and height, with stride 2? (c) How large is the result of a 5x7
# image, a kernel of 3x3 and stride 2?
#
# <details><summary>Answers</summary>
#
# (a) (1, 10, 102, 20, 200). (b) 2x2 ones: a Kronecker product with ones repeats. (c) 11x15: $(5-1)\cdot2+3$ by
# $(7-1)\cdot2+3$.
#
# </details>
#
# **Write** (●● 5 minutes). Give your stamps a `padding`, a number or a pair. In a transposed convolution padding *cuts
# away*: it is the padding of the convolution that goes the other way. (Mind that `x[0:-0]` is empty.)

# %% tags=["exercise"]
def my_padded(y, weight, stride=1, padding=0):
    """As my_stamps, without the `padding` outermost rows and columns of the result."""
    ...


# %% tags=["solution", "hide-input"]
def padded(y, weight, stride=1, padding=0):
    ph, pw = both(padding)
    x = by_stamps(y, weight, stride)
    return x[:, :, ph : x.shape[2] - ph, pw : x.shape[3] - pw]


# %%
report = check(conv_transpose2d=yours(my_padded, padded), examples=15)
print(report)
assert report, "the report above says what is wrong with my_padded; mend it, or put ... back to go on with the solution"

# %% [markdown]
# **Break** (●●● 20 minutes). Write a *wrong* transposed convolution that `check` with 15 examples does not notice. If
# you succeed you have found a law that is missing; there is no solution here, so tell us.
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
        "With stride 2, 2x2 pixels and a kernel of 2x2: how many places does the window of way three (zeros) visit?",
        lambda: by_zeros(a, b, 2)[0, 0].size,
        "one for each of the 4x4 results: it moves by one, and the stride is in the zeros between the pixels",
    ),
    Question(
        "May image and kernel be exchanged, in a transposed convolution of stride 2?",
        lambda: np.array_equal(one(a, b, 2), one(b, a, 2)),
        "only with stride 1 and a single channel",
    ),
)

# %% [markdown]
# ## What was shown here

# %%
assert sorted({claim.number for claim in ledger}) == ["C10", "C11", "C6", "C7", "C8"]
ledger
