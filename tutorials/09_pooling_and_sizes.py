# %% [markdown]
# # 09 Pooling, unpooling and the size problem
# ## 09 풀링, 언풀링, 그리고 크기 문제
#
# **Question.** A network runs on images of 256x256, and on those of 255x255 it crashes, or gives a result of another
# size than the image. Which sizes are safe, what exactly goes wrong with the others, and which of the usual remedies
# loses, invents or shifts pixels?
#
# You will pool by hand, forwards and backwards, follow sizes down and up again, build four remedies and measure each
# of them. At the end you derive the crops of FCN: 19; 5 and 27; 5, 9 and 31, and know why somebody padded an image by
# 100.
#
# *45 minutes. Before this: 06, size arithmetic, and 08, autograd. After it: 10, upsampling kernels.*
# (Exercises marked ●●● are not counted.)
#
# From 06: a window of $k$ with stride $s$ fits $\lfloor (n + 2p - k)/s\rfloor + 1$ times into $n$ pixels with padding
# $p$, and the floor forgets a remainder. From 08: what a value *receives* on the way back. A *stream* is a branch of
# a network.
#
# **요약.** 크기가 2인 풀링을 다섯 번 거치면 255는 7이 되고, 7을 다섯 번 두 배로 늘리면 224가 되어 31픽셀이 모자랍니다. 버림 없이 원래
# 크기로 돌아오는 것은 전체 보폭(stride)인 32의 배수뿐입니다. 배수로 패딩하기, 크게 패딩하고 계산한 만큼 잘라 내기, output_padding, 스킵
# 특징 맵을 자르거나 크기를 바꾸기, 이 네 가지 해결책이 각각 무엇을 잃고 무엇을 지어내며 결과를 얼마나 밀어내는지 직접 재어 비교합니다.

# %%
from functools import reduce

import numpy as np

import minifcn
from minifcn import Tensor, plot
from minifcn import functional as F
from minifcn.geometry import WindowLayer, pixels_seen, receptive_field
from minifcn.models import FCN
from minifcn.plot.frames import of_sheets
from minifcn.plot.palette import owner
from minifcn.plot.sheet import Sheet
from minifcn.teaching import Ledger, Question, predict, quiz, seconds, yours
from minifcn.testing import check

ledger = Ledger()

# %% [markdown]
# ## 1. Commit yourself
#
# Pooling with a window of 2 and stride 2 makes $\lfloor n/2\rfloor$ pixels of $n$. A network pools an image of 255
# pixels (width or height, it does not matter) **five** times, and then doubles the size five times. How small does it
# get, and how large is the result?

# %% tags=["prediction"]
prediction = None  # two numbers: the smallest size, and the size of the result

# %% [markdown]
# ## 2. Pooling by hand
#
# *Max pooling* keeps the largest number of each window, *average pooling* the mean. No weights, and each channel by
# itself. Usually windows do not overlap: the stride is the size of the window unless it is said otherwise.

# %%
x = np.array([[1.0, 5, 2, 0], [4, 3, 7, 7], [0, 2, 6, 1], [8, 1, 3, 2]])


def on_plane(function, plane, *given, **options):
    """A function of the library on one plane of numbers."""
    return function(Tensor(plane[None, None]), *given, **options).numpy()[0, 0]


plot.numbers(x, on_plane(F.max_pool2d, x, 2), on_plane(F.avg_pool2d, x, 2), titles=["x", "max", "average"])

# %% [markdown]
# **Yours to write** (7 minutes): max pooling with channels and images, and a stride. Two loops over the results are
# enough; `.max((2, 3))` is the largest number along the last two of four axes.

# %% tags=["exercise"]
def my_max_pool2d(x, kernel_size, stride=None):
    """x (N, C, H, W) -> (N, C, OH, OW); both a number or a pair (rows, columns); stride None: as the kernel"""
    ...


