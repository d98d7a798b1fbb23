# %% [markdown]
# # Lab 5: Assemble and train an FCN
# ## 실습 5: FCN을 조립하고 학습시키기
#
# A backbone turns an image into small maps of features; 1x1 convolutions turn those into *scores*, one map for each
# class. This lab is everything behind that: enlarge the scores, join them across scales, measure how wrong they are,
# send the error back, and say in one number how good the result is. At the end your functions train a network. 180
# minutes; you need NumPy alone.
#
# 백본이 만든 작은 점수 맵을 키우고, 서로 다른 크기의 점수를 합치고, 손실과 기울기를 구하고, mean IU로 평가합니다. 마지막에는 직접 쓴 함수로 작은 FCN을 학습시킵니다.
#
# Shapes: N images, C classes, H rows, W columns. *Void* pixels have the label 255: nobody knows what they are, and they
# count nowhere. None of your functions may change an array that it is given.

# %%
import numpy as np

from minifcn.labs import session

lab = session(5)

# %% nbgrader={"grade": false, "grade_id": "given", "locked": true, "schema_version": 3, "solution": false, "task": false}
VOID = 255


def stamps(x, kernel, stride):
    """A transposed convolution with one kernel for every channel: each pixel adds itself times the kernel.

    x (N, C, H, W), kernel (KH, KW), stride s -> (N, C, (H - 1)*s + KH, (W - 1)*s + KW), of the dtype of x. Lab 2.
    """
    (N, C, H, W), (KH, KW) = x.shape, kernel.shape
    made = np.zeros((N, C, (H - 1) * stride + KH, (W - 1) * stride + KW), x.dtype)
    for k in range(KH):
        for l in range(KW):
            rows = slice(k, k + (H - 1) * stride + 1, stride)
            columns = slice(l, l + (W - 1) * stride + 1, stride)
            made[:, :, rows, columns] += (x * kernel[k, l]).astype(x.dtype)
    return made


print(stamps(np.array([[[[1.0, 2.0]]]]), np.array([[3.0, 4.0, 5.0]]), 2))

# %% [markdown]
# ## 1. The tent: 10 points, 15 minutes
#
# By hand first. A row of two pixels, 0 and 4, is to become twice as large. The new pixels lie between the old ones at
# 1/4 and 3/4 of the way: 1 and 3. A transposed convolution with stride 2 does that if its kernel is `1/4 3/4 3/4 1/4`:
# pixel 4 stamps `1 3 3 1`, and the 0 before it stamps nothing. Now try a kernel of 3 taps: `1/2 1 1/2`.
#
# The weights of a kernel with k taps fall along a line from the centre c = (k − 1)/2, and reach 0 at a distance of f =
# ⌈k/2⌉, k/2 rounded up:
#
#     w[i] = 1 − |i − c| / f
#     w[i, j] = w[i] · w[j]
#
# The first line is for a row, the second for two dimensions, where rows and columns have a k each. (A *tap* is one place
# of the kernel, and the weights over all taps stand like a *tent*: hence the names.)

# %% nbgrader={"grade": false, "grade_id": "bilinear_kernel", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bilinear_kernel(kernel_size):
    """The tent. kernel_size (KH, KW) -> weights (KH, KW)."""
    ### BEGIN SOLUTION
    lines = []
    for k in kernel_size:
        centre, f = (k - 1) / 2, (k + 1) // 2
        lines.append(1 - np.abs(np.arange(k) - centre) / f)
    return np.outer(lines[0], lines[1])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-bilinear_kernel", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
lab.check(bilinear_kernel)

# %% [markdown]
# ## 2. Two scores meet: 8 points, 15 minutes
#
# A skip computes scores from a finer map and adds them to the enlarged coarse ones. The two maps do not always begin at
# the same pixel of the image, so each has an *offset*: how many rows and columns at the top and left are cut off. What
# is left may still differ in size at the bottom and right; then both are cut to the smaller number of rows, and the
# smaller number of columns.
#
# By hand first: the score has two rows and offset 1, the skip one row and offset 0.
#
#     score      skip
#     9 9 9 9    10 20
#     9 2 3 4
#
# Without its first row and its first column the score is `2 3 4`. Both are cut to one row of 2 columns and added: `12
# 23`.

