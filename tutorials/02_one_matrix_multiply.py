# %% [markdown]
# # 02 One matrix multiply
# ## 02 행렬 곱셈 한 번으로 하는 합성곱
#
# **Question.** At the end of 01 the library was many times as fast as our loops, with the same numbers. What does it
# do differently, and what does it pay for it?
#
# You will lay every window of an image out as a column (*im2col*), so that a whole convolution is one product of two
# matrices; count what that costs; and write the way back (*col2im*), which is where nearly everybody makes a mistake
# that a plausible test does not notice.
#
# *45 minutes. Before this: 01, numbers you can read. After it: 03, from a dense layer to a convolution.*
# (Exercises marked ●●● are not counted.)
#
# As in 01 a *window* is the part of the image that the kernel covers, a *tap* is one number of the kernel, and the
# *stride* is how far the window moves. $H, W$ are the size of the image, $KH, KW$ that of the kernel, $OH, OW$ that of
# the result.
#
# **요약.** 이미지의 모든 창(window)을 한 열씩 펼쳐 놓으면(im2col) 합성곱은 행렬 곱셈 한 번이 됩니다. 대신 픽셀 하나가 여러 열에 복사되므로
# 메모리를 약 $k^2/s^2$배 씁니다. 열을 원래 자리에 되돌려 더하는 연산이 col2im입니다. col2im은 im2col의 역연산이 아니라 전치이므로, 갔다가 돌아온
# 픽셀에는 자신을 덮은 창의 수만큼 곱해진 값이 남습니다. 이 노트북에서는 두 연산을 직접 구현하고, NumPy의 `out[index] += v`가 왜 값을
# 잃어버리는지 확인합니다.

# %%
import numpy as np

import minifcn
from minifcn import Tensor, plot
from minifcn import functional as F
from minifcn.teaching import Ledger, Question, predict, quiz, seconds, yours
from minifcn.testing import check

ledger = Ledger()

# %% [markdown]
# ## 1. Commit yourself
#
# The image of 01: the pixels 0 to 11 in three rows of four. A window of 2x2 fits at 2 rows of 3 places. Write each
# window as a column, its four pixels row by row, and put the six columns side by side, in the order in which the
# window moves. The first column is 0, 1, 4, 5. You get a table of 4 rows and 6 columns. **What is its first row?**

# %% tags=["prediction"]
prediction = None  # six numbers, for example [0, 1, 4, 5, 8, 9]

# %% [markdown]
# ## 2. Numbers that fit on paper
#
# Move the slider: each window flies into a column. A tap has one colour, in the window and in the column.

# %%
image = np.arange(12.0).reshape(3, 4)
places = np.array([[1.0, 10.0], [100.0, 1000.0]])
plot.columns(image, 2)

# %%
plot.columns(image, 2).still()  # the last frame, for viewers that take sliders away

# %%
windows = [image[i : i + 2, j : j + 2].ravel() for i, j in np.ndindex(2, 3)]
columns = np.array(windows).T  # a window for each column
predict(prediction, columns[0], "the first row")

# %% [markdown]
# **Read it both ways.** Down a *column* you read one window. Along a *row* you read what one tap meets, window after
# window: the first row, 0 1 2 4 5 6, is the image without its last row and its last column. The window moved; the tap
# at its upper left corner saw everything but the end.
#
# Now write the kernel as a row, in the same order, and multiply. Each column gives the sum of its four products: one
# result.

# %%
row = places.reshape(1, 4)
result = row @ columns
plot.numbers(row, columns, titles=["w as a row", "columns"], signs=["·"])

# %%
print(result.astype(int))
of_01 = [[5410, 6521, 7632], [9854, 10965, 12076]]
assert np.array_equal(result.reshape(2, 3), of_01)