# %% tags=["solution", "hide-input"]
def max_pool2d(x, kernel_size, stride=None):
    kh, kw = pair(kernel_size)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    N, C, H, W = x.shape
    y = np.zeros((N, C, (H - kh) // sh + 1, (W - kw) // sw + 1), x.dtype)
    for i, j in np.ndindex(*y.shape[2:]):
        y[:, :, i, j] = x[:, :, i * sh : i * sh + kh, j * sw : j * sw + kw].max((2, 3))
    return y


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


# %%
pooled = yours(my_max_pool2d, max_pool2d)
report = check(max_pool2d=pooled, examples=8)
print(report)
assert report, "my_max_pool2d: see the report; mend it, or put ... back to go on with the solution"

# %% [markdown]
# ### Backwards
#
# If one result receives $g$, which pixels receive what? The mean is linear: each pixel of the window receives $g/4$.
# The maximum grows when the **winner** grows, and does not notice the others: the winner receives $g$, the others 0.
#
# And in the window with two sevens? There the maximum has no gradient, strictly speaking; a rule has to be chosen.
# The library (like PyTorch) takes the *first* winner, row by row. Others give $g$ to all winners; then more is handed
# back than arrived, and a window in which all pixels are equal, as in an overexposed sky, hands back fourfold. What
# arrives should be what is handed back: the sum is conserved. (To divide $g$ among the winners conserves it, too. In
# PyTorch and here `x.amax()` does so, a maximum over an axis by `x.max(1)` takes one, and pooling takes the first.)

# %%
def received(function, plane, g, *given, **options):
    """What the plane receives when the result of `function` receives g."""
    leaf = Tensor(plane[None, None], requires_grad=True)
    return minifcn.grad(function(leaf, *given, **options), leaf, Tensor(g[None, None]))[0].numpy()[0, 0]


def to_all_winners(plane, g):
    """g to every pixel that equals its maximum; windows of 2."""
    return (plane == np.kron(on_plane(F.max_pool2d, plane, 2), np.ones((2, 2)))) * np.kron(g, np.ones((2, 2)))


g = np.array([[1.0, 10], [100, 1000]])
ways = received(F.max_pool2d, x, g, 2), to_all_winners(x, g), received(F.avg_pool2d, x, g, 2)
plot.numbers(g, *ways, titles=["g arrives", "max: the first", "to all winners", "average"])

# %%
print("arrived:", int(g.sum()), "  handed back:", [int(way.sum()) for way in ways])
assert [way.sum() == g.sum() for way in ways] == [True, False, True]

# %% [markdown]
# ### Unpooling with switches
#
# A pooling can remember *where* each maximum was (a *switch*, here its index when the plane is laid out row by row).
# *Unpooling* puts each number back to its place, and zeros everywhere else. Later networks (DeconvNet, SegNet) climb
# up again so. It is the very same thing as what max pooling does on the way back.

# %%
largest, switches = F.max_pool2d(Tensor(x[None, None]), 2, return_indices=True)
back = F.max_unpool2d(largest, switches, 2).numpy()[0, 0]
planes = x, largest.numpy()[0, 0], switches.numpy()[0, 0], back
plot.numbers(*planes, titles=["x", "max", "switches", "unpooled"])

# %%
assert np.array_equal(back[back != 0], x[back != 0]), "what comes back stands where it was"
assert np.array_equal(on_plane(F.max_pool2d, back, 2), largest.numpy()[0, 0]), "pooled again, nothing changes"
assert np.array_equal(back, received(F.max_pool2d, x, largest.numpy()[0, 0], 2)), "it is the walk back"

# %% [markdown]
# A trap: pooled again, nothing changes *as long as the maxima are not negative*. Else the zeros around them win.
#
# A second trap is of the same kind. Padding puts zeros around an image for a convolution. For max pooling it must
# not: if all pixels of a window are negative, a zero that nobody computed would be the largest. So the places around
# count as $-\infty$, which never wins. (More than half a window of padding is refused, in PyTorch as well.)

# %%
negative = np.array([[-5.0, -2, -7], [-1, -9, -3], [-8, -6, -4]])
right = on_plane(F.max_pool2d, negative, 3, stride=1, padding=1)
with_zeros = on_plane(F.max_pool2d, np.pad(negative, 1), 3, stride=1)
plot.numbers(negative, right, with_zeros, titles=["x", "−∞ around it", "zeros around it: wrong"])

# %%
assert right.max() < 0 and (with_zeros == 0).sum() == 8
largest, switches = F.max_pool2d(Tensor(negative[None, None, :2, :2]), 2, return_indices=True)
again = F.max_pool2d(F.max_unpool2d(largest, switches, 2), 2)
print("2x2, all negative: the maximum is", largest.item(), "and, unpooled and pooled again,", again.item())

# %% [markdown]
# For an average the question is by how many to divide where a window hangs over the border: by all places of the
# window (`count_include_pad=True`, the default, as in PyTorch; so borders get darker), or by the pixels that are there.

# %%
ones = np.ones((3, 3))
given = {"stride": 1, "padding": 1}
divided = [on_plane(F.avg_pool2d, ones, 3, count_include_pad=way, **given) for way in (True, False)]
plot.numbers(ones, *divided, titles=["x", "divided by 9", "by what is there"])

# %% [markdown]
# ## 3. Sizes, down and up
#
# Five poolings are five floors. On the way up every step doubles exactly, so what a floor has forgotten is missing,
# and every doubling doubles what was missing before.

# %%
def down(n, stages=5, ceil=False):
    """The sizes after each pooling."""
    sizes = [n]
    for _ in range(stages):
        sizes.append(-(-sizes[-1] // 2) if ceil else sizes[-1] // 2)
    return sizes


def down_and_up_again(n, stages=5, ceil=False):
    return down(n, stages, ceil)[-1] * 2**stages


for n in (255, 225, 256):
    smallest = down(n)[-1]
    print(down(n), "and up again:", [smallest * 2**level for level in range(1, 6)])
predict(prediction, [down(255)[-1], down_and_up_again(255)], "the answer")
assert down(255) == [255, 127, 63, 31, 15, 7] and down_and_up_again(255) == 224

# %%
plot.ladder(255, chain=True)[0]

# %% [markdown]
# 255 loses 31 pixels, as many as can be lost. 225 loses one, 256 none. When does nothing get lost? Each of the five
# halves has to be whole: $n$ is divisible by $2\cdot2\cdot2\cdot2\cdot2 = 32$, the **total stride**. One often reads
# that sizes must be even, "a multiple of 2". That is enough for one pooling only: 250 is even, and $125$ is not.

# %%
ledger.claim(
    "C12",
    "five poolings and five doublings give the size of the image back just for multiples of 32",
    lambda m: all((down_and_up_again(n) == n) == (n % m == 0) for n in range(1, 1000)),
    right=32,
    mistake=2,
    named="multiples of 2, as is often said",
)

# %% [markdown]
# **Rounding up instead.** With `ceil_mode=True` a last window may hang over the edge. Caffe pools so, and FCN came
# from there. (It must still begin on the image, or in the padding before it.) Then nothing of the image is left out,
# and the result is too large instead of too small:

# %%
print("n     ", *range(2, 8))
print("floor ", *(down(n, 1)[1] for n in range(2, 8)))
print("ceil  ", *(down(n, 1, ceil=True)[1] for n in range(2, 8)))
for name, ceil in (("floor", False), ("ceil", True)):
    print(f"375x500 with {name}: {down_and_up_again(375, 5, ceil)}x{down_and_up_again(500, 5, ceil)}")
assert [down_and_up_again(n) for n in (375, 500)] == [352, 480]
for n in range(2, 8):
    assert on_plane(F.max_pool2d, np.ones((1, n)), (1, 2), ceil_mode=True).shape[1] == -(-n // 2)

# %% [markdown]
# **Why a crash?** A network with skips adds, on the way up, the doubled map to the map of the same level on the way
# down. (U-Net lays one behind the other, with `cat`, and needs equal sizes just as much.) If the one has 14 and the
# other 15 pixels, they cannot be added:

# %%
try:
    Tensor(np.ones((1, 1, 15, 15))) + Tensor(np.ones((1, 1, 14, 14)))
except ValueError as error:
    print(error)

# %% [markdown]
# Move the slider through the sizes from 200 to 260. To the left what is left after each pooling; to the right what
# the level below it, doubled, offers to be added. Red is where it does not fit: there it crashes.

# %%
plot.ladder(200, 260)

# %%
plot.ladder(200, 260)[18]  # 218: one of the frames, for viewers that take sliders away

# %%
clean = [n for n in range(200, 261) if down_and_up_again(n) == n]
print("clean from 200 to 260:", clean)
assert clean == [224, 256]

# %% [markdown]
# Two of 61. So "it works with any image size" is said too quickly; something has to be done about the sizes.
#
# ## 4. Four remedies, side by side
#
# To see what each of them does, take the smallest network that has the problem: a row of 15 pixels, two poolings
# (means), two doublings (each pixel twice), and a skip in between, fused as the mean of both. Total stride 4.
#
#     15 ─ halve ─ 7 ─────────── fuse ─ 14?
#                  └─ 3 ─ 6? ───┘
#
# $6 \ne 7$, and $14 \ne 15$. Each remedy mends both places:
#
# * **A. Pad to a multiple.** Zeros at the end, up to 16; cut the result to 15.
# * **B. Pad generously all around, round up, crop.** Where to crop is computed (section 6). FCN does so, with 100.
# * **C. output_padding.** Each doubling makes one pixel more where one is missing (06).
# * **D. Make the two maps fit.** Either crop the skip to 6, or resize the doubled map to 7.

# %%
def halve(x, ceil=False):
    if ceil and len(x) % 2:
        x = np.append(x, x[-1])  # so a window that hangs over has the mean of what is there
    return x[: len(x) // 2 * 2].reshape(-1, 2).mean(1)


def double(x):
    return np.repeat(x, 2)


def fuse(up, skip):
    return (up + skip) / 2


def network(x):
    """Right for multiples of 4; what happens to other rows is the subject of this section."""
    half = halve(x)
    return double(fuse(double(halve(half)), half))


for n in (15, 14, 13, 12):
    try:
        print(n, "->", len(network(np.ones(n))))
    except ValueError as error:
        print(n, "->", str(error).strip())

# %% [markdown]
# **Yours to write** (3 minutes): remedy A needs zeros below and to the right, up to the next multiple of $m$.
# (`-H % m` is what is missing.)

# %% tags=["exercise"]
def my_pad_to_multiple(x, m):
    """x (H, W) -> zeros added below and to the right, so that both sizes are multiples of m"""
    ...


# %% tags=["solution", "hide-input"]
def pad_to_multiple(x, m):
    H, W = x.shape
    return np.pad(x, ((0, -H % m), (0, -W % m)))


# %%
trials = [(np.ones((5, 7)), 4), (np.ones((8, 9)), 4), (np.ones((1, 3)), 1)]
to_multiple = yours(my_pad_to_multiple, pad_to_multiple, *trials)

# %% [markdown]
# (`F.pad_to_multiple(x, m)` gives the way back beside it: `padded, undo = ...`.) Now all of them:

# %%
def a_pad_to_multiple(x):
    return network(to_multiple(x[None], 4)[0])[: len(x)]


def b_pad_and_crop(x, P=6):
    half = halve(np.pad(x, P), ceil=True)
    quarter = halve(half, ceil=True)
    fused = fuse(double(quarter)[: len(half)], half)  # they begin at the same place: nothing to crop before
    return double(fused)[P : P + len(x)]


def c_output_padding(x):
    def doubled(v, size):  # output_size finds the output_padding that gives it (06)
        made = F.conv_transpose2d(
            Tensor(v[None, None, None]), Tensor(np.ones((1, 1, 1, 2))), stride=(1, 2), output_size=(1, size)
        )
        return made.numpy().ravel()

    half = halve(x)
    return doubled(fuse(doubled(halve(half), len(half)), half), len(x))


def d_crop_the_skip(x):
    half = halve(x)
    up = double(halve(half))
    return double(fuse(up, half[: len(up)]))


def resize(v, size):
    """Linear interpolation between the centres of pixels, as F.interpolate does it."""
    return np.interp((np.arange(size) + 0.5) * len(v) / size - 0.5, np.arange(len(v)), v)


def d_resize(x):
    half = halve(x)
    return resize(fuse(resize(halve(half), len(half)), half), len(x))


remedies = [a_pad_to_multiple, b_pad_and_crop, c_output_padding, d_crop_the_skip, d_resize]
for remedy in (a_pad_to_multiple, c_output_padding, d_crop_the_skip):
    # where nothing is wrong they mend nothing
    assert np.array_equal(remedy(np.arange(16.0)), network(np.arange(16.0)))

# %% [markdown]
# First an image of **ones**. Everything here takes means of means, so each result should be 1. Where it is not, zeros
# have crept in that nobody photographed: this is *invented* (orange). Dashed: there is no result. Move the slider
# through the sizes from 12 to 16.

# %%
NAMES = "A: pad to a multiple", "B: pad by 6, crop", "C: output_padding", "D: crop the skip", "D: resize"


def side_by_side(image):
    """What the remedies make of a row: one below the other, with what is invented in colour."""
    sheet, n = Sheet(), len(image)
    sheet.column()
    for name, remedy in zip(NAMES, remedies, strict=True):
        row, invented = remedy(image), ~np.isclose(remedy(np.ones(n)), 1)
        missing = np.arange(n)[None] >= len(row)
        colours = [[owner(1) if wrong else None for wrong in [*invented, *[False] * (n - len(row))]]]
        sheet.grid(np.pad(row, (0, n - len(row)))[None], name, fills=colours, faint=missing, blank=missing)
    return sheet


of_sheets(lambda frame: side_by_side(np.ones(12 + frame)), 5, "12 to 16 pixels")

# %%
side_by_side(np.ones(15)).figure()  # the fourth frame again

# %% [markdown]
# Then the image 0, 1, ..., 14, in which each pixel says where it is. The results of A, C and D (crop) repeat the
# means of their blocks. B does so too, but with *other blocks*: padding by 6 has shifted the grid of the poolings.
# The last row drifts: its first results are about right, its last ones are two or three pixels off.

# %%
side_by_side(np.arange(15.0)).figure()

# %% [markdown]
# Now measured, and not only looked at. Each remedy is linear, so it *is* a matrix, and we know how to get it (04):
# ask for each pixel alone. A column of zeros: a pixel that no result sees, **lost**. A row that does not sum to 1:
# **invented**, at least in part. And the centre of a row (the mean place, weighted) says where a result looks. Within
# a block of 4 that differs from its own place by $-1 \dots 1$; the mean over four neighbours should be 0: the rest is
# a **shift**.

# %%
def measured(remedy, n):
    """(how many results, pixels lost, results invented, largest shift in pixels)"""
    M = np.array([remedy(unit) for unit in np.eye(n)]).T  # (results, pixels)
    weight = M.sum(1)
    honest = np.isclose(weight, 1)
    off = np.where(honest, M @ np.arange(n) - np.arange(len(M)), np.nan)
    means = [off[i : i + 4].mean() for i in range(len(M) - 3)]
    lost = int((M == 0).all(0).sum())
    return len(M), lost, int((~honest).sum()), float(np.nanmax(np.abs(means)))


SHORT = "A", "B", "C", "D crop", "D resize"
table = {name: measured(remedy, 15) for name, remedy in zip(SHORT, remedies, strict=True)}
print("15 pixels results lost invented shift")
for name, (results, lost, invented, shift) in table.items():
    print(f"{name:<10}{results:>6}{lost:>5}{invented:>8}{shift:>8.2f}")
assert table["A"] == (15, 0, 3, 0) and table["D crop"][:2] == (12, 3)

# %% [markdown]
# Read it line by line.
#
# * **A** loses nothing and shifts nothing. The results of the last, incomplete block have zeros in them. Cheap, and the one
#   to take if in doubt.
# * **B** loses nothing and shifts nothing either; its zeros are at *both* ends, and the larger image costs time.
# * **C** leaves the last pixel out (the floor did, before anybody could mend it) and invents what lies beyond every stamp:
#   with a kernel of 2 and no padding that is zeros. (With a kernel of 4 and padding 1 it is a tap that was cut off: 06.)
#   Many a U-Net in PyTorch pads the doubled map with zeros until it fits the skip. That is C by another name.
# * **D, crop** invents nothing, but the last three pixels have no result at all. Some networks are content with a result
#   smaller than the image (the first U-Net).
# * **D, resize** has a result everywhere, at the wrong places: about two pixels off at the end. With five levels the
#   coarsest stream alone is up to 31 off. And the last pixel is left out here, too. It is popular, in PyTorch as
#   `F.interpolate(up, size=skip.shape[2:])`, as it hardly ever crashes and nobody sees it.
#
# Which of them give a result as large as the image for *all* sizes from 1 to 70?

# %%
def fits(remedy, n):
    try:
        return len(remedy(np.ones(n))) == n
    except ValueError:
        return False


for remedy in [network, *remedies]:
    good = [n for n in range(1, 71) if fits(remedy, n)]
    print(f"{remedy.__name__:<18}{len(good):>3} of 70 sizes, the smallest is {good[0]}")
assert all(fits(a_pad_to_multiple, n) and fits(b_pad_and_crop, n) for n in range(1, 71))

# %% [markdown]
# (C and D need so many pixels that something is left after the poolings.) The claim, with its mistake: padding to a
# multiple of 2 is not padding to a multiple of the total stride.

# %%
def padded_to(m):
    return lambda x: network(pad_to_multiple(x[None], m)[0])[: len(x)]


ledger.claim(
    "C12",
    "padded with zeros to a multiple of the total stride, every size from 1 to 70 gives a result of its size",
    lambda way: all(fits(way, n) for n in range(1, 71)),
    right=padded_to(4),
    mistake=padded_to(2),
    named="padding to a multiple of 2",
)

# %% [markdown]
# The library's FCN rounds up and crops by computed offsets, as B does, and takes every size from 1 on:

# %%
net = FCN("small", num_classes=2, stride=8, width=0.25, generator=np.random.default_rng(0)).eval()
with minifcn.no_grad():
    for n in range(1, 71):
        H, W = n, 71 - n
        assert net(Tensor(np.zeros((1, 3, H, W), np.float32))).shape == (1, 2, H, W)
print("70 sizes, from 1x70 to 70x1")

# %% [markdown]
# ## 5. Where zeros leak into valid pixels
#
# Does padding stay outside? No: a convolution near the edge sees the zeros beyond it, and the next pooling
# spreads that. How far? A result can be disturbed as soon as *one* pixel that it sees is padding, and what it sees is
# its receptive field (03). Prediction and measurement: the first by walking back through the layers, the second by
# filling the padding with other numbers and looking which results change.

# %%
layers = [(3, 1, 1), (2, 2), (3, 1, 1), (2, 2), (3, 1, 1), WindowLayer(4, 4, transposed=True)]
rng = np.random.default_rng(0)
taps = [Tensor(rng.integers(1, 5, (1, 1, 1, 3)).astype(float)) for _ in range(3)]


def small_network(row):
    """Convolution, pooling, convolution, pooling, convolution, and each result four times."""
    map_ = Tensor(row[None, None, None])
    for w in taps[:2]:
        map_ = F.avg_pool2d(F.conv2d(map_, w, padding=(0, 1)), (1, 2))
    return np.repeat(F.conv2d(map_, taps[2], padding=(0, 1)).numpy().ravel(), 4)


n = 41
row = np.zeros(n + -n % 4)
row[:n] = rng.integers(1, 10, n)
filled = row.copy()
filled[n:] = 100  # other numbers in the padding
changed = [i for i in range(n) if small_network(row)[i] != small_network(filled)[i]]
expected = [i for i in range(n) if max(pixels_seen(layers, i, size=len(row))) >= n]
print(f"{n} pixels, {len(row) - n} zeros; {len(changed)} of {n} results change: {changed[0]} to {changed[-1]}")
print("a result sees", receptive_field(layers[:-1]).size, "pixels")
assert changed == expected

# %% [markdown]
# Nine of 41 results are not what they would be with the rest of the scene beyond the edge: about half of what a
# result sees. It is the same at all four edges of every image, padded or not, as each convolution pads by itself. And
# in the library's smallest network?

# %%
seen = net.traces["score"].field.size
print(f"a score sees {seen} pixels; half of that is {seen // 2}")

# %% [markdown]
# The disturbance *can* reach so far; how strong it is there is another question, and usually it is weak. But results
# near an edge know less of the scene than those inside, and an honest measurement counts them, too.
#
# ## 6. Why pad by 100, and where does the crop come from?
#
# FCN pads the image by 100 pixels on each side, and crops the result of FCN-32s by **19**, that of FCN-16s by **27**,
# that of FCN-8s by **31**. People ask where the numbers come from, and the usual guess is: half of what is too much.
# An image of 500 pixels gives a map of 568, so crop $(568-500)/2 = 34$. That looks so natural that it was proposed as
# a correction of the reference code. It shifts every result by three pixels.
#
# The right way is to follow **places** instead of sizes. A layer moves the centre of a pixel at $u$ to $a u + b$:
#
# * a convolution or pooling: window $i$ begins at $i s - p$, and its centre is $(k-1)/2$ further on. So
#   $u = i s - p + (k-1)/2$. Solved for $i$: $a = 1/s,\; b = (p - (k-1)/2)/s$;
# * a transposed convolution goes the other way: $a = s,\; b = (k-1)/2 - p$;
# * one after the other: $a_2(a_1 u + b_1) + b_2$. **Yours to write** (3 minutes).

# %% tags=["exercise"]
def my_then(first, second):
    """Two maps (a, b), one after the other -> (a, b) of both together"""
    ...


# %% tags=["solution", "hide-input"]
def then(first, second):
    (a1, b1), (a2, b2) = first, second
    return a2 * a1, a2 * b1 + b2


# %%
followed = yours(my_then, then, ((0.5, -0.25), (0.5, -0.25)), ((1.0, 99.0), (2.0, 1.5)))


def window(k, s=1, p=0):
    return 1 / s, (p - (k - 1) / 2) / s


def stamped(k, s):
    return s, (k - 1) / 2


def along(*layers):
    return reduce(followed, layers)


# %% [markdown]
# Every number here is a fraction with a power of two below, so floating point numbers hold it exactly.
#
# Now VGG16, layer by layer. Its 3x3 convolutions with padding 1 move nothing ($b = 0$), all but the first, which is
# padded by 100. Then five poolings; then fc6, a 7x7 convolution without padding (03: once a fully connected layer).

# %%
def crops(P):
    """The crops of FCN-32s, FCN-16s and FCN-8s whose first convolution is padded by P."""
    pool3 = along(window(3, 1, P), *[window(2, 2)] * 3)
    pool4 = along(pool3, window(2, 2))
    score = along(pool4, window(2, 2), window(7))
    doubled = along(score, stamped(4, 2))  # to 1/16, where pool4 is
    again = along(doubled, stamped(4, 2))  # to 1/8, where pool3 is
    at_pool4, at_pool3 = pool4[1] - doubled[1], pool3[1] - again[1]
    return {
        "FCN-32s": [along(score, stamped(64, 32))[1]],
        "FCN-16s": [at_pool4, along(doubled, stamped(32, 16))[1]],
        "FCN-8s": [at_pool4, at_pool3, along(again, stamped(16, 8))[1]],
    }


for name, found in crops(100).items():
    print(f"{name:<8} {found}")
assert crops(100) == {"FCN-32s": [19], "FCN-16s": [5, 27], "FCN-8s": [5, 9, 31]}

# %% [markdown]
# Where two maps are added, the crop is the difference of their offsets: 5 before pool4 and 9 before pool3, whatever
# the padding. At the end pixel 0 of the image lies at offset 19, 27 or 31 of the enlarged score; so that is what is
# cut off. (Cropping the skip does not move the score, so 27 and 31 do not depend on 5 and 9.)
#
# **Is it so?** Believe no derivation: measure. Send a ruler through it, an image in which pixel $u$ has the value
# $u$, with kernels that only pass on what is in their centre. Means and linear interpolation keep a ruler a ruler.
# Where the result reads $u$, there pixel $u$ is.

# %%
def passes_on(k):
    return Tensor((np.arange(k) == k // 2).astype(float)[None, None, None])


def tent(s):
    """Linear interpolation by a transposed convolution: the subject of 10."""
    return Tensor((1 - np.abs(np.arange(2 * s) - (2 * s - 1) / 2) / s)[None, None, None])


map_ = F.conv2d(Tensor(np.arange(500.0)[None, None, None]), passes_on(3), padding=(0, 100))
for _ in range(5):
    map_ = F.avg_pool2d(map_, (1, 2), ceil_mode=True)
map_ = F.conv2d(map_, passes_on(7))
for s in (2, 2, 8):
    map_ = F.conv_transpose2d(map_, tent(s), stride=(1, s))
ruler = map_.numpy().ravel()
inside = np.arange(150, 450)
print("the result has", len(ruler), "pixels")
print("inside, place − reading is", set((inside - ruler[inside]).tolist()))

# %%
ledger.misconception(
    "M12",
    "the crop of FCN-8s is half of what is too much",
    believed=lambda: (len(ruler) - 500) // 2,
    found=lambda: int((inside - ruler[inside])[0]),
    instead="it is where pixel 0 of the image lies: all maps (scale, offset), composed; 31, not 34",
)

# %% [markdown]
# Sizes say where the *ends* are, and there are two ends, rounded in different ways. Places say where the *pixels*
# are.
#
# **And why 100?** fc6 takes six pixels of a map of 1/32 away: with padding 1, as everywhere else, an image of less than
# 193 pixels has nothing left. And the offset at the end is $P - 81$, $P - 73$ or $P - 69$; it must not be negative, or
# the result begins inside the image. So $P \ge 81$. And how large must it be for the result to *end* behind the image,
# too, whatever its size?

# %%
def covers(n, P, ceil=True):
    """Whether FCN-32s with padding P covers an image of n pixels."""
    map_size = down(n + 2 * P - 2, 5, ceil)[-1] - 6  # a 3x3 convolution, five poolings, fc6
    return map_size >= 1 and 32 * map_size + 32 >= crops(P)["FCN-32s"][0] + n


enough = next(P for P in range(81, 101) if all(covers(n, P) for n in range(1, 400)))
print("the smallest padding for every size:", enough)
short = sum(not covers(n, 100, ceil=False) for n in range(1, 1501))
print("of the sizes 1 to 1500, too short with floor pooling and 100:", short, "  with ceil:",
      sum(not covers(n, 100) for n in range(1, 1501)))
assert (enough, short) == (97, 577)

# %% [markdown]
# It is 97, and one hundred is a round number above it. It costs about twice the work on an image of 500x500, so today
# one pads fc6 by 3 instead, and the first convolution by 1; the crops then are 16; 1, 8; 1, 1, 4 (here the *score* is
# cropped before it is added).
#
# ## 7. The library's
#
# Nothing of this is written down as a number in the library: each layer knows its map, `Trace` composes them, and the
# crop is the difference. `FCN(alignment="caffe")` pads by 100, `"compact"`, the default, does not.

# %%
def narrow_vgg(stride, alignment):
    """VGG16 with a sixteenth of the channels: places do not depend on channels."""
    rng = np.random.default_rng(0)
    return FCN("vgg16", 2, stride, alignment, width=1 / 16, generator=rng)


for alignment in ("caffe", "compact"):
    for stride in (32, 16, 8):
        vgg = narrow_vgg(stride, alignment)
        steps = [vgg.fuse_pool4, vgg.fuse_pool3, vgg.upscore]
        made = [step.alignment for step in steps if hasattr(step, "alignment")]
        found = [max(drop.first, drop.second) for drop in made]
        print(f"{alignment:<8} FCN-{stride}s crops {found}")
        assert alignment == "compact" or found == crops(100)[f"FCN-{stride}s"]

# %%
print(narrow_vgg(8, "caffe").explain())

# %% [markdown]
# And how much faster is its pooling than our loops? That depends on your machine.

# %% tags=["no-output"]
photograph = rng.integers(0, 256, (1, 8, 128, 128)).astype(float)
assert np.array_equal(max_pool2d(photograph, 2), F.max_pool2d(Tensor(photograph), 2).numpy())
ratio = seconds(lambda: max_pool2d(photograph, 2)) / seconds(lambda: F.max_pool2d(Tensor(photograph), 2))
print(f"our loops take {ratio:.0f} times as long as the library")

# %% [markdown]
# ## 8. Exercises
#
# ● is a matter of minutes, ●● takes ten; ●●● is for another day and not counted above.
#
# **By hand** (● 5 minutes). (a) The sizes of 100 pixels, down four poolings and up again? (b) The next size from 375
# on that is clean for a total stride of 32, and how many zeros that adds? (c) The row $(3, 8, 8, 1)$ is max-pooled by
# 2 with stride **1**; the results receive $(1, 10, 100)$. What does the row receive?
#
# <details><summary>Answers</summary>
#
# (a) 50, 25, 12, 6; $6\cdot16 = 96$. (b) 384, so 9. (c) The windows are $(3, 8)$, $(8, 8)$ and $(8, 1)$. The first
# eight wins in the first, and, being the first, in the second, too; the second eight in the third: $(0, 11, 100, 0)$.
# Windows that overlap may have the same winner; what arrives adds up.
#
# </details>

# %%
handed = received(F.max_pool2d, np.array([[3.0, 8, 8, 1]]), np.array([[1.0, 10, 100]]), (1, 2), stride=(1, 1))
assert handed.tolist() == [[0, 11, 100, 0]] and down(100, 4) == [100, 50, 25, 12, 6] and -375 % 32 == 9

# %% [markdown]
# **Write** (●● 8 minutes). Average pooling of one row with padding, in both ways of counting. (The last window
# begins at the last place where it still fits into the padded row.)

# %% tags=["exercise"]
def my_means(row, k, stride, padding, count_include_pad):
    """row (n,) -> (o,)"""
    ...


# %% tags=["solution", "hide-input"]
def means(row, k, stride, padding, count_include_pad):
    padded, there = np.pad(row, padding), np.pad(np.ones(len(row)), padding)
    begins = range(0, len(padded) - k + 1, stride)
    counts = [k if count_include_pad else there[b : b + k].sum() for b in begins]
    return np.array([padded[b : b + k].sum() / count for b, count in zip(begins, counts, strict=True)])


# %%
settings = ((3, 1, 1), (2, 2, 1), (4, 3, 2))
trials = [(np.arange(1.0, 8), *setting, way) for setting in settings for way in (True, False)]
average = yours(my_means, means, *trials)
for row, k, s, p, way in trials:
    theirs = on_plane(F.avg_pool2d, row[None], (1, k), (1, s), (0, p), count_include_pad=way)[0]
    assert np.allclose(average(row, k, s, p, way), theirs, rtol=1e-15)

# %% [markdown]
# **Break** (●●● 20 minutes). Remedy D (resize) shifts by two pixels at 15. Does that grow with the size of the image?
# Find the size below 100 that is worst for it, and say how much each of the two streams contributes.
#
# <details><summary>Answer</summary>
#
# It does not grow. The stream from 1/4 misses $n \bmod 4$ pixels, at most 3, and the skip from 1/2 misses
# $n \bmod 2$, at most 1. Stretched over the whole row, their last results are that far off; the mean of both is
# $(3+1)/2 = 2$, whatever the size. (What is measured is a little more, as beyond the last centre there is nothing to
# interpolate with.) The worst sizes are one less than a multiple of the total stride.
#
# </details>

# %% tags=["solution", "hide-input"]
worst = max(range(8, 100), key=lambda n: measured(d_resize, n)[3])
print(worst, worst % 4, round(measured(d_resize, worst)[3], 2))
assert worst % 4 == 3

# %% [markdown]
# ## 9. Five questions

# %%
quiz(
    Question(
        "Which sizes from 200 to 300 are clean for five poolings?",
        lambda: [n for n in range(200, 301) if n % 32 == 0],
        "the multiples of the total stride, 32",
    ),
    Question(
        "A network of five poolings and five doublings is given 287 pixels. How many does the result have?",
        lambda: down_and_up_again(287),
        "8 · 32; 287 is one less than 9 · 32",
    ),
    Question(
        "A 2x2 window of equal numbers is max-pooled; the result receives 5. How many pixels receive any?",
        lambda: int((received(F.max_pool2d, np.ones((2, 2)), np.array([[5.0]]), 2) != 0).sum()),
        "the first in row-major order gets all of it",
    ),
    Question(
        "Which remedy moves results to wrong places?",
        lambda: max(table, key=lambda name: table[name][3]),
        "resizing stretches: what is missing at the end is spread over the whole row",
        choices=tuple(table),
    ),
    Question(
        "By how many pixels is the score of FCN-16s cropped at the end if the first padding is 100?",
        lambda: int(crops(100)["FCN-16s"][-1]),
        "pixel 0 of the image lies at 27 of the enlarged score",
    ),
)

# %% [markdown]
# How a map is enlarged was taken for granted here: by repeating, or by a "tent". Which kernels do that well, and why
# some leave a checkerboard behind, is 10.
#
# ## What was shown here

# %%
assert [claim.number for claim in ledger] == ["C12", "C12"]
assert [wrong.number for wrong in ledger.misconceptions] == ["M12"]
ledger