# %% nbgrader={"grade": false, "grade_id": "fuse", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fuse(score, skip, score_offset=0, skip_offset=0):
    """Crop and add. score (N, C, H, W), skip (N, C, H', W') -> (N, C, rows and columns that both have)."""
    ### BEGIN SOLUTION
    score = score[:, :, score_offset:, score_offset:]
    skip = skip[:, :, skip_offset:, skip_offset:]
    rows, columns = (min(a, b) for a, b in zip(score.shape[2:], skip.shape[2:], strict=True))
    return score[:, :, :rows, :columns] + skip[:, :, :rows, :columns]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-fuse", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
lab.check(fuse)

# %% [markdown]
# ## 3. FCN-8s: 16 points, 30 minutes
#
# Three scores come in, at 1/32, 1/16 and 1/8 of the image. The way back has five steps:
#
# 1. enlarge the coarsest by 2: `stamps` with a tent of 4x4 and stride 2;
# 2. fuse with `skip4`;
# 3. enlarge by 2 again;
# 4. fuse with `skip3`;
# 5. enlarge by 8, a tent of 16x16 and stride 8, and cut out the image.
#
# Where do the crops begin? Enlarging by s makes each pixel s pixels wide, but a tent is 2s wide: it stands over half a
# pixel more on both sides. So the first s/2 rows and columns lie beside the map: offset 1 after an enlarging by 2, and
# 4 after the one by 8. The skips begin where they should: offset 0.
#
# By hand first: a score of one pixel, 1. Enlarged by 2 it is the tent of 4x4; behind the crop its first row is `9/16
# 9/16 3/16` (3/4 · 3/4 and so on), which is as much as the skip of 2x2 can take: `9/16 9/16` twice.
#
# The result is the part of `size` that begins at row 4 and column 4. If there are not enough rows or columns for it,
# raise a `ValueError`: a smaller result would be a mistake that somebody finds much later. The result has the dtype of
# the scores.
#
# `fcn8s` uses your `bilinear_kernel` and your `fuse`. If those are not right yet, it cannot be either.

# %% nbgrader={"grade": false, "grade_id": "fcn8s", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fcn8s(score, skip4, skip3, size):
    """From three scores to one as large as the image.

    score (N, C, h, w), skip4 (N, C, h4, w4), skip3 (N, C, h3, w3), size (H, W) -> (N, C, H, W).
    """
    ### BEGIN SOLUTION
    for skip in (skip4, skip3):
        score = fuse(stamps(score, bilinear_kernel((4, 4)), 2), skip, 1, 0)
    whole = stamps(score, bilinear_kernel((16, 16)), 8)[:, :, 4:, 4:]
    if whole.shape[2] < size[0] or whole.shape[3] < size[1]:
        raise ValueError(f"scores that reach {whole.shape[2:]} pixels do not cover an image of {size}.")
    return whole[:, :, : size[0], : size[1]]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-fcn8s", "locked": true, "points": 16, "schema_version": 3, "solution": false, "task": false}
lab.check(fcn8s)

# %% [markdown]
# ## 4. The loss: 16 points, 30 minutes
#
# The probabilities of a pixel's classes are the *softmax* of its scores: p[c] = exp(x[c]) / Σ_k exp(x[k]).
#
# By hand first: one pixel, two classes, the scores log 1 and log 3. The probabilities are 1/4 and 3/4. With the label 0
# the loss is −log(1/4) = log 4. A network that knows nothing gives all C classes the same score, and its
# loss is log C: remember that number, it is the first one that a training prints.
#
# For a pixel with scores x and label t
#
#     −log p[t]
#         = log Σ_c exp(x[c]) − x[t]
#
# The loss is the mean over the pixels that count, each with the weight of its class:
#
#     loss = a / b
#     a = Σ weight[t] · (−log p[t])
#     b = Σ weight[t]
#
# where the weights are 1 if none are given.
#
# Three things go wrong in most first attempts. exp(1000) is infinite: subtract the largest score of each pixel first,
# which changes nothing (why?). A void pixel may hold anything, even NaN, and 0 · NaN is NaN: choose with `np.where`, do
# not multiply. And with nothing but void pixels the sum of the weights is 0: the loss is 0 then.
#
# A label that is neither a class nor `ignore_index` is a mistake in the data: raise a `ValueError`. Do not change x or
# target.