# %% [markdown]
# With $O$ kernels there are $O$ rows instead of one, and the columns are the same. With $C$ channels a column is the
# window of the first channel, then that of the second, and so on. Let $K = C\cdot KH\cdot KW$ be the numbers of a
# column, and $L = OH\cdot OW$ the number of columns:
#
# $$\underset{O\times L}{y} = \underset{O\times K}{w}\;\underset{K\times L}{\text{columns}}$$
#
# That is all. Multiplying two large matrices (programmers call it GEMM, *general matrix multiply*) is what processors
# and their libraries have been made fast at for decades, and a convolution gets it for nothing. Well, not quite for
# nothing.
#
# ## 3. im2col
#
# **Yours to write** (10 minutes). `x` is (N, C, H, W): N images. The obvious way goes through the windows, as above:
# $OH\cdot OW$ steps. Reading along the rows instead there are only $KH\cdot KW$ steps, each a slice: all pixels that
# tap $(k, l)$ meets are `x[:, :, k::s, l::s]`, cut to $OH$ by $OW$. Fill an array (N, C, KH, KW, OH, OW) tap by tap,
# and at the end `reshape` it.


# %%
def both(value):
    """An integer for rows and columns, or a pair (rows, columns)."""
    return value if isinstance(value, tuple) else (value, value)


# %% tags=["exercise"]
def my_im2col(x, kernel_size, stride=1):
    """x (N, C, H, W) -> (N, C·KH·KW, OH·OW); kernel_size, stride: a number or a pair"""
    ...


# %% tags=["solution", "hide-input"]
def im2col(x, kernel_size, stride=1):
    (KH, KW), (sh, sw), (N, C, H, W) = both(kernel_size), both(stride), x.shape
    OH, OW = (H - KH) // sh + 1, (W - KW) // sw + 1
    columns = np.zeros((N, C, KH, KW, OH, OW), x.dtype)
    for k, l in np.ndindex(KH, KW):
        rows = slice(k, k + (OH - 1) * sh + 1, sh)
        cols = slice(l, l + (OW - 1) * sw + 1, sw)
        columns[:, :, k, l] = x[:, :, rows, cols]
    return columns.reshape(N, C * KH * KW, OH * OW)


# %% [markdown]
# In PyTorch and here, im2col is called `unfold`, and that is the name by which `check` knows its laws.

# %%
trials = (image[None, None], 2), (np.arange(42.0).reshape(1, 1, 6, 7), (2, 3), 2)
unfold = yours(my_im2col, im2col, *trials)
report = check(unfold=unfold, examples=15)
print(report)
assert report, "mend my_im2col, or put ... back to go on with the solution"
assert np.array_equal(unfold(image[None, None], 2)[0], columns)

# %% [markdown]
# With it, a convolution of channels and images is three lines and no loop:


# %%
def conv2d(x, weight, stride=1):
    """x (N, C, H, W), weight (O, C, KH, KW) -> (N, O, OH, OW): one product an image"""
    (sh, sw), (O, _, KH, KW) = both(stride), weight.shape
    OH, OW = (x.shape[2] - KH) // sh + 1, (x.shape[3] - KW) // sw + 1
    # (O, C·KH·KW) @ (N, C·KH·KW, OH·OW)
    y = weight.reshape(O, -1) @ unfold(x, (KH, KW), stride)
    return y.reshape(len(x), O, OH, OW)


report = check(conv2d=conv2d, examples=15)
print(report)
assert report

# %% [markdown]
# ### Three wrong columns, and how they come about
#
# The table must have the window's pixels in the order of the weight, and the windows in the order of the result. Cover
# the titles, and find out what each of these did.

# %%
# Tap (l, k) stands where (k, l) belongs; the window moves down first; the image is poured
# into a table of that shape, again and again.
taps_by_columns = columns.reshape(2, 2, 6).swapaxes(0, 1).reshape(4, 6)
windows_by_columns = columns.reshape(4, 2, 3).swapaxes(1, 2).reshape(4, 6)
no_windows = np.resize(image, (4, 6))

titles = ["a window column by column", "the window moves down first"]
plot.numbers(taps_by_columns, windows_by_columns, titles=titles)

