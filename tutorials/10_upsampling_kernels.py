# %% [markdown]
# # 10 Upsampling kernels: bilinear, learned, checkerboards
# ## 10 업샘플링 커널: 쌍선형 보간, 학습, 체커보드
#
# **Question.** A transposed convolution makes an image larger. *Which kernel* should it stamp with? Where does the
# bilinear kernel of FCN come from, why is its result too dark at the border, and why do some kernels leave a
# checkerboard behind, even in a network that has never been trained?
#
# From 05 you know the stamps, from 06 the sizes, from 07 that no kernel brings back what is lost. You will derive the
# bilinear kernel for every stride, repair its border, find out which kernels leave a flat image flat, and see the
# others by their pattern in a picture and in a spectrum.
#
# *45 minutes. Before this: 09, pooling, unpooling and the size problem. After it: 11, build and train FCN-32s / 16s /
# 8s.* (Exercises marked ●●● are not counted.)
#
# **요약.** 쌍선형(bilinear) 보간은 전치 합성곱으로 계산할 수 있으며, 그 커널은 보폭(stride) s에서 곧바로 유도됩니다. 보폭이 2이면
# [1 3 3 1]/4입니다. 이미지 안쪽에서는 도장의 합이 항상 1이지만 가장자리에서는 모자라 어두워지므로 따로 고쳐 주어야 합니다. 커널 크기가 보폭으로
# 나누어떨어지지 않으면 도장이 겹치는 횟수가 자리마다 달라집니다. 나누어떨어지더라도 나머지가 같은 가중치끼리 더한 합이 서로 다르면 체커보드 무늬가
# 생깁니다. 이 무늬는 학습하기 전부터 나타나며, 보폭이 있는 합성곱의 기울기에도 똑같이 나타납니다.

# %%
import numpy as np

import minifcn
from minifcn import Tensor, nn, plot
from minifcn import functional as F
from minifcn.arrays.resampling import bilinear_kernel
from minifcn.plot.palette import shade
from minifcn.plot.sheet import Sheet
from minifcn.teaching import Ledger, Question, predict, quiz, seconds, yours

ledger = Ledger()

# %% [markdown]
# ## 1. Commit yourself
#
# One row of three pixels, $y = (4, 8, 0)$, is to become twice as long. The kernel is $\frac14(1, 3, 3, 1)$, the stride
# 2, the padding 1 (which cuts away one result at each end). **Which six numbers come out?**

# %% tags=["prediction"]
prediction = None  # six numbers, for example [4, 4, 8, 8, 0, 0]

# %% [markdown]
# ## 2. Numbers that fit on paper
#
# 4 stamps (1, 3, 3, 1), and two places further on 8 stamps (2, 6, 6, 2); the last pixel stamps four zeros. Neighbours
# overlap in two places: 1, 3, 3 + 2, 1 + 6, 6 + 0, 2 + 0, 0, 0. Cut away the first and the last of these eight.

# %%
def stamped(y, w, stride, padding=0):
    """y (H, W), w (KH, KW): the transposed convolution, by the library."""
    y, w = Tensor(y[None, None]), Tensor(w[None, None])
    return F.conv_transpose2d(y, w, None, stride, padding).numpy()[0, 0]


def in_a_row(y, w, s, p=0):
    """The same for one row: y (n,), w (k,)."""
    return stamped(y[None], w[None], (1, s), (0, p))[0]


three, quarters = np.array([4.0, 8.0, 0.0]), np.array([0.25, 0.75, 0.75, 0.25])
plot.stamps(three[None], quarters[None], stride=(1, 2), padding=(0, 1))

# %%
plot.stamps(three[None], quarters[None], stride=(1, 2), padding=(0, 1)).still()

# %%
made = in_a_row(three, quarters, 2, 1)
print(made)
predict(prediction, made, "the row")
assert np.array_equal(made, [3, 5, 7, 6, 2, 0])