# %% nbgrader={"grade": false, "grade_id": "cross_entropy", "locked": false, "schema_version": 3, "solution": true, "task": false}
def cross_entropy(x, target, weight=None, ignore_index=VOID):
    """Softmax cross entropy. x (N, C, H, W) scores, target (N, H, W) labels, weight (C,) or None -> one float."""
    ### BEGIN SOLUTION
    p, labels, each = _probabilities(x, target, weight, ignore_index)
    low = np.take_along_axis(p[1], labels[:, None], 1)[:, 0]
    return float((each * -low).sum() / each.sum()) if each.any() else 0.0


def _probabilities(x, target, weight, ignore_index):
    """(p, log p) of (N, C, H, W); labels (N, H, W), 0 where void; what each pixel weighs (N, H, W), 0 where void."""
    counted = target != ignore_index
    if ((target[counted] < 0) | (target[counted] >= x.shape[1])).any():
        raise ValueError(f"labels are 0 to {x.shape[1] - 1}, or {ignore_index} for void.")
    labels = np.where(counted, target, 0).astype(int)
    factors = np.ones(x.shape[1]) if weight is None else np.asarray(weight, float)
    each = np.where(counted, factors[labels], 0)
    x = np.where(counted[:, None], x, 0).astype(float)
    x -= x.max(1, keepdims=True)
    log_p = x - np.log(np.exp(x).sum(1, keepdims=True))
    return (np.exp(log_p), log_p), labels, each
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-cross_entropy", "locked": true, "points": 16, "schema_version": 3, "solution": false, "task": false}
lab.check(cross_entropy)

# %% [markdown]
# ## 5. Its gradient: 16 points, 20 minutes
#
#     gradient at a pixel = a / b
#     a = (p − onehot(t)) · weight[t]
#     b = Σ weight[t]
#
# where p are the probabilities of the pixel's classes, onehot(t) is 1 at class t and 0 elsewhere, and b is the same sum
# over all pixels that count as in the loss. By hand first, for the pixel above: p = 1/4, 3/4 and t = 0
# give −3/4, 3/4. The score of the truth is pushed up, the other one down, and both sum to 0.
#
# At void pixels the gradient is exactly 0. It has the dtype of x, and the same labels are refused as before.

# %% nbgrader={"grade": false, "grade_id": "cross_entropy_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def cross_entropy_backward(x, target, weight=None, ignore_index=VOID):
    """The gradient of the loss with respect to the scores: as cross_entropy -> (N, C, H, W), the dtype of x."""
    ### BEGIN SOLUTION
    (p, _), labels, each = _probabilities(x, target, weight, ignore_index)
    onehot = labels[:, None] == np.arange(x.shape[1])[:, None, None]
    gradient = np.where(each[:, None] != 0, (p - onehot) * each[:, None], 0) / (each.sum() or 1)
    return gradient.astype(x.dtype)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-cross_entropy_backward", "locked": true, "points": 16, "schema_version": 3, "solution": false, "task": false}
lab.check(cross_entropy_backward)

# %% [markdown]
# ## 6. Counting: 12 points, 20 minutes
#
# By hand first, with 3 classes: the truth `0 0 2 void`, the prediction `0 1 0 1`. Entry [i, j] counts pixels whose
# truth is i and whose prediction is j: a 1 at [0, 0], [0, 1] and [2, 0], and the void pixel nowhere.
#
# `hist[truth, prediction] += 1` looks right, and counts every different pair once. (Try it with two equal pixels.)
# Number the pairs instead, truth · C + prediction, and count the numbers. Mind that labels are often bytes: 19 · 20 + 3
# does not fit into one.
#
# A label beyond the classes, in the truth or in a prediction that counts, and arrays of different shapes are refused
# with a `ValueError`. What is predicted at void pixels is not looked at.