# %%
titles = ["only reshaped", "its result"]
plot.numbers(no_windows, (row @ no_windows).reshape(2, 3), titles=titles)

# %% [markdown]
# The first gives the convolution with the *transposed* kernel; the second gives the right numbers at wrong places; the
# third is nonsense with the right shape. And one mistake is none: if the channels come *last*, in the columns and in
# the weight alike, every sum has the same terms in another order. What counts is that the two agree.

# %%
assert np.array_equal(row @ taps_by_columns, places.T.reshape(1, 4) @ columns)
assert np.array_equal((row @ windows_by_columns).reshape(3, 2).T, result.reshape(2, 3))

rng = np.random.default_rng(0)


def whole(shape):
    """Random whole numbers from -9 to 9."""
    return rng.integers(-9, 10, shape).astype(float)


x, w = whole((1, 3, 4, 5)), whole((2, 3, 2, 2))
# (c, k, l) -> (k, l, c)
last = unfold(x, 2)[0].reshape(3, 4, 12).swapaxes(0, 1).reshape(12, 12)
right = w.reshape(2, 12) @ unfold(x, 2)[0]
assert np.array_equal(w.transpose(0, 2, 3, 1).reshape(2, 12) @ last, right)
assert not np.array_equal(w.reshape(2, 12) @ last, right)

# %% [markdown]
# ## 4. What it costs
#
# **Not more multiplications.** Each result is still the same sum of $C\cdot KH\cdot KW$ products. **But memory**: a
# pixel is copied into a column for each window that lies over it. The columns have $C\cdot KH\cdot KW\cdot OH\cdot OW$
# numbers, the image has $C\cdot H\cdot W$. Away from the borders $OH \approx H/s_h$ and $OW \approx W/s_w$, so
#
# $$\frac{\text{columns}}{\text{image}} \approx \frac{KH\cdot KW}{s_h\cdot s_w}.$$
#
# The borders are left out of that. In our 3x4 image a kernel of 2x2 makes 24 numbers of 12: twice as many and not four
# times, as most of so small an image is border. With 224x224 pixels it hardly matters:


# %%
def grows(channels, size, kernel, stride=1, padding=0):
    """(numbers in the image, numbers in its columns)"""
    pixels = size[0] * size[1]
    windows = 1
    for n in size:
        windows *= (n + 2 * padding - kernel) // stride + 1
    return channels * pixels, channels * kernel**2 * windows


layers = {  # channels, size, kernel, stride, padding
    "the image above": (1, (3, 4), 2, 1, 0),
    "3x3, no padding": (64, (224, 224), 3, 1, 0),
    "3x3, padding 1": (64, (224, 224), 3, 1, 1),
    "7x7, stride 2": (3, (224, 224), 7, 2, 3),
    "2x2, stride 2": (64, (224, 224), 2, 2, 0),
    "1x1": (64, (224, 224), 1, 1, 0),
}
for name, given in layers.items():
    before, after = (4 * numbers for numbers in grows(*given))  # bytes of float32
    k, s = given[2:4]
    print(f"{name:15} {before:>10,} -> {after:>11,} bytes:", end=" ")
    print(f"times {after / before:5.2f}, k²/s² is {k * k / (s * s):5.2f}")

# %% [markdown]
# The third line is the second convolution of VGG16, a network that we shall meet again: it makes 115.6 MB of columns
# from 12.8 MB. That is for one image; for nine it would be a gigabyte, in one layer. A kernel as large as its stride
# copies each pixel once, and a kernel of 1x1 makes nothing but the image again: that one needs no im2col at all.
#
# **The remedy: blocks.** The product does not need all columns at once. A few rows of windows at a time are made,
# multiplied, and thrown away. Not only does that save memory; a block that stays in the processor's cache (its small,
# fast memory) is also read faster. The library works so, and you will, in the exercises.
#
# ## 5. A view that copies nothing
#
# Before that, a trick. An array in memory is a row of numbers, and *strides* (another thing than ours, in bytes) say
# how far to go for the next row and for the next column. A window is the image seen from another corner. So *all*
# windows can be seen without a copy: `seen[i, j, k, l]` is the pixel in row $i + k$, column $j + l$, and moving the
# window by one is the same step in memory as moving the tap by one.

