# %% [markdown]
# # Lab 4: Pooling and the size contract
# ## 실습 4: 풀링과 크기 약속
#
# 풀링은 작은 창으로 이미지를 훑으며 창마다 값 하나만 남깁니다. 어느 화소가 남았는지 기억해야 기울기가 제자리로 돌아가고,
# 크기를 미리 약속해야 되돌아온 지도가 원본과 맞습니다. 함수 아홉 개를 NumPy만으로 씁니다.
#
# Pooling slides a window over an image and keeps one number of each window: the largest, or the mean. To send a gradient
# back one must know *who won*. And a network that halves its image five times must know what to do with 375 rows. You
# write nine short functions, eight of which are judged. 150 minutes.
#
# Every function stands in a cell of its own. Do the small example with a pencil first, then replace
# `raise NotImplementedError`, run the cell, run the check below it, and read what it says. You need NumPy alone.
# If you get stuck on one function, leave it and come back: each is judged by itself, but all poolings use the first one.
#
# Images hold floating point numbers. None of your functions may change an array that it is given.

# %%
import numpy as np

from minifcn.labs import session

lab = session(4)

# %% [markdown]
# ## What you are given
#
# An image has the shape (N, C, H, W): N images, C channels, H rows, W columns. Each channel is pooled by itself.
# A kernel size, stride or padding is one number, or a pair (rows, columns); `pair` makes a pair of either.

# %%
def pair(value):
    """3 -> (3, 3), and (2, 3) -> (2, 3)."""
    return tuple(value) if isinstance(value, tuple | list) else (value, value)

# %% [markdown]
# A loop over all windows is slow in Python. Loop over the *taps* instead, the places within a window: tap (k, l) of all
# windows at once is one slice of the image, with a step of the stride. In a row of five pixels `a b c d e` with kernel 3
# and stride 2 there are two windows, `a b c` and `c d e`:
#
#     tap 0   a . c   row[0:3:2]
#     tap 1   b . d   row[1:4:2]
#     tap 2   c . e   row[2:5:2]

# %%
def tap(k, l, size, stride):
    """Two slices, of rows and of columns: the pixels under tap (k, l) of all windows. size: (OH, OW), the windows."""
    (OH, OW), (sh, sw) = size, stride
    return slice(k, k + (OH - 1) * sh + 1, sh), slice(l, l + (OW - 1) * sw + 1, sw)

# %% [markdown]
# Windows may hang over the edge, so the image gets a frame first. `frame(x, ..., fill)` puts `fill` above and to the left
# as often as the padding says, and below and to the right as often as the last window needs. All sizes are pairs here.

# %%
def frame(x, size, kernel, stride, padding, fill):
    """(N, C, H, W) -> (N, C, more, more): x within `fill`, so that all windows lie inside. size: (OH, OW)."""
    edges = [(0, 0), (0, 0)]
    for n, windows, k, s, p in zip(x.shape[2:], size, kernel, stride, padding, strict=True):
        edges.append((p, max(0, (windows - 1) * s + k - p - n)))
    return np.pad(x, edges, constant_values=fill)

# %% [markdown]
# ## 1. How many windows
#
# **By hand.** Six pixels in a row, kernel 3, stride 2, no padding. Windows begin at 0 and at 2; the next one would begin
# at 4 and needs pixel 6, which does not exist. Rounding down there are 2 windows, and the last pixel is seen by none.
# In *ceil mode* the window at 4 counts, too: 3 windows, the last of which sees two pixels.
#
# Two rules for ceil mode. It adds a window only if something is left over. And a window must begin inside the image or
# the padding before it: with 4 pixels, kernel 1 and stride 4 the windows begin at 0 and at 4, and 4 is beyond the end.
# With padding p the image begins at place p, so window i counts only if i · stride < H + p.
#
# Without a stride, windows lie side by side: the stride is the kernel size. Raise a ValueError for what cannot be: a
# stride below 1; a padding of more than half the kernel (a window could see padding alone); and a kernel so large that
# your count of windows comes out below 1. What the check says is about poolings with gaps between the taps, too: there
# d is the dilation, how far apart taps lie, and the reach d · (k − 1) + 1 is how much a window spans. Here d = 1, so the
# reach is the kernel.