# %% nbgrader={"grade": false, "grade_id": "confusion_matrix", "locked": false, "schema_version": 3, "solution": true, "task": false}
def confusion_matrix(batches, num_classes):
    """Counts. batches: a list of (prediction, target), two arrays of labels of one shape -> (C, C) whole numbers."""
    ### BEGIN SOLUTION
    counts = np.zeros((num_classes, num_classes), np.int64)
    for prediction, target in batches:
        if prediction.shape != target.shape:
            raise ValueError(f"a prediction of shape {prediction.shape} for a target of shape {target.shape}.")
        counted = target != VOID
        guess, truth = prediction[counted].astype(np.int64), target[counted].astype(np.int64)
        for labels in (guess, truth):
            if ((labels < 0) | (labels >= num_classes)).any():
                raise ValueError(f"labels are 0 to {num_classes - 1}.")
        pairs = np.bincount(truth * num_classes + guess, minlength=num_classes**2)
        counts += pairs.reshape(num_classes, num_classes)
    return counts
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-confusion_matrix", "locked": true, "points": 12, "schema_version": 3, "solution": false, "task": false}
lab.check(confusion_matrix)

# %% [markdown]
# ## 7. Four metrics: 12 points, 20 minutes
#
# From the matrix of *all* batches, with n_ij its entries, t_i the sum of row i (pixels that are i) and p_i the sum of
# column i (pixels that are called i):
#
# - `pixel_accuracy` is Σ n_ii / Σ t_i, the share of pixels that are right;
# - `mean_accuracy` is the mean of n_ii / t_i over the classes with t_i > 0;
# - `mean_iu` is the mean of IU_i = n_ii / (t_i + p_i − n_ii) over the classes that occur in truth or prediction. IU is
#   *intersection over union*: pixels that are i in both, divided by pixels that are i in either;
# - `frequency_weighted_iu` is Σ t_i · IU_i / Σ t_i, to which a class with t_i = 0 adds nothing.
#
# By hand first: two classes, truth `0 0 1 1`, prediction `0 1 1 1`. The matrix is [[1, 1], [0, 2]]. IU of class 0 is
# 1/(2 + 1 − 1) = 1/2, of class 1 it is 2/(2 + 3 − 2) = 2/3, and mean IU is 7/12.
#
# A class that never occurs is no part of a mean: neither as 0 nor as 1. If no pixel counts at all, every metric is NaN,
# which says "nothing was measured".

# %% nbgrader={"grade": false, "grade_id": "segmentation_metrics", "locked": false, "schema_version": 3, "solution": true, "task": false}
def segmentation_metrics(batches, num_classes):
    """As confusion_matrix -> a dict with pixel_accuracy, mean_accuracy, mean_iu and frequency_weighted_iu, floats."""
    ### BEGIN SOLUTION
    counts = confusion_matrix(batches, num_classes).astype(float)
    right, truth, guess = np.diag(counts), counts.sum(1), counts.sum(0)
    union = truth + guess - right
    with np.errstate(invalid="ignore"):
        accuracy, iu = right / truth, right / union
    total = truth.sum()
    if not total:
        return dict.fromkeys(("pixel_accuracy", "mean_accuracy", "mean_iu", "frequency_weighted_iu"), float("nan"))
    return {
        "pixel_accuracy": float(right.sum() / total),
        "mean_accuracy": float(accuracy[truth > 0].mean()),
        "mean_iu": float(iu[union > 0].mean()),
        "frequency_weighted_iu": float((truth * iu)[truth > 0].sum() / total),
    }
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check-segmentation_metrics", "locked": true, "points": 12, "schema_version": 3, "solution": false, "task": false}
lab.check(segmentation_metrics)

# %% [markdown]
# ## 8. Train it
#
# Nothing to write here: run it, and think. A small backbone with random, frozen weights is given; so are the optimizer
# (Adam) and the gradients of the linear steps. Your functions do the rest: `fcn8s` (or `fuse` and a last enlarging that
# is learned), `cross_entropy`, `cross_entropy_backward`, `segmentation_metrics`. A picture of 64x96 pixels is made: a
# disc, a bar lying down, a thin bar standing up. Can the network at least learn this one picture by heart?
#
# It takes some seconds. Before you run it, write down the first loss that will be printed. `run()` trains, and draws the
# picture with a `#` where a pixel is called wrongly. Without a notebook, type in the folder of this file:
#
#     python -i lab5_fcn.py
#     >>> run()