# %%
seen = np.lib.stride_tricks.sliding_window_view(image, (2, 2))  # (OH, OW, KH, KW)
print("shape", seen.shape, " strides", seen.strides, " of the image", image.strides)
print("the window at [1, 2]:", seen[1, 2].astype(int).tolist())
assert np.shares_memory(seen, image)

# %% [markdown]
# 24 numbers are seen and 12 are there. Two traps. **It is the image**: who changes a pixel changes it in all windows.
# (For that reason the view is read-only: whoever wrote into one window would write into its neighbours.) **And it
# stays a view only as long as nobody asks for a matrix.** Windows that overlap cannot be a matrix with one step for
# rows and one for columns; so `reshape` copies, without saying so, and the memory is what it was.

# %%
# (OH, OW, KH, KW) -> (KH·KW, OH·OW)
as_columns = seen.transpose(2, 3, 0, 1).reshape(4, 6)
assert np.array_equal(as_columns, columns)
print("the windows are the image's memory:", np.shares_memory(seen, image))
print("the columns are, too:", np.shares_memory(as_columns, image))
print("the windows may be written to:", seen.flags.writeable)

changed = image.copy()
looking = np.lib.stride_tricks.sliding_window_view(changed, (2, 2))
changed[1, 1] = -1
with_it = int((looking == -1).sum())
print(f"one pixel changed, and with it {with_it} numbers of the windows")

# %% [markdown]
# So im2col is two lines. One law does not hold for them; read what `check` says, and find out why before you go on.


# %%
def all_windows(x, kernel_size, stride=1):
    """A view (N, C, KH, KW, OH, OW) of x: all windows, those at every s-th place."""
    (KH, KW), (sh, sw) = both(kernel_size), both(stride)
    seen = np.lib.stride_tricks.sliding_window_view(x, (KH, KW), (2, 3))
    return seen[:, :, ::sh, ::sw].transpose(0, 1, 4, 5, 2, 3)


def im2col_by_view(x, kernel_size, stride=1):
    seen = all_windows(x, kernel_size, stride)
    N, C, KH, KW, OH, OW = seen.shape
    return seen.reshape(N, C * KH * KW, OH * OW)


report = check(unfold=im2col_by_view, examples=15)
print(report)
broken = [found.law.name for found in report.counterexamples]
assert broken == ["unfolding_minds_its_manners"]

# %% [markdown]
# `reshape` copies only where it must. With a kernel of 1x1 no windows overlap, so it need not, and the "columns" are
# the image itself: who works in them works in the image. With a `.copy()` before the `.reshape` all six laws hold:


# %%
def im2col_by_copy(x, kernel_size, stride=1):
    copied = all_windows(x, kernel_size, stride).copy()
    N, C, KH, KW, OH, OW = copied.shape
    return copied.reshape(N, C * KH * KW, OH * OW)


assert check(unfold=im2col_by_copy, examples=15)

# %% [markdown]
# ## 6. The way back: col2im
#
# Training will send numbers back the way they came (08 says which, and why): each column holds something for each
# pixel that it was copied from, and a pixel that was copied four times receives four numbers. **They are added.** (Why
# added, and not averaged? The pixel had its say in four results, and what it did to all of them counts.) That is
# col2im: an empty image, and each column added where its window lies.
#
# The slider goes there and back. On the way back, watch the square of pixel 6 (row 1, column 2): it becomes 6, 12, 18,
# 24, as four windows lie over it.

# %%
plot.columns(image, 2, back=True)

# %%
plot.columns(image, 2, back=True)[9]  # for viewers that take sliders away

# %% [markdown]
# **Yours to write** (10 minutes), tap by tap again. For *one* tap no pixel occurs twice, so a slice can be added to in
# one go: `x[:, :, rows, cols] += ...` (Give `reshape` all six sizes, and it refuses columns that do not fit.)