# %% [markdown]
# 5 and 7 stand between 4 and 8, on a straight line: it is *linear interpolation* (in two dimensions, *bilinear*:
# linear along both). Only the first number is strange: next to the border one would expect 4, and there is 3. We come
# back to it.
#
# ### Where does the kernel come from?
#
# A pixel is a small square. Pixel $j$ reaches from $j$ to $j+1$, its centre is at $j + \frac12$. Made $s$ times as
# large, pixel $i$ of the result has its centre at $(i + \frac12)/s$, measured in pixels of $y$. Counted from the
# centre of pixel 0 it is
#
# $$u_i = \frac{i + \frac12}{s} - \frac12 .$$
#
# Linear interpolation at $u$ takes the two nearest pixels, each with the weight $1 - |u - j|$: the nearer, the more.
# All others get 0. So pixel $j$ gives to result $i = sj + m$, with $u_i - j = \frac{2m + 1 - s}{2s}$,
#
# $$\begin{aligned}t_m &= 1 - \frac{|2m + 1 - s|}{2s}\\ &= \frac{2s - |2m + 1 - s|}{2s},\end{aligned}$$
#
# if that is positive. It depends on $m$ alone, not on $j$: every pixel gives in the same way, $s$ places further on.
# **That is a stamp.** It is a *tent*, highest in its middle. Which $m$ are there?
#
# - **s even:** $2m+1-s$ is odd; the odd numbers from $-(2s-1)$ to $2s-1$ are $2s$ of them. So $k = 2s$. The first is at
#   $m = -\frac s2$, which is outside of the image to the left of pixel 0: padding $p = \frac s2$ cuts it away.
# - **s odd:** $2m+1-s$ is even; the even numbers from $-(2s-2)$ to $2s-2$ are $2s-1$ of them. So $k = 2s - 1$. The first is
#   at $m = -\frac{s-1}2$, hence $p = \frac{s-1}2$.
#
# These are the two choices of 06 that multiply every size by $s$ exactly.
#
# **Yours to write** (5 minutes): the $k$ weights, from the first on.

# %% tags=["exercise"]
def my_tent(s):
    """The weights that interpolate by the factor s: (2 s,), or (2 s - 1,) for odd s."""
    ...


# %% tags=["solution", "hide-input"]
def tent_of(s):
    p = s // 2
    k = 2 * s if s % 2 == 0 else 2 * s - 1
    return np.array([(2 * s - abs(2 * m + 1 - s)) / (2 * s) for m in range(-p, k - p)])


# %%
tent = yours(my_tent, tent_of, *((s,) for s in (2, 4, 3, 8, 5, 1)))
sheet = Sheet()
sheet.column()
for s in (2, 3, 4, 8):
    title = f"stride {s}, padding {s // 2}: the tent in parts of 1/{2 * s}"
    sheet.grid(np.rint(2 * s * tent(s))[None], title)
sheet.figure()

# %% [markdown]
# For $s = 3$ that is $\frac13, \frac23, 1, \frac23, \frac13$. In two dimensions the weights of rows and columns are
# multiplied. The library has it as `bilinear_kernel`, and for the whole weight of a layer as `nn.init.bilinear_`:

# %%
for s in range(1, 10):
    k = len(tent(s))
    assert np.allclose(np.outer(tent(s), tent(s)), bilinear_kernel(k, np.float64))
plot.numbers(16 * bilinear_kernel(4), titles=["stride 2: 16 times the kernel"])

# %% [markdown]
# Is it linear interpolation? NumPy has one of its own, `np.interp`, that knows nothing of stamps. Inside, between the
# centres of the first and the last pixel, the two agree:

# %%
rng = np.random.default_rng(0)