# %% nbgrader={"grade": false, "grade_id": "network", "locked": true, "schema_version": 3, "solution": false, "task": false}
def picture(H=64, W=96):
    """An image (3, H, W) with noise, and its labels (H, W): 0 ground, 1 a disc, 2 two bars."""
    i, j = np.ogrid[:H, :W]
    label = np.zeros((H, W), np.uint8)
    label[(i - 24) ** 2 + (j - 30) ** 2 < 15**2] = 1
    label[40:56, 50:90] = 2
    label[8:30, 66:72] = 2
    image = np.stack([label == 1, label == 2, np.broadcast_to(i / H, (H, W))]).astype(float)
    return image + 0.1 * np.random.default_rng(0).standard_normal(image.shape), label


def features(image, width=16):
    """Five stages of convolution, ReLU and 2x2 pooling with random weights; the last three maps, at 1/8, 1/16, 1/32."""
    generator, x, maps = np.random.default_rng(0), image, []
    for _ in range(5):
        weight = generator.standard_normal((width, len(x), 3, 3)) * np.sqrt(2 / (9 * len(x)))
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (1, 1), (1, 1))), (3, 3), (1, 2))
        x = np.maximum(np.einsum("chwkl,ockl->ohw", windows, weight), 0)
        x = x.reshape(width, x.shape[1] // 2, 2, x.shape[2] // 2, 2).max((2, 4))
        mean, deviation = x.mean((1, 2), keepdims=True), x.std((1, 2), keepdims=True)
        maps.append(np.concatenate([(x - mean) / (deviation + 1e-6), np.ones((1, *x.shape[1:]))]))
    return maps[2:]


def back(gradient, size, factor):
    """What a map of `size` receives when it was enlarged by tents: (N, C, H, W) -> (N, C, *size)."""
    down, right = (
        np.maximum(0, 1 - np.abs((np.arange(new)[:, None] + 0.5) / factor - 0.5 - np.arange(old)))
        for new, old in zip(gradient.shape[2:], size, strict=True)
    )
    return down.T @ gradient @ right


def last(score, kernel, size):
    """The last enlarging with a kernel (C, C, 16, 16) from every class to every class: (N, C, H, W) -> (N, C, *size)."""
    N, C, h, w = score.shape
    whole = np.zeros((N, C, 8 * h + 8, 8 * w + 8))
    for k, l in np.ndindex(2, 2):
        part = np.einsum("nchw,codf->nohdwf", score, kernel[:, :, 8 * k : 8 * k + 8, 8 * l : 8 * l + 8])
        whole[:, :, 8 * k : 8 * k + 8 * h, 8 * l : 8 * l + 8 * w] += part.reshape(N, C, 8 * h, 8 * w)
    return whole[:, :, 4 : 4 + size[0], 4 : 4 + size[1]]


def last_back(gradient, score, kernel):
    """What the score and the kernel of `last` receive."""
    (N, C, h, w), (H, W) = score.shape, gradient.shape[2:]
    whole = np.zeros((N, C, 8 * h + 8, 8 * w + 8))
    whole[:, :, 4 : 4 + H, 4 : 4 + W] = gradient
    to_score, to_kernel = np.zeros_like(score), np.zeros_like(kernel)
    for k, l in np.ndindex(2, 2):
        part = whole[:, :, 8 * k : 8 * k + 8 * h, 8 * l : 8 * l + 8 * w].reshape(N, C, h, 8, w, 8)
        taps = slice(None), slice(None), slice(8 * k, 8 * k + 8), slice(8 * l, 8 * l + 8)
        to_score += np.einsum("nohdwf,codf->nchw", part, kernel[taps])
        to_kernel[taps] = np.einsum("nchw,nohdwf->codf", score, part)
    return to_score, to_kernel


def train(image, label, learn_upsampling, steps=200, classes=3):
    """Learns one picture; gives the losses, and what the network calls each pixel at the end, (H, W)."""
    maps = [m[None] for m in features(image)]  # at 1/8, 1/16, 1/32
    learned = [np.zeros((classes, m.shape[1])) for m in maps]
    if learn_upsampling:
        learned.append(np.eye(classes)[:, :, None, None] * bilinear_kernel((16, 16)))
    first, second = [0 * w for w in learned], [0 * w for w in learned]
    target, losses = label[None], []
    for step in range(1, steps + 1):
        skip3, skip4, score = (np.einsum("oc,nchw->nohw", w, m) for w, m in zip(learned, maps, strict=False))
        if learn_upsampling:
            joined = fuse(stamps(score, bilinear_kernel((4, 4)), 2), skip4, 1)
            joined = fuse(stamps(joined, bilinear_kernel((4, 4)), 2), skip3, 1)
            made = last(joined, learned[3], label.shape)
        else:
            made = fcn8s(score, skip4, skip3, label.shape)
        losses.append(cross_entropy(made, target))
        gradient = cross_entropy_backward(made, target)
        if learn_upsampling:
            to3, *to_kernel = last_back(gradient, joined, learned[3])
        else:
            to3, to_kernel = back(gradient, skip3.shape[2:], 8), []
        to4 = back(to3, skip4.shape[2:], 2)
        to5 = back(to4, score.shape[2:], 2)
        received = [np.einsum("nohw,nchw->oc", g, m) for g, m in zip((to3, to4, to5), maps, strict=True)]
        for k, g in enumerate([*received, *to_kernel]):  # Adam
            first[k], second[k] = 0.9 * first[k] + 0.1 * g, 0.99 * second[k] + 0.01 * g**2
            scale = np.sqrt(second[k] / (1 - 0.99**step)) + 1e-8
            learned[k] = learned[k] - 0.05 * first[k] / (1 - 0.9**step) / scale
    return losses, made[0].argmax(0)


def drawing(label, prediction):
    """Lines of text, a letter for 2x2 pixels: `#` where one of them is called wrongly, else the class; 0 is a dot."""
    H, W = label.shape
    wrong = (label != prediction).reshape(H // 2, 2, W // 2, 2).any((1, 3))
    letters = np.where(wrong, "#", np.array([".", "1", "2"])[label[::2, ::2]])
    return "\n".join(map("".join, letters))


def run():
    """Trains with frozen tents and with learned upsampling, and shows what came of it."""
    image, label = picture()
    for learn_upsampling in (False, True):
        losses, prediction = train(image, label, learn_upsampling)
        mean_iu = segmentation_metrics([(prediction, label)], 3)["mean_iu"]
        kind = "learned upsampling" if learn_upsampling else "frozen tents"
        print(f"{kind}: loss {losses[0]:.4f} at first, {losses[-1]:.4f} after 200 steps; mean IU {mean_iu:.3f}")
        print(drawing(label, prediction))


# %%
run()

# %% [markdown]
# The first loss is log 3 = 1.0986, as every network with new, empty skips has it. One thing you may test besides, with
# `fcn8s` alone: a row of zeros above `score`, two above `skip4` and four above `skip3` move the result by 32 rows. To
# move it by 8 you would need a quarter of a row: even FCN-8s begins at a map that has one pixel for 32 of the image.
#
# ## 9. In words: 10 points
#
# The network with frozen tents does not reach mean IU 1 on the one picture that it has seen, however long it trains,
# and the other one does. Why? Where in the picture are the pixels that stay wrong? And what does it say about how good
# the first network will be on *other* pictures?

# %% [markdown] nbgrader={"grade": true, "grade_id": "upsampling", "locked": false, "points": 10, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# Between the centres of two score pixels, 8 image pixels apart, frozen tents can only draw straight lines. A border
# between two classes is where two such lines cross, so it can be placed finely, but it is nearly straight within a
# cell: corners, and bars thinner than a cell, cannot be drawn. The wrong pixels lie along the borders, at the corners
# of the bars and around the thin one. A learned kernel of 16x16 from every class to every class has a weight of its own
# for each of the 64 places within a cell, so each place can be told apart. It says nothing about other pictures:
# learning one picture by heart is a test of the code (is the gradient right, is nothing cropped wrongly), not of the
# network. On other pictures the tents cost only little, because most pixels are not at borders.
#
# Rubric: 3 points for what a tent can draw (straight lines between the centres of cells); 3 for where the wrong pixels
# are; 2 for why a learned kernel can do more (a weight for each place in a cell); 2 for: fitting one picture tests the
# code and says nothing about other pictures.
# ### END SOLUTION