# %% tags=["exercise"]
def my_col2im(columns, output_size, kernel_size, stride=1):
    """columns (N, C·KH·KW, OH·OW) -> (N, C, H, W); output_size: (H, W)"""
    ...


# %% tags=["solution", "hide-input"]
def col2im(columns, output_size, kernel_size, stride=1):
    (H, W), (KH, KW), (sh, sw) = both(output_size), both(kernel_size), both(stride)
    N, C = len(columns), columns.shape[1] // (KH * KW)
    OH, OW = (H - KH) // sh + 1, (W - KW) // sw + 1
    columns = columns.reshape(N, C, KH, KW, OH, OW)
    x = np.zeros((N, C, H, W), columns.dtype)
    for k, l in np.ndindex(KH, KW):
        rows = slice(k, k + (OH - 1) * sh + 1, sh)
        cols = slice(l, l + (OW - 1) * sw + 1, sw)
        x[:, :, rows, cols] += columns[:, :, k, l]
    return x


# %%
trials = (columns[None], (3, 4), 2), (whole((1, 6, 9)), (6, 8), (2, 3), (2, 2))
fold = yours(my_col2im, col2im, *trials)  # fold is what PyTorch and we call it
report = check(fold=fold, examples=15)
print(report)
assert report, "mend my_col2im, or put ... back to go on with the solution"

# %% [markdown]
# ### Not an inverse
#
# The names sound as if one undid the other, and with a kernel as large as its stride it does, as then no windows
# overlap. But there and back a pixel becomes itself *times the number of windows over it*. These numbers are found by
# sending ones there and back:


# %%
def there_and_back(x, back=fold, kernel=2, stride=1):
    """x (H, W) -> columns -> (H, W)"""
    return back(unfold(x[None, None], kernel, stride), x.shape, kernel, stride)[0, 0]


counts = there_and_back(np.ones((3, 4)))
titles = ["there and back", "the image", "windows over it"]
plot.numbers(there_and_back(image), image, counts, titles=titles, signs=["=", "×"])

# %%
assert np.array_equal(there_and_back(image), image * counts)
even = np.arange(24.0).reshape(4, 6)
assert np.array_equal(there_and_back(even, kernel=2, stride=2), even)  # no overlap
plot.coverage((5, 7), 3, 2)

# %% [markdown]
# With a kernel of 3 and stride 2 the counts form a chequered pattern. Keep it in mind: in lesson 10 you will meet it
# in pictures that networks have made.
#
# ### The mistake, and why the obvious test does not notice
#
# Can col2im be one line? `where` below holds, in the shape of the columns, the *number of the pixel* that each came
# from; im2col itself finds it. NumPy takes such arrays as an index. So: `x[where] += columns`?


# %%
def col2im_by_index(columns, output_size, kernel_size, stride=1):
    """Every number of every column, added to its pixel (or is it?)."""
    H, W = both(output_size)
    numbers = np.arange(H * W).reshape(1, 1, H, W)
    where = im2col(numbers, kernel_size, stride)[0]  # (KH·KW, OH·OW)
    N, C = len(columns), columns.shape[1] // len(where)
    x = np.zeros((N, C, H * W), columns.dtype)
    x[:, :, where] += columns.reshape(N, C, *where.shape)
    return x.reshape(N, C, H, W)


by_index = there_and_back(image, col2im_by_index)
plot.numbers(there_and_back(image), by_index, titles=["col2im", "by += with an index"])

# %% [markdown]
# The image came back as it was! If you believe that col2im undoes im2col, you test exactly this, and the test passes.
# But it passes because something was *lost*: every pixel got one of its numbers, the last one. `out[index] += v` means
# `out[index] = out[index] + v`: all are read, then all are added to what was read, then all are written; what is
# written to one place twice overwrites. `np.add.at` adds one after the other.

