# %% [markdown]
# # Lab 6: Break it
# ## 실습 6: 틀린 코드를 찾아내는 테스트
#
# In the other labs we tested your code. Here you test ours: you write five tests, and we hand them implementations that
# are right and implementations that are wrong on purpose, which are called *mutants*. A test is good if it notices the
# mutants and leaves the right ones in peace. 120 minutes; you need NumPy alone, and nothing of the other labs.
#
# 이 실습에서는 반대로 여러분이 테스트를 씁니다. 맞는 구현은 통과시키고, 일부러 틀리게 만든 구현(mutant)은 잡아내야 합니다. 잡아낸 개수만큼 점수를 얻고, 맞는 구현을 틀렸다고 하면 점수를 잃습니다.

# %%
import numpy as np

from minifcn.labs import session

lab = session(6)

# %% [markdown]
# ## 1. The rules
#
# A test is a function that is handed an implementation. If something is wrong it raises, by an `assert` that fails or
# in any other way; if all is well it returns.
#
#     def test_double(double):
#         assert double(3) == 6
#
# **What you gain.** Each mutant that makes your test raise is worth 5 points. The mutants that the check tries are
# public:
# each task names them. The judge who grades you draws others, which you have not seen, from a longer list. So all
# points
# in the check are a beginning: go through the list of what a right one does, and ask of each line whether your test
# would notice if it were not so.
#
# **What you lose.** Each right implementation that makes your test raise is a *false alarm* and takes 5 points of the
# same task away. If even the plain right one does, the task gets nothing. So a test that always raises has no points,
# and one that never raises has none either.
#
# **What right implementations may differ in.** They may add numbers in another order, so the last digits differ:
# compare to within 1e-5 of the value, as `close` below does. Arrays may lie in memory in any order, and may be
# read-only. Whole numbers (positions, counts) may have any type of whole numbers. What has to be refused may be refused
# with any exception.
#
# **What they may not differ in.** Values and shapes. And where the input is float32, so is the result: a library that
# doubles the memory behind your back is wrong. Only the loss, a single number, may be of any floating type.
#
# **Limits.** For each implementation your test may call it 400 times, with arrays of up to 3000 numbers and options up
# to 20. Every implementation is met in a fresh process, in random order. Tests need no randomness: if you want some,
# use a generator with a seed of your own.

# %% [markdown]
# ## 2. By hand first
#
# Take a piece of paper. The image has one channel and one output channel, and the kernel has a single 1:
#
#     x        w or w
#     1 2 3    1 0  0 0
#     4 5 6    0 0  0 1
#
# `conv2d` puts the kernel over each window of the image, multiplies what lies on top of each other, and adds up. What
# does each kernel give? There are two windows, and the first kernel picks the top left pixel of each: 1 and 2. The
# second picks the bottom right one: 5 and 6.
#
# Now think of somebody who turns the kernel by 180° before sliding it, as mathematicians do. For the first kernel they
# get 5 and 6. Four numbers on paper, and that mistake has no way out. Here is a test of a beginner that lets it live:
#
#     def test_conv2d(conv2d):
#         y = conv2d(np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3)))
#         assert y.shape == (1, 1, 2, 2) and (y == 9).all()
#
# Ones look the same from all sides. A square image cannot tell rows from columns, one channel cannot tell channels
# apart, and zeros for a bias cannot tell whether it was added. **Choose inputs in which everything differs: H from W,
# the kernel's rows from its columns, each stride from the other, and every number from its neighbours.**
#
# These helpers are given. `numbers` makes such inputs.