def interpolates(kernel_of):
    """Whether it agrees with np.interp inside, for strides even and odd."""
    for s in range(1, 10):
        y = rng.integers(-9, 10, 6).astype(float)
        x = in_a_row(y, kernel_of(s), s, s // 2)
        u = (np.arange(6 * s) + 0.5) / s - 0.5
        inside = (u >= 0) & (u <= 5)
        right = np.interp(u, np.arange(6), y)
        if x.shape != u.shape or not np.allclose(x[inside], right[inside]):
            return False
    return True


def peak_on_a_tap(s):
    """The middle of the tent on tap k // 2; for even s it lies between two taps."""
    k = len(tent(s))
    return np.array([max(0, 1 - abs(m - k // 2) / s) for m in range(k)])


ledger.claim(
    "C5",
    "upsampling gives s times the size, and inside every value lies on a line",
    interpolates,
    right=tent,
    mistake=peak_on_a_tap,
    named="a tent with its peak on a tap",
)

# %% [markdown]
# ### Three wrong kernels, and how they come about
#
# The first is the one that the claim was tried on. Its results lie on the line, too, but half a pixel (of the result)
# too far to the right. The second makes the sum of the kernel 1, as one is used to for a blur: but the sum must be $s$
# (in two dimensions $s^2$), as there are $s$ times as many results. The third is a kernel of ones with $k = s$, which
# repeats: nearest, not linear.

# %%
ramp = np.array([8.0, 16.0, 24.0, 32.0])
sheet = Sheet()
sheet.column()
for title, kernel, p in (
    ("right", tent(2), 1),
    ("peak on a tap", peak_on_a_tap(2), 1),
    ("sum 1", tent(2) / 2, 1),
    ("ones", np.ones(2), 0),
):
    sheet.grid(in_a_row(ramp, kernel, 2, p)[None], title)
sheet.figure()

# %% [markdown]
# ## 3. The border
#
# Let all pixels be 1. Then all results should be 1:

# %%
ones = stamped(np.ones((3, 4)), bilinear_kernel(4, np.float64), 2, 1)
plot.numbers(16 * ones, titles=["from 3x4 ones, in sixteenths"])

# %% [markdown]
# **Inside it is 1.** The weights $1 - |u - j|$ of the two neighbours of $u$ add up to 1, wherever $u$ lies between
# them. In the kernel: tap $m$ of a pixel and tap $m + s$ of the one before meet in one place, so $t_m + t_{m+s} = 1$.
# (For odd $s$ the tap in the middle is alone, and 1.) One calls that a *partition of unity*.
#
# **At the border one of the two neighbours is missing.** The first result has $u = \frac1{2s} - \frac12 < 0$; there is
# no pixel $-1$, and the weight of pixel 0 alone is $1 - |u| = \frac12 + \frac1{2s}$. That is 0.75 for $s = 2$, the
# corner has $0.75^2 = 0.5625$; and for $s = 32$ the corner is left with 0.27.
#
# There are two repairs. **Repeat the border**: put one more pixel around $y$, equal to its neighbour, and cut away $s$
# more. **Divide by what arrived**: the transposed convolution of ones says how much weight each place got. Both give
# pixel 0 the whole weight, along either axis, and as the kernel is a product of one along each, they are equal. The
# second needs no larger image, and works for every kernel, as long as what arrives is not 0.
#
# **Yours to write** (4 minutes), one of the two. `np.pad(y, 1, mode="edge")` repeats the border.

# %% tags=["exercise"]
def my_repaired(y, s):
    """y (H, W) -> (s H, s W): bilinear; a flat image stays flat up to its border."""
    ...


# %% tags=["solution", "hide-input"]
def by_repeating(y, s):
    w = np.outer(tent(s), tent(s))
    return stamped(np.pad(y, 1, mode="edge"), w, s, s // 2 + s)


# %%
def by_dividing(y, s):
    w = np.outer(tent(s), tent(s))
    return stamped(y, w, s, s // 2) / stamped(np.ones_like(y), w, s, s // 2)


y = np.arange(12.0).reshape(3, 4) ** 2
trials = (np.ones((2, 3)), 2), (y, 2), (y, 3), (y, 4)
repaired = yours(my_repaired, by_repeating, *trials)
for s in range(1, 9):
    librarys = F.interpolate(Tensor(y[None, None]), scale_factor=s, mode="bilinear")
    assert np.allclose(repaired(y, s), by_dividing(y, s))
    assert np.allclose(repaired(y, s), librarys.numpy()[0, 0])
plot.numbers(repaired(three[None], 2), titles=["(4, 8, 0) repaired"])

# %% [markdown]
# Both are what `F.interpolate(..., mode="bilinear")` gives, border included, here and in PyTorch. The FCN of the
# paper does not repair it: it makes more than it needs, and cuts the border off (09).
#
# ## 4. Bilinear is not bilinear
#
# "Resize it bilinearly, by any library": that is how images are off by half a pixel. Linear interpolation says how to
# mix two neighbours. It does *not* say **where** a result lies among the pixels, and there are three answers:
#
# | | result $i$ lies at | in place stay |
# |---|---|---|
# | half-pixel | $\frac{i + 1/2}{s} - \frac12$ | both edges |
# | align corners | $i\,\frac{n-1}{sn-1}$ | first and last centre |
# | asymmetric | $i/s$ | the first centre |
#
# PyTorch once took the second, and since 0.4 it takes the first (`align_corners=False`), all but its old layer
# `nn.UpsamplingBilinear2d`, which still takes the second. TensorFlow 1 took the third and TensorFlow 2 takes the first.

# %%
n, s = 4, 2
row = Tensor(ramp[None, None, None])


def resized(align):
    made = F.interpolate(row, (1, s * n), mode="bilinear", align_corners=align)
    return made.numpy().ravel()


results = {
    "half-pixel": resized(False),
    "align corners": resized(True),
    "asymmetric": np.interp(np.arange(s * n) / s, np.arange(n), ramp),
    "transposed conv.": in_a_row(ramp, tent(s), s, s // 2),
}
for name, x in results.items():
    print(f"{name:17}", x.round(2))
title = "8, 16, 24, 32 made twice as long"
plot.lines(np.arange(s * n), results, title, "pixel of the result", "value")

# %% [markdown]
# The transposed convolution is the half-pixel one, but for its border. The asymmetric one is a *shift*: its $u$ is
# larger by $\frac12 - \frac1{2s}$ pixels of $y$, which is $\frac{s-1}2$ pixels of the result. With $s = 32$, the
# stride of FCN-32s, that is 15.5 pixels: all labels beside their objects. Align corners is off by as much at either
# end, in opposite directions.

# %%
ledger.misconception(
    "M11",
    "bilinear is bilinear: every library's resize by 2 gives the same",
    believed=lambda: results["align corners"].round(2),
    found=lambda: results["half-pixel"],
    instead="say where the centres lie; three conventions are in use",
)

# %% [markdown]
# ## 5. Channels
#
# The weight of a transposed convolution has a kernel for each *pair* of channels, (in, out). (In this order, in PyTorch
# too; a convolution has (out, in).) Which of them get the tent? "Bilinear initialisation: fill the weight with the
# bilinear kernel", it is often said, and so one writes `weight[:] = kernel`. Then every channel of the result is the
# sum of *all* channels. See what becomes of colours:

# %%
flag = np.zeros((3, 6, 6))
flag[0, :, :2] = flag[1, :, 2:4] = flag[2, :, 4:] = 255  # red, green, blue
flag[:, 2:4, 1:5] = 255  # a white bar


def enlarged(channels, weight, s=4):
    made = F.conv_transpose2d(Tensor(channels[None]), weight, None, s, s // 2)
    return made.numpy()[0]


diagonal = nn.init.bilinear_(Tensor(np.zeros((3, 3, 8, 8))))  # a tent where in = out
full = Tensor(np.tile(bilinear_kernel(8, np.float64), (3, 3, 1, 1)))
plot.images(
    flag, enlarged(flag, diagonal), enlarged(flag, full) / 3,
    titles=["y", "the diagonal alone", "every pair, divided by 3"],
)  # fmt: skip

# %% [markdown]
# Red, green and blue have all become the same grey. If the channels are scores of classes, all classes have the same
# score everywhere, and the first class wins every pixel:

# %%
ledger.misconception(
    "M9",
    "a bilinear weight has the tent for every pair of channels, (in, out)",
    believed=lambda: len(np.unique(enlarged(flag, full).argmax(0))),
    found=lambda: len(np.unique(enlarged(flag, diagonal).argmax(0))),
    instead="each channel is enlarged by itself: the tent where in = out, else 0",
)

# %% [markdown]
# (Believed and found are the number of classes that win somewhere: of three only the first is left.)
#
# Off the diagonal the weight is all zeros, and they are multiplied, too. With as many *groups* as channels only the
# diagonal is stored, one tent for each channel, and the result is the same. It can then never learn to mix channels.

# %%
grouped = Tensor(np.tile(bilinear_kernel(8, np.float64), (3, 1, 1, 1)))  # (in, out / groups, 8, 8)
made = F.conv_transpose2d(Tensor(flag[None]), grouped, stride=4, padding=2, groups=3)
assert np.array_equal(made.numpy()[0], enlarged(flag, diagonal))
print(diagonal.numel(), "weights, or", grouped.numel())

# %% [markdown]
# ## 6. How often is each place stamped?
#
# Forget the weights for a moment and count. Along one axis a kernel of $k$ with stride $s$ stamps place $i$ from every
# pixel $j$ with $0 \le i - sj \le k - 1$. So the taps that come to place $i$ are those $m$ from 0 to $k-1$ that leave
# the same **remainder** as $i$ when divided by $s$. How many are there? If $s$ divides $k$: $k/s$ for every remainder.
# If not, some remainders have one more than others. So the count is flat, away from the border, **just if $k$ is a
# multiple of $s$**.
#
# **Yours to write** (3 minutes): count the stamps.

# %% tags=["exercise"]
def my_coverage(n, k, s):
    """How many of n stamps of k lie over each place: ((n - 1) s + k,)"""
    ...


# %% tags=["solution", "hide-input"]
def coverage(n, k, s):
    counts = np.zeros((n - 1) * s + k)
    for j in range(n):
        counts[j * s : j * s + k] += 1
    return counts


# %%
count = yours(my_coverage, coverage, (5, 3, 2), (4, 5, 3), (6, 4, 2))
for k, s in ((3, 2), (4, 2), (5, 2), (5, 3), (6, 3)):
    inside = count(12, k, s)[2 * k : -2 * k]
    once = sorted({int(c) for c in inside})
    print(f"kernel {k}, stride {s}: {once}, as in", inside[: 2 * s].astype(int))
    assert (len(set(inside)) == 1) == (k % s == 0)

# %% [markdown]
# In two dimensions the counts of rows and columns are multiplied: 1 and 2 become 1, 2, 2, 4. There is the checkerboard.
# The slider goes through kernels and strides; you see the upper left corner of a large image.

# %%
pairs = [(k, s) for s in (2, 3) for k in range(s + 1, 2 * s + 3)]


def corner(n):
    k, s = pairs[n]
    along = count(12, k, s)[:10]
    counts = np.outer(along, along)
    sheet = Sheet()
    sheet.column()
    sheet.grid(counts, f"kernel {k}, stride {s}", fills=shade(counts))
    return sheet.figure()


plot.Frames(corner, len(pairs), "kernel and stride")

# %%
plot.coverage((9, 9), 3, 2)  # the library's picture of the same, with all borders

# %% [markdown]
# **Before any training.** Checkerboards in the output of a network are often put down to training: too short, too high
# a learning rate. Take layers with random weights that have seen nothing, and give them an image that is the same
# everywhere:

# %%
def of_a_flat_image(kernel):
    """What an untrained layer of this kernel and stride 2 makes of it, in the middle."""
    start = np.random.default_rng(1)
    layer = nn.ConvTranspose2d(16, 1, kernel, stride=2, bias=False, generator=start)
    made = layer(Tensor(np.ones((1, 16, 8, 8), np.float32)))
    return made.detach().numpy()[0, 0, 4:8, 4:8]


untrained = {k: of_a_flat_image(k) for k in (3, 4)}
plot.numbers(
    *(made.round(2) for made in untrained.values()),
    titles=[f"kernel {k}, untrained" for k in untrained],
)

# %%
ledger.misconception(
    "M8",
    "checkerboards come from poor training: untrained, a flat image stays flat",
    believed=lambda: [0.0, 0.0],
    found=lambda: [float(np.ptp(made).round(2)) for made in untrained.values()],
    instead="each remainder has taps of its own; before any training their sums differ",
)

# %% [markdown]
# (Believed and found: the largest less the smallest number, for kernel 3 and kernel 4.) Kernel 4 has a pattern, too,
# though its counts are flat! Counts are not all; section 7 says what is. But first:
#
# **Stacks compound.** The pattern of one layer is stamped by the next. Three layers of ones with kernel 3 and stride 2
# along one axis count from 1 to 5, and in two dimensions from 1 to 25. With kernel 4 it is 8 everywhere:

# %%
def stack(kernel, layers, y):
    for _ in range(layers):
        y = in_a_row(y, kernel, 2)
    return y


for k in (3, 4):
    deep = stack(np.ones(k), 3, np.ones(12))
    middle = deep[len(deep) // 2 :][:16].astype(int)
    print(f"kernel {k}:", middle)

# %% [markdown]
# What that looks like: the letter of 07 through three layers, each of kernels whose sum is $s^2 = 4$.

# %%
letter = np.full((10, 10), 90.0)
letter[2:8, 3:5] = letter[2:4, 3:7] = letter[5:6, 3:6] = 170


def three_layers(w):
    x = letter
    for _ in range(3):
        x = stamped(x, 4 * w / w.sum(), 2)
    middle = (len(x) - 64) // 2
    return x[middle:-middle, middle:-middle]


chosen = np.ones((3, 3)), np.ones((4, 4)), bilinear_kernel(4, np.float64)
plot.images(
    letter, *(three_layers(w) for w in chosen),
    titles=["y", "ones, k = 3", "ones, k = 4", "bilinear, k = 4"],
)  # fmt: skip

# %% [markdown]
# ## 7. Counts are not yet weights
#
# With weights, place $i$ of a flat image gets the **sum** of the taps with its remainder. So a flat image stays flat
# just if these $s$ sums (in two dimensions $s^2$) are equal. Ones with $k = 4$: 2 and 2. The tent: $\frac14 + \frac34$
# twice. Even (1, 2, 1) with stride 2: its remainder sums are $1 + 1$ and 2, although 3 is no multiple of 2. And random
# weights of 4x4: hardly ever, as the untrained layer has shown. So "$k$ is a multiple of $s$" is about counts. It is
# neither needed nor enough.

# %%
def remainder_sums(w, s):
    """The sum of the taps w (KH, KW) for each remainder: (s, s)."""
    return np.array([[w[a::s, b::s].sum() for b in range(s)] for a in range(s)])


random = rng.integers(-4, 5, (4, 4)).astype(float)
one_two_one = np.outer([1.0, 2, 1], [1.0, 2, 1])
tried = {
    "ones, 3x3": np.ones((3, 3)),
    "(1, 2, 1)": one_two_one,
    "ones, 4x4": np.ones((4, 4)),
    "tent": bilinear_kernel(4),
    "random, 4x4": random,
}
plot.numbers(*(remainder_sums(w, 2) for w in tried.values()), titles=list(tried))

# %%
middle = stamped(np.ones((6, 6)), random, 2)[4:6, 4:6]
assert np.array_equal(middle, remainder_sums(random, 2))

# %% [markdown]
# What is it good for, then? It favours no place. A sum of four random numbers is larger, on average, than one of them.
# So with kernel 3 the place with four taps is the loud one in layer after layer; with kernel 4 it is now this one, now
# that. Here is the mean square of each remainder sum, of 4000 random kernels:

# %%
draw = np.random.default_rng(2)
for k in (3, 4):
    sums = [remainder_sums(draw.standard_normal((k, k)), 2) for _ in range(4000)]
    squares = np.square(sums).mean(0)
    print(f"kernel {k}:", squares.round(1).tolist())
    assert np.allclose(squares, count(9, k, 2)[8:10, None] * count(9, k, 2)[8:10], rtol=0.1)

# %% [markdown]
# Those are the counts again: 4, 2, 2, 1, and 4 everywhere. A layer that begins with the tent begins flat; when it
# learns, nothing but the data keeps it so.
#
# **As a spectrum.** Write $X(f) = \sum_m x_m e^{-2\pi i f m}$ for how much of the frequency $f$ is in a row ($f$ in
# waves per pixel, from 0 to ½, where every second pixel differs). For $x_m = \sum_j y_j\, w_{m - sj}$ put $m = sj +
# r$:
#
# $$\begin{aligned}X(f) &= \sum_j y_j e^{-2\pi i f s j}\; \sum_r w_r e^{-2\pi i f r}\\
# &= Y(sf)\; W(f)\end{aligned}$$
#
# $Y(sf)$ repeats when $f$ grows by $1/s$: with everything in $y$ there comes a copy at $f + 1/s$, $f + 2/s$, ... The
# brightness of $y$ (frequency 0) has copies at $1/s, 2/s, \dots$, which are the checkerboard. The kernel must silence
# them: $W(1/s) = W(2/s) = \dots = 0$. And $W(q/s) = \sum_r w_r e^{-2\pi i q r/s}$ only depends on the remainder of
# $r$: it is the Fourier transform of the $s$ remainder sums. It is 0 for all $q$ but 0 just if these are equal (a
# constant has the frequency 0 and no other, and whatever has no other is constant). The two sentences are one.

# %%
f = np.linspace(0, 0.5, 101)


def spectrum(w):
    """|W(f)| / W(0)"""
    waves = np.exp(-2j * np.pi * f[:, None] * np.arange(len(w)))
    return np.abs(waves @ w) / w.sum()


kernels = {"ones, k = 3": np.ones(3), "ones, k = 4": np.ones(4), "tent, k = 4": tent(2)}
curves = {name: spectrum(w) for name, w in kernels.items()}
title = "stride 2: what is left at ½ is the checkerboard"
plot.lines(f, curves, title, "waves per pixel", "|W(f)| / W(0)")

# %%
for name, curve in curves.items():
    print(f"{name:16} at 0: {curve[0]:.3f}, at 1/2: {abs(curve[-1]):.3f}")
assert np.allclose([curve[-1] for curve in curves.values()], [1 / 3, 0, 0])

# %% [markdown]
# One third: the counts 1, 2, 1, 2 are $1.5 \pm 0.5$, and $0.5 / 1.5 = \frac13$.
#
# ## 8. Resize, then convolve
#
# Another way out: make the image larger without learning (each pixel repeated, or bilinear), then let a convolution of
# stride 1 learn (`nn.Upsample`, then `nn.Conv2d`). Every result of it sees *all* taps, so a flat image stays flat,
# whatever the weights. The price: all taps are multiplied at the large size. For each result (and pair of channels) a
# transposed convolution multiplies $(k/s)^2$ times, 4 for $k = 4$, $s = 2$; a convolution of 3x3 multiplies 9 times.

# %%
def resize_then_convolve(y, w):
    large = F.interpolate(Tensor(y[None, None]), scale_factor=2, mode="nearest")
    return F.conv2d(large, Tensor(w[None, None])).numpy()[0, 0]


any_kernel = rng.integers(-4, 5, (3, 3)).astype(float)
flat = resize_then_convolve(np.ones((5, 6)), any_kernel)
print("largest less smallest:", np.ptp(flat))
assert np.ptp(flat) == 0

# %% tags=["no-output"]
features = Tensor(rng.standard_normal((1, 32, 40, 40)).astype(np.float32))
w4 = Tensor(rng.standard_normal((32, 32, 4, 4)).astype(np.float32))
w3 = Tensor(rng.standard_normal((32, 32, 3, 3)).astype(np.float32))
transposing = seconds(lambda: F.conv_transpose2d(features, w4, None, 2, 1))
resizing = seconds(
    lambda: F.conv2d(F.interpolate(features, scale_factor=2), w3, None, 1, 1)
)
print(f"resizing and convolving: {resizing / transposing:.1f} times the seconds")
print(f"                         {9 / 4} times the multiplications")

# %% [markdown]
# FCN needs none of this: its upsampling kernels are tents, which it keeps as they are or learns from there.
#
# ## 9. Exercises
#
# ● is a matter of minutes, ●● takes ten; ●●● is for another day and not counted above.
#
# **By hand** (● 6 minutes). (a) The tent for $s = 5$, with its $k$ and $p$? (b) Why has an odd stride no symmetric
# tent with $k = 2s$? (c) What is left of 1 at the border and in the corner, for $s = 4$? (d) Which counts has kernel 7
# with stride 3, along an axis and in two dimensions? (e) Which remainder sums has $(1, 2, 1)$ with stride 2?
#
# <details><summary>Answers</summary>
#
# (a) (1, 2, 3, 4, 5, 4, 3, 2, 1)/5, $k = 9$, $p = 2$. (b) Its middle would lie between two taps. But with odd $s$ the
# middle of a pixel falls *on* the centre of a result ($m = \frac{s-1}2$ is a whole number), so the tent has a tap
# there. In other words, $k = s + 2p$ would need $p = s/2$. (c) $\frac58$ and $\frac{25}{64}$. (d) 2 and 3; 4, 6 and 9.
# (e) 2 and 2: it is twice the tent with its peak on a tap. It leaves flat images flat.
#
# </details>

# %%
assert np.allclose(tent(5) * 5, [1, 2, 3, 4, 5, 4, 3, 2, 1])
fourfold = stamped(np.ones((3, 3)), np.outer(tent(4), tent(4)), 4, 2)
assert np.allclose(fourfold[0, [0, 5]], [25 / 64, 5 / 8])
assert np.array_equal(remainder_sums(np.array([[1.0, 2, 1]]), 2).sum(0), [2, 2])

# %% [markdown]
# **Write** (●● 6 minutes). The *gradient* of a convolution is a transposed convolution (08). So a convolution with
# stride 2 and a kernel of 3 has a checkerboard in what it sends back: some pixels of the image are used more often
# than others. Without automatic differentiation: all taps are 1, the loss is the sum of all results. What is its
# gradient with respect to an image of $n\times n$?

# %% tags=["exercise"]
def my_gradient(n, k, s):
    """d (sum of conv2d(x, ones(k, k), stride=s)) / dx for x of n x n: (n, n)"""
    ...


# %% tags=["solution", "hide-input"]
def gradient(n, k, s):
    windows = (n - k) // s + 1
    used = np.zeros(n)  # what no window reaches has gradient 0
    along = coverage(windows, k, s)
    used[: len(along)] = along
    return np.outer(used, used)


# %%
back = yours(my_gradient, gradient, (7, 3, 2), (8, 3, 2), (9, 4, 2))
x = Tensor(np.zeros((1, 1, 7, 7)), requires_grad=True)
loss = F.conv2d(x, Tensor(np.ones((1, 1, 3, 3))), stride=2).sum()
automatic = minifcn.grad(loss, x)[0].numpy()[0, 0]
assert np.array_equal(back(7, 3, 2), automatic)
plot.numbers(automatic, titles=["the gradient at the image"])

# %% [markdown]
# So a pixel in an odd row and column is heard once where its neighbours in even rows and columns are heard four times,
# in every step of training. VGG avoids it: its convolutions have stride 1, and its poolings $k = s = 2$. ResNet does not:
# it has convolutions of stride 2 with kernels of 7, of 3, and even of 1, which three pixels of four never meet.
#
# **Break** (●●● 20 minutes). "Resize, then convolve" *is* a transposed convolution. Repeat each pixel twice and
# convolve with $w$ (3x3, padding 1): find the kernel of 4x4 that does the same with stride 2 and padding 1. How many
# of its 16 weights can be chosen freely, and what are its remainder sums? So what has been given up for the peace?
#
# <details><summary>Answer</summary>
#
# Repeating is a transposed convolution with 2x2 ones, and a convolution of stride 1 is one with the kernel turned by
# 180°. One after the other, 2x2 ones are stamped with the turned kernel: each tap of $w$ goes to four places. The 16
# weights come from 9, and all four remainder sums are the sum of $w$. Given up are 7 of 16 weights: kernels with
# unequal sums, among others, cannot be expressed any more.
#
# </details>

# %% tags=["solution", "hide-input"]
w = np.arange(1.0, 10.0).reshape(3, 3)
combined = stamped(w[::-1, ::-1].copy(), np.ones((2, 2)), 1)
padded = np.pad(y.repeat(2, 0).repeat(2, 1), 1)
one_way = F.conv2d(Tensor(padded[None, None]), Tensor(w[None, None])).numpy()[0, 0]
assert np.array_equal(one_way, stamped(y, combined, 2, 1))
assert np.array_equal(remainder_sums(combined, 2), np.full((2, 2), w.sum()))
plot.numbers(w, combined, titles=["w", "the kernel of 4x4"])

# %% [markdown]
# ## 10. Five questions

# %%
quiz(
    Question(
        "How many taps has the bilinear kernel for stride 3, along one axis?",
        lambda: len(tent(3)),
        "2s − 1 for an odd stride",
    ),
    Question(
        "What is left of 1 in the corner of an image upsampled by 2?",
        lambda: float(ones[0, 0]),
        "0.75 along each axis: one neighbour is missing",
    ),
    Question(
        "Which of the strides 2, 3 and 4 give a kernel of 6 a flat count?",
        lambda: [s for s in (2, 3, 4) if len(set(count(12, 6, s)[12:-12])) == 1],
        "those that divide it",
    ),
    Question(
        "May a kernel of 4 with stride 2 still leave a checkerboard?",
        lambda: len(np.unique(remainder_sums(random, 2))) > 1,
        "the counts are equal, the sums of the weights need not be",
    ),
    Question(
        "By how many pixels does the asymmetric convention move the result, at stride 32?",
        lambda: 32 * ((0 / 32) - ((0 + 0.5) / 32 - 0.5)),
        "(s − 1) / 2",
    ),
)

# %% [markdown]
# ## What was shown here
#
# A tent for each class, one for each channel by itself, the border cut off: that is all the upsampling that FCN has.
# In 11 it joins three score maps with it.

# %%
assert [claim.number for claim in ledger] == ["C5"]
ledger