# %%
lost, kept = np.zeros(3), np.zeros(3)
lost[[0, 0, 1]] += 1
np.add.at(kept, [0, 0, 1], 1)
print("+= ", lost.astype(int), "   np.add.at", kept.astype(int))
assert lost.tolist() == [1, 1, 0] and kept.tolist() == [2, 1, 0]

# %%
ledger.misconception(
    "M14",
    "im2col and col2im undo each other, and x[index] += v adds all that comes to a pixel",
    believed=lambda: there_and_back(image, col2im_by_index)[1],
    found=lambda: there_and_back(image)[1],
    instead="there and back is x times the windows over it; += with an index keeps the last",
)
report = check(fold=col2im_by_index, examples=15)
print(str(report).splitlines()[0])
assert "overlaps_overwritten" in [mistake.name for mistake in report.mistakes]

# %% [markdown]
# (On a GPU thousands of threads add at once. They can be made to wait for one another, but not to come in the same
# order each time, and the last digits of a float sum depend on the order. So the library turns the question round
# there: every pixel asks which columns have something for it, and adds them up in one order.)
#
# ### What col2im is, if not an inverse
#
# $\langle a, b\rangle$ is the sum of the products of two arrays, number by number. For every image $x$ and all columns
# $c$:
#
# $$\langle \text{im2col}\,x,\; c\rangle = \langle x,\; \text{col2im}\,c\rangle$$
#
# Why? Every number of the columns is a copy of one pixel. The left side runs through the columns and adds $x$ of that
# pixel times $c$. The right side runs through the pixels, and adds $x$ times the sum of all $c$ that belong to it. The
# same products, sorted in another way. In whole numbers the two are equal to the last digit:

# %%
x = whole((1, 2, 6, 7))
c = whole(unfold(x, (2, 3), (2, 1)).shape)
for name, back in {"col2im": fold, "by += with an index": col2im_by_index}.items():
    left = (unfold(x, (2, 3), (2, 1)) * c).sum()
    right = (x * back(c, (6, 7), (2, 3), (2, 1))).sum()
    print(f"{name:20} {left:6.0f} {right:6.0f}")
    assert (left == right) == (back is fold)

# %% [markdown]
# An operation that does this for another is called its *transpose*, or adjoint, and here is why. Write im2col as a
# table with a row for each number of the columns, a column for each pixel, and a 1 where the one is a copy of the
# other. Each row has a single 1. Read the table the other way, rows for columns, and it is col2im. In 05 the same word
# will be in the name of the operation.

# %%
units = np.eye(12).reshape(12, 1, 3, 4)  # twelve images, a single 1 in each
table = unfold(units, 2).reshape(12, 24).T  # (24, 12)
assert (table.sum(1) == 1).all() and np.array_equal(table.sum(0).reshape(3, 4), counts)
assert np.array_equal(table @ image.ravel(), columns.ravel())
c = whole((1, 4, 6))
assert np.array_equal(table.T @ c.ravel(), fold(c, (3, 4), 2).ravel())

# %% [markdown]
# ## 7. The library's
#
# `F.unfold` and `F.fold` are PyTorch's, with padding and dilation as well.

# %%
x, w = whole((2, 3, 8, 9)), whole((4, 3, 3, 2))
laid = F.unfold(Tensor(x), (3, 2), stride=(2, 1))
back = F.fold(laid, (8, 9), (3, 2), stride=(2, 1))
assert np.array_equal(laid.numpy(), unfold(x, (3, 2), (2, 1)))
assert np.array_equal(back.numpy(), fold(laid.numpy(), (8, 9), (3, 2), (2, 1)))

with minifcn.use_algorithm("im2col"):  # what the library takes for most shapes
    y = F.conv2d(Tensor(x), Tensor(w), stride=(2, 1))
assert np.array_equal(y.numpy(), conv2d(x, w, (2, 1)))

# %% [markdown]
# Columns are good for more than products. Whatever looks at a window is one line: here the largest pixel of each,
# which is what *max pooling* does (09).

# %%
largest = unfold(x[:, :1], 2, 2).max(1).reshape(2, 1, 4, 4)  # of the first channel
assert np.array_equal(largest, F.max_pool2d(Tensor(x[:, :1]), 2).numpy())