# %% nbgrader={"grade": false, "grade_id": "helpers", "locked": true, "schema_version": 3, "solution": false, "task": false}
def numbers(*shape):
    """Whole numbers from -9 to 9 as floats, hardly two neighbours alike: numbers(2, 3) has 2 rows and 3 columns."""
    count = int(np.prod(shape))
    return ((7 * np.arange(count) + np.arange(count) ** 2 // 5) % 19 - 9.0).reshape(shape)


def close(found, expected):
    """Raises unless both have one shape and the same numbers, to within 1e-5 of the value; NaN equals NaN."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-6, equal_nan=True), f"{found}, expected {expected}"


def refuses(call):
    """Raises unless the call does: refuses(lambda: cross_entropy(x, wrong_labels))."""
    try:
        call()
    except Exception:
        return
    raise AssertionError("this should have been refused")


print(numbers(3, 4))

# %% [markdown]
# ## 3. Convolution: 25 points
#
# A right `conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1)`
#
# - takes images `x` (N, C, H, W), a `weight` (O, C/groups, KH, KW) and a `bias` (O,) or None, and gives (N, O, OH, OW);
# - y[n, o, i, j] = bias[o] + the sum over c, k, l of weight[o, c, k, l] · x[n, c, i·sh + k·dh − ph, j·sw + l·dw − pw],
#   where pixels outside the image are 0;
# - OH = (H + 2·ph − dh·(KH − 1) − 1) // sh + 1, and the same for OW with the numbers of the columns;
# - `stride`, `padding`, `dilation` are a number, or a pair (rows, columns);
# - with `groups` G, channels come in G blocks one after the other; the first O/G outputs see the first block alone, and
#   so on;
# - results may be negative; images of a batch have nothing to do with each other;
# - a pixel that is NaN spoils the windows that see it and no other;
# - any memory layout of x counts as its values (`x.transpose(...)`, `x[:, :, ::-1]`).
#
# The public mutants: the kernel is flipped; the stride is ignored; the bias is forgotten; only the first channel is
# read; the padding of the rows is used for the columns, too.
#
# Two ways to write it. You can write numbers down, as above. Or you can write the formula once more, slowly, with loops
# that cannot be wrong, and compare. Many tests need both.

# %% nbgrader={"grade": false, "grade_id": "test_conv2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def slow_conv2d(x, weight, bias, stride, padding, dilation, groups):
    """Not a task, only a place: here the formula may stand in loops, (N, C, H, W) -> (N, O, OH, OW). Or leave it out."""
    ### BEGIN SOLUTION
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    wide = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    (N, _, H, W), (O, each, KH, KW) = wide.shape, weight.shape
    made = np.zeros((N, O, (H - dh * (KH - 1) - 1) // sh + 1, (W - dw * (KW - 1) - 1) // sw + 1))
    for n, o, i, j in np.ndindex(*made.shape):
        first = o // (O // groups) * each
        seen = wide[n, first : first + each, i * sh :, j * sw :]
        made[n, o, i, j] = bias[o] + sum(
            weight[o, :, k, l] @ seen[:, k * dh, l * dw] for k in range(KH) for l in range(KW)
        )
    return made
    ### END SOLUTION


def test_conv2d(conv2d):
    """Raises if conv2d is wrong."""
    ### BEGIN SOLUTION
    image = np.array([[[[1.0, 2, 3], [4, 5, 6]]]])
    close(conv2d(image, np.array([[[[1.0, 0], [0, 0]]]])), [[[[1, 2]]]])
    close(conv2d(image, np.array([[[[0.0, 0], [0, 1]]]])), [[[[5, 6]]]])

    bias = np.array([3.0, -5, 2, 7])
    for size, kernel, stride, padding, dilation, groups in (
        ((7, 9), (3, 2), (1, 1), (0, 0), (1, 1), 1),
        ((7, 9), (2, 3), (2, 3), (1, 2), (1, 1), 1),
        ((9, 7), (3, 3), (3, 1), (2, 0), (1, 2), 1),
        ((8, 9), (2, 2), (1, 2), (0, 1), (3, 1), 2),
        ((5, 8), (3, 2), (2, 2), (1, 0), (1, 1), 2),
    ):
        x, weight = numbers(2, 4, *size), numbers(4, 4 // groups, *kernel)
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        expected = slow_conv2d(x, weight, bias, **options)
        close(conv2d(x, weight, bias, **options), expected)
        close(conv2d(x, weight, **options), expected - bias[:, None, None])
        close(conv2d(x.transpose(3, 2, 1, 0).copy().transpose(3, 2, 1, 0), weight, bias, **options), expected)

    x, weight = numbers(1, 2, 6, 7), numbers(3, 2, 2, 3)
    assert conv2d(x.astype(np.float32), weight.astype(np.float32)).dtype == np.float32
    x[0, 0, 2, 3] = np.nan
    spoilt = np.zeros((1, 3, 5, 5), bool)
    spoilt[:, :, 1:3, 1:4] = True
    close(np.isnan(conv2d(x, weight)), spoilt)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-test_conv2d", "locked": true, "points": 25, "schema_version": 3, "solution": false, "task": false}
lab.check(test_conv2d)

# %% [markdown]
# ## 4. Transposed convolution: 20 points
#
# By hand first: the image is the row `1 2`, the kernel the row `3 4 5`, the stride 2. Each pixel stamps the kernel,
# times itself, at its place times the stride: 1 stamps 3 4 5 at 0, and 2 stamps 6 8 10 at 2. Where stamps overlap they
# add: `3 4 11 8 10`.
#
# A right `conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1)`
#
# - takes `x` (N, I, H, W), a `weight` (I, O/groups, KH, KW), where the channels that go *in* come first, and a `bias`
#   (O,) or None;
# - pixel x[n, c, i, j] adds x[n, c, i, j] · weight[c, o, k, l] to y[n, o, i·sh + k·dh − ph, j·sw + l·dw − pw]; what
#   falls outside y is dropped;
# - y has (H − 1)·sh + dh·(KH − 1) + 1 − 2·ph + eh rows, where eh is the `output_padding`, which is smaller than the
#   stride or the dilation; and the same for columns;
# - so `padding` cuts off rows at both ends, and `output_padding` shows more rows at the bottom, with the stamps that
#   reach there;
# - the bias is added once to every pixel, however many stamps overlap;
# - `groups`, NaN, memory layouts and types are as for conv2d: channels in blocks, and a NaN spoils its own stamp only.
#
# The public mutants: overlapping stamps overwrite each other; stamps are moved by one pixel whatever the stride; the
# bias is forgotten; output_padding is ignored.

# %% nbgrader={"grade": false, "grade_id": "test_conv_transpose2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def test_conv_transpose2d(conv_transpose2d):
    """Raises if conv_transpose2d is wrong."""
    ### BEGIN SOLUTION
    row = conv_transpose2d(np.array([[[[1.0, 2]]]]), np.array([[[[3.0, 4, 5]]]]), stride=2)
    close(row, [[[[3, 4, 11, 8, 10]]]])

    bias = np.array([3.0, -5, 2, 7])
    for kernel, stride, padding, extra, dilation, groups in (
        ((3, 2), (1, 1), (0, 0), (0, 0), (1, 1), 1),
        ((3, 4), (2, 3), (1, 2), (1, 2), (1, 1), 1),
        ((2, 3), (3, 2), (0, 1), (2, 0), (2, 1), 1),
        ((3, 3), (2, 1), (2, 1), (1, 0), (1, 2), 2),
        ((2, 2), (2, 4), (1, 0), (0, 3), (1, 1), 2),
    ):
        x, weight = numbers(2, 4, 3, 4), numbers(4, 4 // groups, *kernel)
        (sh, sw), (dh, dw), (ph, pw) = stride, dilation, padding
        size = [
            (n - 1) * s + d * (k - 1) + 1 + e
            for n, s, d, k, e in zip((3, 4), stride, dilation, kernel, extra, strict=True)
        ]
        whole = np.zeros((2, 4, *size))
        for n, c, i, j in np.ndindex(*x.shape):
            first = c // (4 // groups) * (4 // groups)
            for o, k, l in np.ndindex(*weight.shape[1:]):
                whole[n, first + o, i * sh + k * dh, j * sw + l * dw] += x[n, c, i, j] * weight[c, o, k, l]
        expected = whole[:, :, ph : size[0] - ph, pw : size[1] - pw]
        options = {"stride": stride, "padding": padding, "output_padding": extra, "groups": groups,
                   "dilation": dilation}
        close(conv_transpose2d(x, weight, **options), expected)
        close(conv_transpose2d(x, weight, bias, **options), expected + bias[:, None, None])

    x, weight = numbers(1, 2, 3, 4), numbers(2, 3, 2, 3)
    assert conv_transpose2d(x.astype(np.float32), weight.astype(np.float32)).dtype == np.float32
    x[0, 1, 1, 2] = np.nan
    spoilt = np.zeros((1, 3, 4, 6), bool)
    spoilt[:, :, 1:3, 2:5] = True
    close(np.isnan(conv_transpose2d(x, weight)), spoilt)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-test_conv_transpose2d", "locked": true, "points": 20, "schema_version": 3, "solution": false, "task": false}
lab.check(test_conv_transpose2d)

# %% [markdown]
# ## 5. Max pooling: 20 points
#
# By hand first: the image is `5 2 / 2 5` (two rows), the window 2x2. The maximum is 5, twice; the first of them in
# reading order wins, so its position is 0. And the row `-3 -1`, with a window of 1x2, stride 2 and one column of
# padding on each side: the windows see (nothing, -3) and (-1, nothing), so the maxima are -3 and -1, and not 0.
#
# A right `max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1)`
#
# - takes `x` (N, C, H, W) and gives two arrays (N, C, OH, OW): the maxima y, and where each was found, as row·W +
#   column in its own plane of the image without padding;
# - without a `stride` the windows lie side by side: the stride is the kernel size;
# - the sizes are those of conv2d (rounded down), the padding is at most half the kernel, and options are numbers or
#   pairs (rows, columns);
# - padding never wins, even where all pixels are negative;
# - of equal pixels the first in reading order (row by row) wins;
# - a NaN wins against every number;
# - channels and images are pooled by themselves, y has the type of x, and any memory layout of x counts as its values;
# - images may have more than 256 pixels.
#
# The public mutants: the zeros of the padding win; the index counts within the window; the stride is ignored; the
# maximum is taken over the channels, too.

# %% nbgrader={"grade": false, "grade_id": "test_max_pool2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def test_max_pool2d(max_pool2d):
    """Raises if max_pool2d is wrong."""
    ### BEGIN SOLUTION
    def slow(x, kernel, stride, padding, dilation):
        (N, C, H, W), (sh, sw), (ph, pw), (dh, dw) = x.shape, stride, padding, dilation
        rows = (H + 2 * ph - dh * (kernel[0] - 1) - 1) // sh + 1
        columns = (W + 2 * pw - dw * (kernel[1] - 1) - 1) // sw + 1
        y, index = np.zeros((N, C, rows, columns)), np.zeros((N, C, rows, columns))
        for n, c, i, j in np.ndindex(*y.shape):
            best = None
            for k, l in np.ndindex(*kernel):
                r, q = i * sh + k * dh - ph, j * sw + l * dw - pw
                if 0 <= r < H and 0 <= q < W and (best is None or x[n, c, r, q] > best):
                    best, index[n, c, i, j] = x[n, c, r, q], r * W + q
            y[n, c, i, j] = best
        return y, index

    for size, kernel, stride, padding, dilation in (
        ((6, 8), (2, 3), (2, 3), (0, 0), (1, 1)),
        ((7, 9), (3, 2), (1, 3), (1, 0), (1, 1)),
        ((6, 8), (2, 4), (3, 2), (1, 2), (1, 1)),
        ((9, 8), (3, 2), (2, 1), (1, 1), (2, 3)),
        ((17, 18), (2, 2), (5, 4), (0, 0), (1, 1)),
    ):
        mixed = numbers(2, 2, *size)
        for x in (mixed, mixed - 20, mixed // 5, np.asfortranarray(mixed)):
            y, index = max_pool2d(x, kernel, stride=stride, padding=padding, dilation=dilation)
            expected = slow(x, kernel, stride, padding, dilation)
            close(y, expected[0])
            close(index, expected[1])

    x = numbers(1, 2, 6, 6)
    close(max_pool2d(x, (2, 3))[0], slow(x, (2, 3), (2, 3), (0, 0), (1, 1))[0])
    assert max_pool2d(x.astype(np.float32), 2)[0].dtype == np.float32
    y, index = max_pool2d(np.array([[[[1.0, np.nan], [7, 2]]]]), 2)
    close(y, [[[[np.nan]]]])
    close(index, [[[[1]]]])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-test_max_pool2d", "locked": true, "points": 20, "schema_version": 3, "solution": false, "task": false}
lab.check(test_max_pool2d)

# %% [markdown]
# ## 6. Cross entropy: 15 points
#
# By hand first: one pixel, two classes, the scores log 1 and log 3. The probabilities are 1/4 and 3/4. If the label is
# 0 the loss is −log(1/4) = log 4 = 1.386; if it is 1, −log(3/4) = 0.288.
#
# A right `cross_entropy(x, target, weight=None, ignore_index=255)`
#
# - takes scores `x` (N, C, H, W), labels `target` (N, H, W) of any type of whole numbers, and a `weight` (C,) or None,
#   and gives one number;
# - p[c] = exp(x[c]) / Σ_k exp(x[k]) are the probabilities of the classes, the *softmax* of the scores; a pixel costs
#   weight[t] · (−log p[t]) where t is its label, and 1 is the weight of all if none is given;
# - the loss is the sum over all pixels of all images, divided by the sum of their weights; natural logarithms;
# - pixels with the label `ignore_index` are *void*: they count neither above nor below, whatever their scores, be they
#   NaN;
# - with nothing but void pixels the loss is 0;
# - scores may be far apart (1000 and more), within a pixel and between pixels: nothing may overflow, and no probability
#   may be cut;
# - labels that are neither a class nor void are refused with an exception: −1, C, 200;
# - any memory layout of x counts as its values.
#
# The public mutants: the mean is over all pixels, void ones included; exponentials overflow; weights are ignored.

# %% nbgrader={"grade": false, "grade_id": "test_cross_entropy", "locked": false, "schema_version": 3, "solution": true, "task": false}
def test_cross_entropy(cross_entropy):
    """Raises if cross_entropy is wrong."""
    ### BEGIN SOLUTION
    pixel = np.log([1.0, 3.0]).reshape(1, 2, 1, 1)
    close(cross_entropy(pixel, np.array([[[0]]])), np.log(4))
    close(cross_entropy(pixel, np.array([[[1]]])), np.log(4 / 3))

    x, weight = numbers(2, 3, 2, 4) / 2, np.array([1.0, 2.0, 5.0])
    target = np.array([[[0, 1, 2, 255], [2, 255, 1, 0]], [[1, 1, 0, 2], [255, 255, 255, 255]]])
    counted = target != 255
    labels = np.where(counted, target, 0)
    log_p = x - np.log(np.exp(x).sum(1, keepdims=True))
    cost = -np.take_along_axis(log_p, labels[:, None], 1)[:, 0]
    for factors in (None, weight):
        each = counted * (np.ones(3) if factors is None else weight)[labels]
        expected = (cost * each).sum() / each.sum()
        for kind in (np.uint8, np.int64):
            close(cross_entropy(x, target.astype(kind), factors), expected)
        close(cross_entropy(np.asfortranarray(x), target, factors), expected)
        close(cross_entropy(x, np.where(counted, target, 7), factors, ignore_index=7), expected)
        wild = np.where(counted[:, None], x, np.nan)
        close(cross_entropy(wild, target, factors), expected)

    far = np.array([[[[0.0, 5000]], [[1000, 5000]]]])  # 1000 within the first pixel; the second is 5000 higher
    close(cross_entropy(far, np.array([[[0, 0]]])), (1000 + np.log(2)) / 2)
    close(cross_entropy(far, np.array([[[1, 255]]])), 0)
    close(cross_entropy(x, np.full((2, 2, 4), 255)), 0)
    for label in (-1, 3, 200):
        refuses(lambda label=label: cross_entropy(x, np.where(counted, label, 255)))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-test_cross_entropy", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
lab.check(test_cross_entropy)

# %% [markdown]
# ## 7. The confusion matrix: 10 points
#
# By hand first, with 3 classes: the truth is `0 0 2 void`, the prediction is `0 1 0 1`. The matrix has a row for each
# true class and a column for each predicted one: one pixel at (0, 0), one at (0, 1), one at (2, 0), and the void pixel
# nowhere.
#
# A right `confusion_matrix(batches, num_classes)`
#
# - takes a list of pairs (prediction, target), two arrays of labels of one shape, of any shape and any type of whole
#   numbers, with up to 20 classes and more, and gives (num_classes, num_classes) counts, whole numbers;
# - entry [i, j] counts the pixels whose target is i and whose prediction is j, over all batches;
# - a target of 255 is void: such a pixel counts nowhere, whatever is predicted there, be it 255;
# - many pixels (300 and more) may fall into one entry;
# - a label that is no class, in the target or in a prediction that counts, and arrays of different shapes are refused
#   with an exception.
#
# The public mutants: rows are the prediction; void is counted as class 0.

# %% nbgrader={"grade": false, "grade_id": "test_confusion_matrix", "locked": false, "schema_version": 3, "solution": true, "task": false}
def test_confusion_matrix(confusion_matrix):
    """Raises if confusion_matrix is wrong."""
    ### BEGIN SOLUTION
    truth, guess = np.array([0, 0, 2, 255], np.uint8), np.array([0, 1, 0, 1], np.uint8)
    expected = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 0]])
    close(confusion_matrix([(guess, truth)], 3), expected)
    close(confusion_matrix([(np.where(truth == 255, 255, guess), truth)], 3), expected)
    more = np.array([[1, 2], [2, 2]]), np.array([[2, 2], [2, 1]])
    once = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 2]])
    close(confusion_matrix([more], 3), once)
    close(confusion_matrix([(guess, truth), more], 3), expected + once)

    many = np.zeros((20, 20))
    many[19, 18] = 300
    close(confusion_matrix([(np.full(300, 18, np.uint8), np.full(300, 19, np.uint8))], 20), many)
    for wrong in (3, 200):
        refuses(lambda wrong=wrong: confusion_matrix([(np.array([wrong]), np.array([0]))], 3))
        refuses(lambda wrong=wrong: confusion_matrix([(np.array([0]), np.array([wrong]))], 3))
    refuses(lambda: confusion_matrix([(np.array([0, 1]), np.array([0, 1, 2]))], 3))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-test_confusion_matrix", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
lab.check(test_confusion_matrix)

# %% [markdown]
# ## 8. In words: 10 points
#
# Which is better in a test: a second implementation to compare with (an *oracle*, such as loops), or *laws*, such as
# "twice the image gives twice the result"? What does each of them miss? Give for each a mistake that it cannot notice,
# and say which of your five tests uses which, and why.

# %% [markdown] nbgrader={"grade": true, "grade_id": "oracle", "locked": false, "points": 10, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# An oracle notices every mistake on the inputs that are tried, but it needs the whole formula once more, and who wrote
# both may have misunderstood the formula twice: a kernel that is flipped in both is never noticed. A law needs no
# expected numbers and holds for all sizes, but each law leaves room: "twice the image gives twice the result" holds for
# an operation that returns zeros, or that flips the kernel. Numbers worked out by hand are the third way: they are
# independent of both, and few. A good test takes hand-made numbers for the meaning, an oracle or several laws for the
# options, and special cases (NaN, large scores, nothing but void) for what neither of them tries.
#
# Rubric: 3 points for what an oracle misses (the same misunderstanding twice; it is only as good as its inputs) with an
# example; 3 for what laws miss (wrong operations that obey the law) with an example; 2 for saying that hand-made
# numbers or several laws close the gap; 2 for how the own tests were chosen.
# ### END SOLUTION