# %% nbgrader={"grade": false, "grade_id": "pool_output_size", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pool_output_size(size, kernel_size, stride=None, padding=0, ceil_mode=False):
    """How many windows a pooling has: (H, W) -> (OH, OW)."""
    ### BEGIN SOLUTION
    steps = pair(kernel_size if stride is None else stride)
    made = []
    for n, k, s, p in zip(pair(size), pair(kernel_size), steps, pair(padding), strict=True):
        if s < 1 or 2 * p > k:
            raise ValueError(f"a window of {k} with stride {s} and padding {p} is none.")
        room = n + 2 * p - k
        windows = (-(-room // s) if ceil_mode else room // s) + 1
        if (windows - 1) * s >= n + p:
            windows -= 1
        if windows < 1:
            raise ValueError(f"a window of {k} does not fit into {n} pixels with a padding of {p}.")
        made.append(windows)
    return tuple(made)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-pool_output_size", "locked": true, "points": 11, "schema_version": 3, "solution": false, "task": false}
lab.check(pool_output_size)

# %% [markdown]
# ## 2. The largest of each window
#
# **By hand.** Kernel 2, stride 1:
#
#     image    maxima   indices
#     1 5 2    5 5      1 1
#     4 3 5    4 5      3 5
#     0 2 1
#
# The index says which pixel won, counted row by row through the whole image: row · W + column. The pixel 5 in the first
# row has index 0 · 3 + 1 = 1. Of equal pixels the *first* one wins, row by row: the window at the top right sees two
# fives, at index 1 and at index 5, and says 1.
#
# Four traps.
#
# - Padding must never win. All pixels may be negative, so zeros around the image are wrong: frame it with −∞ (`-np.inf`).
# - A window of nothing but −∞ still has a winner: its first *pixel*, not a place in the padding. To tell them apart you
#   can frame the numbers 0, 1, 2, ... of the pixels with −1, and look at both.
# - A NaN wins every window that sees it (of several, whichever you like). Beware: `np.nan > 3` is False, and so is
#   `3 > np.nan`.
# - Windows may be large. A byte holds numbers up to 255 only, so leave the indices what NumPy makes of them, `int`.
#
# The maxima keep the dtype of the image.

# %% nbgrader={"grade": false, "grade_id": "max_pool2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def max_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False):
    """The maxima of all windows and where they stand: (N, C, H, W) -> (N, C, OH, OW) and indices (N, C, OH, OW)."""
    ### BEGIN SOLUTION
    size = pool_output_size(x.shape[2:], kernel_size, stride, padding, ceil_mode)
    kernel, steps, edges = pair(kernel_size), pair(kernel_size if stride is None else stride), pair(padding)
    numbers = np.arange(x.shape[2] * x.shape[3]).reshape(1, 1, *x.shape[2:])
    pixels = frame(x, size, kernel, steps, edges, -np.inf)
    places = frame(numbers, size, kernel, steps, edges, -1)
    best = np.full((*x.shape[:2], *size), -np.inf, x.dtype)
    index = np.full(best.shape, -1)
    for k, l in np.ndindex(*kernel):
        rows, columns = tap(k, l, size, steps)
        seen, place = pixels[:, :, rows, columns], places[:, :, rows, columns]
        larger = (index < 0) | (seen > best) | (np.isnan(seen) & ~np.isnan(best))
        wins = larger & (place >= 0)
        best, index = np.where(wins, seen, best), np.where(wins, place, index)
    return best, index
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-max_pool2d", "locked": true, "points": 22, "schema_version": 3, "solution": false, "task": false}
lab.check(max_pool2d)

# %% [markdown]
# ## 3. Back to where they stood
#
# `max_unpool2d` takes values and indices and puts each value back at its index; all other pixels are zero.
#
# **By hand.** One channel, values `7 8` with indices `1 1`, into an image of 2x3 pixels. Both stand at pixel 1, in the
# first row. Where two values meet they are *added*:
#
#     0 15 0
#     0  0 0
#
# Each channel of each image has its own indices, beginning at 0. `output_size` is (H, W); if it is not given, the image
# is as large as the windows reach: (OH − 1) · stride − 2 · padding + kernel rows, and columns likewise. An index below 0 or beyond the last pixel is a
# ValueError; beware that NumPy takes −1 for the last pixel.
#
# A NumPy trap: `a[index] += value` adds only once where an index occurs twice. `np.add.at(a, index, value)` adds each time.

# %% nbgrader={"grade": false, "grade_id": "max_unpool2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def max_unpool2d(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Each value added at its index of an empty image: x, indices (N, C, OH, OW) -> (N, C, H, W)."""
    ### BEGIN SOLUTION
    N, C, OH, OW = x.shape
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = pair(kernel_size if stride is None else stride)
    H, W = output_size or ((OH - 1) * sh - 2 * ph + kh, (OW - 1) * sw - 2 * pw + kw)
    if indices.min() < 0 or indices.max() >= H * W:
        raise ValueError(f"indices from {indices.min()} to {indices.max()} do not fit into {H}x{W} pixels.")
    image = np.zeros((N * C, H * W), x.dtype)
    planes = np.arange(N * C)[:, None]
    np.add.at(image, (planes, indices.reshape(N * C, OH * OW)), x.reshape(N * C, OH * OW))
    return image.reshape(N, C, H, W)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-max_unpool2d", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
lab.check(max_unpool2d)

# %% [markdown]
# ## 4. What the pixels receive from a maximum
#
# Move the winner of a window a little, and the maximum moves as much. Move any other pixel a little, and nothing happens.
# So all that a window receives goes to its winner, undivided. A pixel that won two windows receives the sum. A tie
# changes nothing: one pixel won, and that one receives, so no gradient is lost and none is doubled.
#
# **By hand.** The image of part 2, and windows that receive `10 20 30 40`. Pixel 1 won two windows:
#
#     the windows    the pixels
#     10 20           0 30  0
#     30 40          30  0 40
#                     0  0  0
#
# You have written both halves of this already.

# %% nbgrader={"grade": false, "grade_id": "max_pool2d_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def max_pool2d_backward(grad_output, x, kernel_size, stride=None, padding=0, ceil_mode=False):
    """What x receives when the maxima receive grad_output: (N, C, OH, OW), (N, C, H, W) -> (N, C, H, W)."""
    ### BEGIN SOLUTION
    _, indices = max_pool2d(x, kernel_size, stride, padding, ceil_mode)
    return max_unpool2d(grad_output, indices, kernel_size, stride, padding, output_size=x.shape[2:])
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-max_pool2d_backward", "locked": true, "points": 12, "schema_version": 3, "solution": false, "task": false}
lab.check(max_pool2d_backward)

# %% [markdown]
# ## 5. By how much a mean is divided
#
# The mean of a window is the sum of its pixels, divided by a number, the *divisor*. By *which* number is a matter of agreement:
#
# - `count_include_pad=True`: padding counts as zeros, so it is in the divisor. What a window of ceil mode shows beyond
#   the padding is in neither.
# - `count_include_pad=False`: only pixels of the image count.
#
# **By hand.** Three pixels in a row with padding 1 on both sides (`·`), kernel 2, stride 2, ceil mode:
#
#     row        · a b c ·
#     windows    · a   b c
#     True        2     2
#     False       1     2
#
# (A third window would begin at place 4, behind the image: 4 < 3 + 1 is false.) With kernel 3 and stride 3 the second
# window ends at a place `+`, beyond the padding:
#
#     row        · a b c · +
#     windows    · a b   c · +
#     True         3       2
#     False        2       1
#
# Write the divisors of all windows, once for both directions. They are the sums of windows over an image of ones; ask
# yourself whether the ones are framed by zeros, or whether the padding is made of ones, too. (This function has no check
# of its own. The next two use it.)

# %% nbgrader={"grade": false, "grade_id": "divisors", "locked": false, "schema_version": 3, "solution": true, "task": false}
def divisors(image_size, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """(H, W) -> (1, 1, OH, OW), the number by which the sum of each window is divided."""
    ### BEGIN SOLUTION
    size = pool_output_size(image_size, kernel_size, stride, padding, ceil_mode)
    kernel, steps, (ph, pw) = pair(kernel_size), pair(kernel_size if stride is None else stride), pair(padding)
    H, W = image_size
    if count_include_pad:
        H, W, ph, pw = H + 2 * ph, W + 2 * pw, 0, 0
    ones = frame(np.ones((1, 1, H, W)), size, kernel, steps, (ph, pw), 0)
    made = np.zeros((1, 1, *size))
    for k, l in np.ndindex(*kernel):
        rows, columns = tap(k, l, size, steps)
        made += ones[:, :, rows, columns]
    return made
    ### END SOLUTION

# %% [markdown]
# ## 6. The mean of each window
#
# **By hand.** Kernel 2, stride 2:
#
#     image      sums     means
#     1 5 2 7    13 18    3.25 4.5
#     4 3 5 4
#
# Add up the taps and divide. The means keep the dtype of the image: a float32 image has float32 means.

# %% nbgrader={"grade": false, "grade_id": "avg_pool2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The means of all windows: (N, C, H, W) -> (N, C, OH, OW)."""
    ### BEGIN SOLUTION
    size = pool_output_size(x.shape[2:], kernel_size, stride, padding, ceil_mode)
    kernel, steps, edges = pair(kernel_size), pair(kernel_size if stride is None else stride), pair(padding)
    pixels = frame(x, size, kernel, steps, edges, 0)
    total = np.zeros((*x.shape[:2], *size), x.dtype)
    for k, l in np.ndindex(*kernel):
        rows, columns = tap(k, l, size, steps)
        total += pixels[:, :, rows, columns]
    shares = divisors(x.shape[2:], kernel_size, stride, padding, ceil_mode, count_include_pad)
    return (total / shares).astype(x.dtype)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-avg_pool2d", "locked": true, "points": 14, "schema_version": 3, "solution": false, "task": false}
lab.check(avg_pool2d)

# %% [markdown]
# ## 7. What the pixels receive from a mean
#
# Each pixel of a window has the same share in its mean, so each receives the same: what the window receives, divided by
# its divisor. A pixel under several windows receives from all of them.
#
# **By hand.** Three pixels in a row, kernel 2, stride 1; the two windows receive 10 and 20. Each pixel of the first
# receives 5, each of the second 10, and the one in the middle both: `5 15 10`.
#
# Reading tap (k, l) was a slice of the framed image. Now *add* to the same slice of an empty frame, and cut the frame off.

# %% nbgrader={"grade": false, "grade_id": "avg_pool2d_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def avg_pool2d_backward(
    grad_output, x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    """What x receives when the means receive grad_output: (N, C, OH, OW), (N, C, H, W) -> (N, C, H, W)."""
    ### BEGIN SOLUTION
    (H, W), (ph, pw), size = x.shape[2:], pair(padding), grad_output.shape[2:]
    kernel, steps = pair(kernel_size), pair(kernel_size if stride is None else stride)
    share = grad_output / divisors((H, W), kernel_size, stride, padding, ceil_mode, count_include_pad)
    received = np.zeros_like(frame(x, size, kernel, steps, (ph, pw), 0))
    for k, l in np.ndindex(*kernel):
        rows, columns = tap(k, l, size, steps)
        received[:, :, rows, columns] += share.astype(x.dtype)
    return received[:, :, ph : ph + H, pw : pw + W].copy()
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-avg_pool2d_backward", "locked": true, "points": 9, "schema_version": 3, "solution": false, "task": false}
lab.check(avg_pool2d_backward)

# %% [markdown]
# ## 8. A size that can be halved
#
# Five poolings with kernel 2 and stride 2 halve an image five times. 375 rows become 187, 93, 46, 23 and 11, and
# 11 · 32 = 352: the last 23 rows never reach the network's result. The contract that keeps them: add zeros below and to
# the right until rows and columns are multiples of 32, run the network, and cut its result to the size of the image.
#
# **By hand.** 375 rows and 500 columns, m = 32: 375 = 11 · 32 + 23, so 9 rows are added and there are 384; 500 columns
# become 512. An image of 64 rows stays as it is: not one row is added. (Python's `-H % m` is how much H lacks.) As
# everywhere, m is one number for both or a pair: m = (4, 6) makes 8 rows and 12 columns of 5x7 pixels.

# %% nbgrader={"grade": false, "grade_id": "pad_to_multiple", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pad_to_multiple(x, m):
    """Zeros below and to the right, up to the next multiples of m (a number, or a pair): (N, C, H, W) -> larger."""
    ### BEGIN SOLUTION
    rows, columns = pair(m)
    return np.pad(x, ((0, 0), (0, 0), (0, -x.shape[2] % rows), (0, -x.shape[3] % columns)))
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-pad_to_multiple", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
lab.check(pad_to_multiple)

# %% [markdown]
# ## 9. Cut to the size of another
#
# Of `like` only its rows and columns matter, not its values, images or channels. `offset` = (a, b) is the first row and
# column that are kept.
#
# **By hand.** x has the rows `1 2 3 4`, `like` has 2 rows: with a = 0 the rows `1 2` are kept, with a = 1 `2 3`,
# with a = 2 `3 4`. With a = 3 there is only one row left: a ValueError. A slice of NumPy would be shorter than
# asked, and would say nothing.

# %% nbgrader={"grade": false, "grade_id": "crop_like", "locked": false, "schema_version": 3, "solution": true, "task": false}
def crop_like(x, like, offset=(0, 0)):
    """The part of x that has the rows and columns of `like`: (N, C, H, W), (..., ..., h, w) -> (N, C, h, w)."""
    ### BEGIN SOLUTION
    (H, W), (h, w), (top, left) = x.shape[2:], like.shape[2:], pair(offset)
    if top < 0 or left < 0 or top + h > H or left + w > W:
        raise ValueError(f"{h}x{w} pixels from {offset} on do not fit into {H}x{W}.")
    return x[:, :, top : top + h, left : left + w].copy()
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-crop_like", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
lab.check(crop_like)

# %% [markdown]
# ## In words
#
# Two questions, 5 points each. A few sentences are enough; an example with numbers is worth more than a long text.

# %% [markdown] nbgrader={"grade": true, "grade_id": "ties", "locked": false, "points": 5, "schema_version": 3, "solution": true, "task": false}
# A friend writes the gradient of max pooling with a mask: every pixel that is as large as its window's maximum receives
# all that the window receives. On random images the tests pass. Give an image on which it is wrong, say what comes out
# and what should, and name a layer behind which such images are common.
#
# ### BEGIN SOLUTION
# An image that is constant: a window of 2x2 zeros that receives 1 hands out 4 in all instead of 1 (2 points: an example
# with its numbers). The sum of what pixels receive must be what the windows received, and only one pixel won (1 point).
# Behind a ReLU whole windows are zero (2 points). On random numbers of floating point ties do not happen.
# ### END SOLUTION


# %% [markdown] nbgrader={"grade": true, "grade_id": "sizes", "locked": false, "points": 5, "schema_version": 3, "solution": true, "task": false}
# Instead of adding zeros one could cut the image to the multiple of 32 below, or use ceil mode in all five poolings. Say
# what happens to the result of a network for 375x500 pixels in each of the three cases, and what each of them costs.
#
# ### BEGIN SOLUTION
# Zeros: 384x512, cut to 375x500 afterwards; every pixel has a result, at the price of 5 % more pixels and a border that
# sees zeros (2 points). Cutting: 352x480, the last 23 rows and 20 columns have no result (1 point). Ceil mode: 375 rows
# become 188, 94, 47, 24 and 12, so 12 · 32 = 384 as with zeros, and 500 columns become 16; nothing is lost, but the last
# windows see fewer pixels, and the way up must crop (2 points).
# ### END SOLUTION