# %% [markdown]
# How much faster? The loop over windows is that of 01. What is printed depends on your machine; that the loops are by
# far the slowest does not.


# %% tags=["no-output"]
def conv2d_by_windows(x, weight):
    """The convolution of 01, for stride 1."""
    (N, _, H, W), (O, _, KH, KW) = x.shape, weight.shape
    y = np.zeros((N, O, H - KH + 1, W - KW + 1), x.dtype)
    for i, j in np.ndindex(*y.shape[2:]):
        window = x[:, :, i : i + KH, j : j + KW]
        y[:, :, i, j] = np.einsum("nckl,ockl->no", window, weight)
    return y


large = whole((2, 8, 64, 64))
kernels = whole((16, 8, 3, 3))
assert np.array_equal(conv2d(large, kernels), conv2d_by_windows(large, kernels))
librarys = seconds(lambda: F.conv2d(Tensor(large), Tensor(kernels)))
for name, way in {"windows": conv2d_by_windows, "all columns": conv2d}.items():
    ratio = seconds(lambda way=way: way(large, kernels)) / librarys
    print(f"{name}: {ratio:.1f} times as long as the library")

# %% [markdown]
# The loops take 62·62 = 3844 steps in Python, each with little to do; the columns take 9, and one product. That is the
# whole secret.
#
# ## 8. Exercises
#
# ● is a matter of minutes, ●● takes a quarter of an hour, ●●● is for another day and not counted above.
#
# **By hand** (● 5 minutes). (a) 3 channels of 4x5 pixels, a kernel of 3x2, stride 1: what is the shape of the columns?
# (b) 5x5 pixels, a kernel of 3x3, stride 1: how often is the pixel in the middle copied, and how often one in a
# corner? (c) 10 pixels in a row, a kernel of 3, stride 3: what does col2im(im2col(x)) make of the last pixel? (d)
# 100x100 pixels, a kernel of 5x5: by which factor do the columns grow, with the borders counted?
#
# <details><summary>Answers</summary>
#
# (a) $3\cdot3\cdot2 = 18$ rows, $2\cdot4 = 8$ columns. (b) 9 times, and once. (c) 0: the windows begin at 0, 3 and 6,
# and none sees pixel 9. (d) $25\cdot96\cdot96 / 100^2 = 23.04$.
#
# </details>

# %% tags=["solution", "hide-input"]
assert unfold(np.zeros((1, 3, 4, 5)), (3, 2)).shape == (1, 18, 8)
copies = there_and_back(np.ones((5, 5)), kernel=3)
assert copies[2, 2] == 9 and copies[0, 0] == 1
copies = there_and_back(np.ones((10, 10)), kernel=3, stride=3)
assert copies[0].tolist() == [1, 1, 1, 1, 1, 1, 1, 1, 1, 0]
assert np.divide(*reversed(grows(1, (100, 100), 5))) == 23.04

# %% [markdown]
# **Write** (●● 15 minutes). A convolution that never holds more than `most` numbers of columns (or one row of windows,
# if that is more). Rows $i_0$ to $i_1 - 1$ of the result see rows $i_0\,s$ to $(i_1 - 1)\,s + KH - 1$ of the image.
# Call `noted` for `im2col`: it writes down how many numbers you made at a time.

# %%
made = []


def noted(x, kernel_size, stride=1):
    columns = im2col(x, kernel_size, stride)
    made.append(columns.size)
    return columns


# %% tags=["exercise"]
def my_blocks(x, weight, stride, most):
    """As conv2d, x (1, C, H, W), stride a number, columns of at most `most` numbers"""
    ...


# %% tags=["solution", "hide-input"]
def blocks(x, weight, stride, most):
    (O, C, KH, KW), (H, W) = weight.shape, x.shape[2:]
    OH, OW = (H - KH) // stride + 1, (W - KW) // stride + 1
    rows = max(1, most // (C * KH * KW * OW))  # of the result, in a block
    y = np.zeros((1, O, OH, OW), x.dtype)
    for i in range(0, OH, rows):
        last = min(i + rows, OH)
        part = x[:, :, i * stride : (last - 1) * stride + KH]
        block = weight.reshape(O, -1) @ noted(part, (KH, KW), stride)
        y[:, :, i:last] = block.reshape(1, O, last - i, OW)
    return y


# %%
x, w = whole((1, 3, 40, 30)), whole((4, 3, 3, 2))
in_blocks = yours(my_blocks, blocks, (x, w, 1, 3000), (x, w, 2, 1000))
for most in (100_000, 3000, 1000):
    made.clear()
    assert np.array_equal(in_blocks(x, w, 1, most), conv2d(x, w))
    assert made, "call noted where you would call im2col, so that it can be counted"
    assert max(made) <= most, f"a block has {max(made)} numbers, at most {most} are allowed"
    print(f"at most {most:6}: {len(made):2} blocks, the largest of {max(made)} numbers")

# %% [markdown]
# **Break** (●●● 20 minutes). Somebody has learnt from this lesson and tests that col2im(im2col(x)) is x times the
# counts. Write a *wrong* col2im that passes this test for every image and every geometry. Does it pass ⟨im2col x, c⟩ =
# ⟨x, col2im c⟩?
#
# <details><summary>Answer</summary>
#
# Take the last number that comes to each pixel (`col2im_by_index` does) and multiply it by the counts. After im2col
# all numbers that come to a pixel are equal, so the last times the counts is their sum. For other columns it is not,
# and the adjoint identity, with random columns, notices. The program is folded below.
#
# </details>


# %% tags=["solution", "hide-input"]
def last_times_counts(columns, output_size, kernel_size, stride=1):
    given = output_size, kernel_size, stride
    return col2im_by_index(columns, *given) * col2im(np.ones_like(columns), *given)


# %%
assert np.array_equal(there_and_back(image, last_times_counts), image * counts)
for given in ((2, 1), (3, 2), (2, 2)):  # kernel, stride
    mistaken, right = (there_and_back(even, b, *given) for b in (last_times_counts, fold))
    assert np.array_equal(mistaken, right)
x, c = whole((1, 1, 3, 4)), whole((1, 4, 6))
assert (unfold(x, 2) * c).sum() != (x * last_times_counts(c, (3, 4), 2)).sum()
assert not check(fold=last_times_counts, examples=15)

# %% [markdown]
# ## 9. Five questions

# %%
quiz(
    Question(
        "8 channels of 10x10 pixels, a kernel of 3x3: what shape have the columns?",
        lambda: unfold(np.zeros((1, 8, 10, 10)), 3).shape[1:],
        "8 · 9 rows, and a column for each of the 8 · 8 windows",
    ),
    Question(
        "Kernel 4x4, stride 2: how often is a pixel copied, far from the borders?",
        lambda: int(there_and_back(np.ones((20, 20)), kernel=4, stride=2)[10, 10]),
        "k²/s² = 16 / 4: two windows lie over it along each side",
    ),
    Question(
        "out is three zeros, and out[[0, 0, 1]] += 1. What is the first number of out?",
        lambda: int(lost[0]),
        "both are read as 0, both become 1, both are written to the same place",
    ),
    Question(
        "Ones of 3x4 go to columns (kernel 2x2) and back. What stands at [1, 1]?",
        lambda: int(counts[1, 1]),
        "as many ones as there are windows over that pixel",
    ),
    Question(
        "Does a view of all windows copy any pixels?",
        lambda: not np.shares_memory(seen, image),
        "the same memory with other strides; the copy is made for a matrix",
    ),
)

# %% [markdown]
# ## What was shown here
#
# A convolution is one product: the kernels as rows, the windows as columns. In the next lesson the same product is
# read from the other side: a dense layer *is* such a row of weights, so it can slide, too.

# %%
assert [found.number for found in ledger.misconceptions] == ["M14"]
ledger
