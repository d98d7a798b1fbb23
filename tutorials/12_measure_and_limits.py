# %% [markdown]
# # 12 Measure, limits, what came next
# ## 12 측정, 한계, 그리고 그 이후
#
# **Question.** Did it work? By which number, compared with what, and how sure can one be? And where does an FCN fail, not
# because it was trained too briefly, but because of how it is built?
#
# You will write the measure that the field agrees on, in six lines, and see three ways to get it wrong that stand in real
# code. You will lay the paper's tables beside our own, with three seeds each. You will measure what is lost at a border, in a
# thin object, and to a stride, even by a network that makes no mistake. And at the end two ideas that came next run in a few
# lines: one of them improves a trained network without a single new weight.
#
# *45 minutes. Before this: 11, build and train FCN-32s, 16s and 8s. After it: data of your own.*
# (Exercises marked ●●● are not counted.)
#
# From 11 you have three trained networks, FCN-32s, 16s and 8s, the words *trunk* and *stream*, and two things left open:
# what "mean IU" is, and how good a network can be at all.
#
# **요약.** 픽셀 정확도는 배경만 맞혀도 높게 나오므로, 분할에서는 클래스별 IU의 평균(mean IU)을 씁니다. 이 값은 전체 데이터의 혼동 행렬
# 하나에서 계산해야 하며, 이미지마다 평균 내거나 void를 클래스로 세면 다른 값이 됩니다. 논문의 표와 우리가 시드 세 개로 측정한 표를 나란히
# 놓고, 경계와 가는 물체에서 무엇이 사라지는지, 스트라이드가 정확도를 얼마나 제한하는지 측정합니다. 마지막으로 언풀링과 팽창 합성곱을 실행해 봅니다.

# %%
import numpy as np

from minifcn import Tensor, nn, no_grad, optim, plot
from minifcn import functional as F
from minifcn.data import Scenes, normalize
from minifcn.metrics import ConfusionMatrix, boundary_iu, coarsened, upper_bound
from minifcn.models.upsampling import BilinearUpsampling
from minifcn.plot.style import BLUE, ORANGE, QUIET, new_figure, picture_axes, styled
from minifcn.teaching import Ledger, Question, predict, quiz, seconds, yours
from minifcn.training import predictions, pretrained, pretrained_record

ledger = Ledger()

# %% [markdown]
# ## 1. Commit yourself
#
# An image of 4x4 pixels: twelve of background (0), and an object of 2x2 (1). A network finds three of the object's four
# pixels, and the background is right everywhere. Three numbers:
#
# - **pixel accuracy**: the share of pixels that are right;
# - the **IU of the object**, *intersection over union*: pixels that are the object in truth *and* prediction, divided by those
#   that are it in either;
# - **mean IU**: the mean of the IU of both classes.

# %% tags=["prediction"]
prediction = None  # three numbers of up to four digits, for example [0.5, 0.5, 0.5]

# %% [markdown]
# ## 2. Numbers that fit on paper
#
# 15 of 16 pixels are right: 0.9375. The object: 3 in both, 4 in either: 0.75. The background: 12 in both; it is predicted at 13
# places, one of them the hole: 12/13. The mean of 3/4 and 12/13 is 0.8365. One hole costs pixel accuracy 6 %, the object 25 %.

# %%
truth = np.zeros((4, 4), np.uint8)
truth[1:3, 1:3] = 1
hole = truth.copy()
hole[1, 1] = 0
plot.numbers(truth, hole, titles=["truth", "prediction, with a hole"])

# %% [markdown]
# Everything comes from one table, the **confusion matrix**: $n_{ij}$ is the number of pixels of true class $i$ that were predicted
# as class $j$. On its diagonal is what is right. A row sum is how many pixels a class has; a column sum is how often it was predicted.
#
# $$\text{IU}_i = \frac{n_{ii}}{\sum_j n_{ij} + \sum_j n_{ji} - n_{ii}}$$
#
# The union is row and column, and the diagonal, which is in both, taken away once. A class that is neither in the truth nor
# predicted has no IU (0/0), and does not count. Nor do pixels that are *void*, label 255: where nobody can say what is right, as
# along contours.
#
# **Yours to write** (10 minutes). `truth` and `prediction` are integer arrays of one shape. `np.bincount` counts how often each
# number occurs: which number would you give the pair $(i, j)$, so that pairs become numbers from 0 to $C^2 - 1$? (A mask is often
# `uint8`, which ends at 255; with 21 classes the numbers run to 440.)

# %% tags=["exercise"]
def my_mean_iu(truth, prediction, classes):
    """The mean over the classes that truth or prediction has; where truth is 255 is void."""
    ...

# %% tags=["solution", "hide-input"]
def counted(truth, prediction, classes):
    """The confusion matrix (C, C)."""
    known = truth != 255
    pairs = classes * truth[known].astype(int) + prediction[known]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def mean_iu_solution(truth, prediction, classes):
    n = counted(truth, prediction, classes)
    right, union = n.diagonal(), n.sum(0) + n.sum(1) - n.diagonal()
    return (right[union > 0] / union[union > 0]).mean()

# %%
rng = np.random.default_rng(0)
with_void = rng.integers(0, 4, (6, 7))
with_void[2] = 255
guess = rng.integers(0, 5, (6, 7))
trials = (truth, hole, 2), (truth, hole, 5), (with_void, guess, 5), (20 * truth, 20 * hole, 21)
mean_iu = yours(my_mean_iu, mean_iu_solution, *trials)
paper = [(truth == hole).mean(), 3 / 4, mean_iu(truth, hole, 2)]
print([float(round(number, 4)) for number in paper])
try:
    rounded = prediction if prediction is None else np.round(prediction, 4)
except (TypeError, ValueError):
    rounded = prediction  # no numbers: `predict` says so
predict(rounded, np.round(paper, 4), "the answer")

# %% [markdown]
# And a lazy network: all is background. Of a picture that is three quarters background (as the pictures of PASCAL VOC are, on average), it gets 75 %
# of the pixels right. That number alone would be a good mark. Its mean IU is $(0.75 + 0)/2 = 0.375$, and with 21 classes it is
# $0.75/21 = 0.036$. That is why the field reports mean IU.

# %%
quarter = np.zeros((4, 4), np.uint8)
quarter[:2, :2] = 1
lazy = np.zeros_like(quarter)
print((quarter == lazy).mean(), mean_iu(quarter, lazy, 2))
assert mean_iu(quarter, lazy, 2) == 0.375

# %% [markdown]
# Now the library's, which adds up over many images. The three networks of 11, on 60 scenes that none of them has seen:

# %%
networks = {stride: pretrained(f"fcn{stride}s-scenes") for stride in (32, 16, 8)}
card = networks[8][1]
scenes = Scenes(60, (96, 128), seed=0, split="test")
truths = np.stack([sample.label for sample in scenes])
found, matrices = {}, {}
for stride, (model, _) in networks.items():
    found[stride] = np.stack([label for _, label in predictions(model, scenes)])
    matrices[stride] = ConfusionMatrix(8)
    matrices[stride].update(found[stride], truths)
    ours = mean_iu(truths, found[stride], 8)
    assert np.isclose(ours, matrices[stride].mean_iu(), rtol=1e-12)
    accuracy = 100 * matrices[stride].pixel_accuracy()
    print(f"FCN-{stride}s: pixel accuracy {accuracy:.1f} %, mean IU {100 * ours:.1f} %")

# %% tags=["no-output"]
ratio = seconds(lambda: mean_iu(truths, found[8], 8)) / seconds(
    lambda: matrices[8].mean_iu()
)
print(
    f"counting takes {ratio:.0f} times as long as dividing; the library counts as you do"
)

# %% [markdown]
# ### Three wrong answers that stand in real code
#
# **The mean over images.** It is tempting to compute a mean IU for each image and to average those. It is another number. A class that
# an image does not have drops out there, and a single wrong pixel of it makes it a class with IU 0. A thing of 20 pixels weighs as
# much as one of 2000. Several libraries did this, and the papers' numbers cannot be compared with theirs.

# %%
ledger.misconception(
    "M18",
    "mean IU is the mean of the mean IU of the images",
    believed=lambda: np.mean(
        [mean_iu(t, p, 8) for t, p in zip(truths, found[8], strict=True)]
    ),
    found=lambda: mean_iu(truths, found[8], 8),
    instead="pixels are counted over the whole data set, and divided once.",
)

# %% [markdown]
# **Void as a class.** Masks say 255 for void, or in some data sets simply the next free number: in a common form of CamVid void is 11, and a network
# with 12 outputs takes it for a class, without any error. Then the lines along contours are *learnt*, and in the measure a twelfth IU
# joins the mean. Here: the void pixels counted as class 8, which a network that was trained properly never predicts.

# %%
ledger.misconception(
    "M16",
    "void may be one more class",
    believed=lambda: mean_iu(np.where(truths == 255, 8, truths), found[8], 9),
    found=lambda: mean_iu(truths, found[8], 8),
    instead="void pixels are left out of the loss and of every count.",
)

# %% [markdown]
# **A mask is no picture.** To fit the network's size, image and mask are resized, often by the same line. Images are resized
# bilinearly. But labels are names and no amounts: between background (0) and pole (6) bilinear finds 1.5 and 4.5, which
# round to a box (2) and a ring (4). Count the classes:

# %%
mask = np.zeros((1, 4), np.float32)
mask[0, 2:] = 6
wider = F.interpolate(Tensor(mask[None, None]), (1, 8), mode="bilinear").numpy()[0, 0]
nearest = F.interpolate(Tensor(mask[None, None]), (1, 8), mode="nearest").numpy()[0, 0]
plot.numbers(mask, wider, nearest, titles=["mask", "bilinear", "nearest"])

# %%
ledger.misconception(
    "M20",
    "a mask can be resized as its image is",
    believed=lambda: len(np.unique(mask)),
    found=lambda: len(np.unique(wider.round())),
    instead="masks take the nearest label: the mean of two labels is a third class.",
)

# %% [markdown]
# ## 3. The paper's tables, and ours
#
# The paper measured on PASCAL VOC 2011, in mean IU. *Which trunk?* FCN-32s with three trunks, trained on 1112 images. *Which stride?*
# VGG16, trained on the 8498 images of a larger set. These are **two tables**: FCN-32s with VGG16 has 56.0 in the first and 59.4 in the
# second. It is the same network; the data differ, for training and for testing.

# %%
trunk_table = {"AlexNet": 39.8, "VGG16": 56.0, "GoogLeNet": 42.5}
stride_table = {
    "32s, last layer only": 45.4,
    "FCN-32s": 59.4,
    "FCN-16s": 62.4,
    "FCN-8s": 62.7,
}
rows = list(stride_table.values())
print("steps:", *(f"{step:+.1f}" for step in np.diff(rows)))

# %% [markdown]
# Read the steps. "The more poolings are joined, the better" is what the article says (the review out of which these lessons grew; all that
# it claims stands in [claims.md](claims.md)), and the table agrees. But the gain *shrinks*: +3.0,
# then +0.3; the authors stopped there. And the largest step is another one: to train all layers and not the last alone is worth +14.0.
#
# Ours: the same three networks on generated scenes, each with three seeds. A seed sets the weights at the start, the scenes to learn
# from, and those to be tested on. So the spread says what chance alone does.

# %%
records = {stride: pretrained_record(f"fcn{stride}s-scenes") for stride in (32, 16, 8)}
reached = {
    s: [100 * e["test"]["mean_iu"] for e in record["seeds"]]
    for s, record in records.items()
}
print(
    f"{len(records[8]['seeds'])} seeds; of the first:",
    records[8]["command"].partition("minifcn")[2],
)
versions = records[8]["versions"]
print(
    f"one core of an {versions['processor']}, NumPy {versions['numpy']}, Python {versions['python']}"
)
for stride, scores in reached.items():
    each = " ".join(f"{score:.1f}" for score in scores)
    print(
        f"FCN-{stride:<3} {each}   mean {np.mean(scores):.1f}, spread {np.ptp(scores):.1f}"
    )

# %% tags=["hide-input"]
def tables():
    """The paper's mean IU beside ours; a dot is one seed."""
    with styled():
        figure = new_figure(7.4, 2.9, layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        names = ["FCN-32s", "FCN-16s", "FCN-8s"]
        for axes, title, colour, heights in (
            (
                left,
                "PASCAL VOC, VGG16 (the paper)",
                BLUE,
                [stride_table[name] for name in names],
            ),
            (
                right,
                "generated scenes, small (ours)",
                ORANGE,
                [np.mean(reached[s]) for s in (32, 16, 8)],
            ),
        ):
            axes.bar(names, heights, color=colour, width=0.55)
            for n, height in enumerate(heights):
                axes.text(
                    n,
                    height / 2,
                    f"{height:.1f}",
                    ha="center",
                    color="white",
                    weight="bold",
                )
            axes.set_title(title)
            axes.set_ylim(0, 100)
            axes.grid(axis="y")
        for n, stride in enumerate((32, 16, 8)):
            right.plot(
                [n] * len(reached[stride]),
                reached[stride],
                "o",
                color="black",
                markersize=3,
            )
        left.set_ylabel("mean IU in percent")
    return figure


tables()

# %% [markdown]
# The same order, for every seed: the dots of one bar lie much closer together than the bars. But what is +0.3 there is +15 here, and not
# because ours are better: scenes are full of poles and fences a few pixels wide, and the pictures of PASCAL VOC of cows and buses. *How
# much* a finer stream brings is a property of the data. Nor can 62.7 and our 80 be compared: the task is another one. (The first
# seed is what the package ships. It is the first, and happens to be the best of the three for each network: so quote the mean.)

# %%
in_order = [
    [stride_table[name] for name in ("FCN-32s", "FCN-16s", "FCN-8s")],
    *(list(scores) for scores in zip(*reached.values(), strict=True)),
]


def finer_is_better_by_less(runs):
    """The paper's row first, then ours, a row for each seed; coarse to fine."""
    paper, *ours = np.diff(np.array(runs), axis=1)  # what each step gains
    every_step_gains = min(paper) > 0 and np.min(ours) > 0
    ours_gain_more = bool((ours > paper).all())
    all_layers = stride_table["FCN-32s"] - stride_table["32s, last layer only"]
    return every_step_gains and ours_gain_more and paper[1] < paper[0] < all_layers


ledger.claim(
    "C15",
    "each stream that joins helps: +3.0 and +0.3 in the paper; more here, for every seed",
    finer_is_better_by_less,
    right=in_order,
    mistake=[run[::-1] for run in in_order],
    named="the same tables, read from fine to coarse",
)
assert max(trunk_table, key=trunk_table.get) == "VGG16"  # the best of three, in 2015

# %% [markdown]
# ## 4. What is taken for what
#
# The confusion matrix of FCN-8s on all 200 test scenes, as it was stored when it was trained. Which two classes are confused most?
# Guess before you look.

# %%
stored = np.array(records[8]["seeds"][0]["confusion"])
plot.confusion(stored, card.classes)

# %% [markdown]
# Background and cross: 12,591 pixels of a cross were taken for background, and 10,659 of the background for a cross. And in each row but
# the first, the largest number beside the diagonal stands under *background*: what is missed of an object is mostly
# not taken for another object, but for what is behind it. That points to contours. The three networks of above on one scene, FCN-32s
# first; red is wrong:

# %%
assert (stored[0, 5], stored[5, 0]) == (10659, 12591)
chosen = 3
plot.gallery(
    [scenes[chosen].image] * 3,
    [scenes[chosen].label] * 3,
    [found[stride][chosen] for stride in (32, 16, 8)],
    card.classes,
    card.palette,
)

# %% [markdown]
# ## 5. What a stride costs
#
# Assume a network that never makes a mistake, but decides only once for each block of $s$ x $s$ pixels: it gives a block the label that
# most of its pixels have. `coarsened(label, s)` is its answer, and `upper_bound(label, s)` its mean IU: the paper calls that an upper
# bound, and we shall see of what. Move the slider.

# %%
def label_maps(labels):
    """Label maps side by side, by title, in the colours of the classes."""
    coloured = [plot.colorize(label, card.palette) for label in labels.values()]
    return plot.images(*(each.transpose(2, 0, 1) for each in coloured), titles=list(labels))


def at_stride(n):
    label, s = truths[chosen], 2**n
    bound = upper_bound(label, s)
    return label_maps(
        {"truth": label, f"stride {s}: mean IU {bound:.3f}": coarsened(label, s)}
    )


by_stride = plot.Frames(at_stride, 6, "stride", still=3)
by_stride

# %%
by_stride.still()  # stride 8

# %% [markdown]
# Poles go first, then corners, then everything. Over all 60 scenes, beside what the networks reach:

# %%
bounds = {s: 100 * upper_bound(truths, s) for s in (1, 2, 4, 8, 16, 32)}
for s, bound in bounds.items():
    beside = (
        f"   FCN-{s}s reaches {100 * matrices[s].mean_iu():.1f}"
        if s in matrices
        else ""
    )
    print(f"stride {s:2}: {bound:5.1f}{beside}")

# %% [markdown]
# The networks *beat* the bound. How can that be? For two reasons. They do not give one label to a block: their scores are enlarged
# bilinearly, and where the scores of two classes cross, between two places, there is the contour, anywhere, not only at the edge of a
# block. And even for what decides block by block the majority is best for *pixel accuracy*, and not for mean IU. A rare class gains more by
# a block that is mostly something else than a frequent class loses. Try it: let three pixels of an object have as many votes as ten
# of background.

# %%
def outvoted(label, s, votes=0.3):
    """As `coarsened`, but a pixel of background (0) has so many votes, any other one."""
    N, H, W = label.shape
    blocks = label.reshape(N, H // s, s, W // s, s)
    counts = np.stack([(blocks == c).sum((2, 4)) for c in range(8)]) * 1.0
    counts[0] *= votes
    return counts.argmax(0).repeat(s, 1).repeat(s, 2).astype(np.uint8)


for way in (coarsened, outvoted):
    matrix = ConfusionMatrix(8)
    matrix.update(way(truths, 32), truths)
    accuracy, iu = 100 * matrix.pixel_accuracy(), 100 * matrix.mean_iu()
    print(f"stride 32, {way.__name__:9}: pixel accuracy {accuracy:.1f} %, mean IU {iu:.1f} %")

# %% [markdown]
# Less accuracy, more mean IU: at stride 32 nearly as much as FCN-32s has. So call it a yardstick: what the truth itself has when it is seen
# in blocks. (For PASCAL VOC the paper has 96.4 at stride 8, 92.8
# at 16 and 86.1 at 32: its objects are large. That the yardstick is at 96 and the network at 62.7 says that there most mistakes are
# mistakes of *what*; here they are mistakes of *where*.)
#
# **By hand, and a trap.** A disk of radius 20 in an image of 128x128, and a line three pixels wide. What is the IU of the *object* at stride 8? It
# depends on where the blocks begin, the *phase*:

# %%
rows, columns = np.ogrid[:128, :128]
disk = ((rows - 63.5) ** 2 + (columns - 63.5) ** 2 <= 20**2).astype(np.uint8)
line = np.zeros((128, 128), np.uint8)
line[:, 62:65] = 1


def object_iu(label, stride, phase=0):
    matrix = ConfusionMatrix(2)
    matrix.update(coarsened(label, stride, phase), label)
    return matrix.iu()[1]


for s in (2, 4, 8, 16, 32):
    of_disk, of_line = (
        [object_iu(label, s, phase) for phase in range(s)] for label in (disk, line)
    )
    print(
        f"stride {s:2}: disk {of_disk[0]:.3f} (by phase {min(of_disk):.3f} to {max(of_disk):.3f}), "
        f"line {of_line[0]:.3f} ({min(of_line):.3f} to {max(of_line):.3f})"
    )
strides = 2, 4, 8, 16, 32
disks = [0.963, 0.927, 0.776, 0.776, 0]
assert [round(object_iu(disk, s), 3) for s in strides] == disks
assert [round(object_iu(line, s), 3) for s in strides] == [0.75, 0.4, 0, 0, 0]

# %% [markdown]
# At stride 32 the same disk has anything from 0 to .776, depending on nothing but where it lies: whoever gives one number for "the bound at
# stride 32" has chosen a phase. The line is gone from stride 8 on, in every phase: three of eight columns are never the
# majority.
#
# ## 6. Borders, thin objects, holes
#
# A large object hides its contour: the IU counts its inside. The **boundary IU** counts only a band along the contours. Slide a disk over
# itself, pixel by pixel, and watch four measures of the same mistake:

# %% tags=["hide-input"]
def slid(n):
    moved = np.roll(disk, n, 1)
    matrix = ConfusionMatrix(2)
    matrix.update(moved, disk)
    measures = {
        "pixel accuracy": matrix.pixel_accuracy(),
        "mean IU": matrix.mean_iu(),
        "IU of the disk": matrix.iu()[1],
        "boundary IU": boundary_iu(moved, disk, 2, distance=2)[1],
    }
    with styled():
        figure = new_figure(6.4, 2.3)
        axes = picture_axes(figure, 0.1, 0.1, 1.75, 1.75)
        both = (disk + moved)[32:96, 32:96]
        axes.imshow(both, cmap="Greys", vmax=2.5, interpolation="nearest")
        axes.set_title(f"moved by {n}", fontsize=9)
        bars = figure.add_axes((0.5, 0.12, 0.4, 0.7))
        bars.barh(
            list(measures),
            list(measures.values()),
            color=[QUIET, BLUE, BLUE, ORANGE],
            height=0.55,
        )
        bars.set_xlim(0, 1)
        bars.invert_yaxis()
        for row, value in enumerate(measures.values()):
            bars.text(1.02, row, f"{value:.3f}", va="center")
    return figure


sliding = plot.Frames(slid, 9, "pixels", still=3)
sliding

# %%
sliding.still()  # three pixels

# %% [markdown]
# Three pixels off, and pixel accuracy still says 98 %. Now the networks. Beside the boundary IU: which share of pixels is wrong within two pixels
# of a contour, and which share farther inside a region? The second are what the article calls *holes*.

# %%
def near_a_contour(label, distance=2):
    """Where another label lies within so many steps up, down, left or right."""
    near = np.zeros(label.shape, bool)
    for axis in (-2, -1):
        for step in range(1, distance + 1):
            one = np.moveaxis(label, axis, 0)
            differs = np.moveaxis(near, axis, 0)
            differs[step:] |= one[step:] != one[:-step]
            differs[:-step] |= one[:-step] != one[step:]
    return near


band = near_a_contour(truths)
objects = (truths != 0) & (truths != 255)
print("          mean IU  boundary IU   wrong at contours   holes in objects   pole   disc")
measured = {}
for stride, label in found.items():
    wrong, iu = label != truths, matrices[stride].iu()
    boundary = np.nanmean(boundary_iu(label, truths, 8, distance=2))
    holes = wrong[objects & ~band].mean()
    measured[stride] = matrices[stride].mean_iu(), boundary, iu[6], iu[1]
    edge = wrong[band & (truths != 255)].mean()
    print(
        f"FCN-{stride:<4} {100 * measured[stride][0]:8.1f} {100 * boundary:12.1f} {100 * edge:17.1f} % "
        f"{100 * holes:16.1f} % {100 * iu[6]:8.1f} {100 * iu[1]:6.1f}"
    )

# %%
def what_is_lost(labels):
    """For every network: are contours worse than regions, poles than discs, and are there holes?"""
    lost = []
    for label in labels.values():
        matrix = ConfusionMatrix(8)
        matrix.update(label, truths)
        boundary = np.nanmean(boundary_iu(label, truths, 8, distance=2))
        wrong = label != truths
        contours = wrong[band & (truths != 255)].mean()
        holes = wrong[objects & ~band].mean()
        lost.append(boundary < matrix.mean_iu() and matrix.iu()[6] < matrix.iu()[1])
        lost.append(contours > holes > 0)
    return all(lost)


ledger.claim(
    "C16",
    "detail is lost, at contours and poles, and objects have holes, at every stride",
    what_is_lost,
    right=found,
    mistake={stride: np.where(truths == 255, 0, truths) for stride in found},
    named="labels without a mistake",
)

# %% [markdown]
# The article's two complaints, in numbers. *Fine detail is lost*: near a contour a pixel is wrong more often than inside (four times as often in FCN-8s), and the thin pole
# suffers most from the stride. *Objects have holes*: inside, an FCN-8s is wrong at one pixel in eighteen, an FCN-32s at one in three. Both grow
# with the stride. (At stride 32 more than a quarter of these pixels lie in objects that are missed as a whole,
# which is no hole *in* an object.) The article gives as a reason that only a part of the context is seen; that is one candidate, and these
# numbers do not
# show it: here a score sees 220 pixels, more than the image has.
#
# ## 7. What came next
#
# ### Remember where the maximum was
#
# DeconvNet and SegNet (2015) kept, at each pooling, *where* each maximum stood, and on the way back put the values there: **unpooling** (09).
# What is between is zero, and convolutions fill it in.

# %%
values = np.array(
    [
        [1.0, 5.0, 2.0, 0.0],
        [3.0, 4.0, 7.0, 6.0],
        [8.0, 0.0, 1.0, 1.0],
        [2.0, 2.0, 3.0, 9.0],
    ]
)
largest, where = F.max_pool2d(Tensor(values[None, None]), 2, return_indices=True)
back = F.max_unpool2d(largest, where, 2).numpy()[0, 0]
bilinear = F.interpolate(largest, (4, 4), mode="bilinear").numpy()[0, 0].round(1)
plot.numbers(
    values,
    largest.numpy()[0, 0],
    back,
    bilinear,
    titles=["before", "pooled", "unpooled", "bilinear instead"],
)

# %% [markdown]
# A network of that kind is a mirror: down with pooling, up with unpooling, and a convolution at each step. Does it draw what frozen tents cannot?
# The test of 11, one picture by heart in 100 steps, in which FCN-8s came to .93:

# %%
class Mirror(nn.Module):
    """Three stages down, three up, in the manner of DeconvNet."""

    def __init__(self, channels=(8, 16, 32), classes=8):
        rng = np.random.default_rng(0)

        def stage(before, after):
            layer = nn.Conv2d(before, after, 3, padding=1, bias=False, generator=rng)
            return nn.Sequential(layer, nn.BatchNorm2d(after), nn.ReLU())

        a, b, c = channels
        self.down = nn.ModuleList([stage(3, a), stage(a, b), stage(b, c)])
        self.up = nn.ModuleList([stage(c, b), stage(b, a), stage(a, a)])
        self.score = nn.Conv2d(a, classes, 1, generator=rng)

    def forward(self, x):
        remembered = []
        for stage in self.down:
            x = stage(x)
            size = x.shape[2:]
            x, where = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
            remembered.append((where, size))
        for stage in self.up:
            where, size = remembered.pop()
            x = stage(F.max_unpool2d(x, where, 2, output_size=size))
        return self.score(x)


learned = Scenes(480, (48, 64), seed=0)
only = learned[3]
only_image = Tensor(normalize(only.image, learned.mean, learned.std)[None])
mirror = Mirror()
optimizer = optim.Adam(mirror.parameters(), 0.02)
for _ in range(100):
    loss = F.cross_entropy(mirror(only_image), only.label[None])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with no_grad():
    by_heart = mirror(only_image).argmax(1).numpy()[0].astype(np.uint8)
print(
    f"mean IU {mean_iu(only.label, by_heart, 8):.2f}, "
    f"{sum(p.numel() for p in mirror.parameters()):,} parameters"
)
plot.gallery([only.image], [only.label], [by_heart], card.classes, card.palette)

# %% [markdown]
# To the last pixel. (That is a picture by heart and no proof that it does better on new ones; but it shows that *where* survives.)
#
# ### Do not throw it away: dilation
#
# The other idea begins at the other end. A pooling with stride 2 looks at every place and keeps every second. What if it kept them all? Then the next
# kernel of 3 would see neighbours that are too near. Unless its taps are spread apart by 2: **dilated** (à trous) convolution, and at the old
# places it finds exactly the old numbers. In whole numbers, with a stride against a dilation:

# %%
signal = rng.integers(-9, 10, (1, 1, 12, 12)).astype(float)
kernel = rng.integers(-3, 4, (1, 1, 3, 3)).astype(float)
strided = F.conv2d(Tensor(signal[:, :, ::2, ::2]), Tensor(kernel)).numpy()
dense = F.conv2d(Tensor(signal), Tensor(kernel), dilation=2).numpy()
print(f"strided {strided.shape[2:]}, dilated {dense.shape[2:]}")
plot.numbers(
    strided[0, 0], dense[0, 0], titles=["every second place", "all places, dilation 2"]
)

# %% [markdown]
# Find the left numbers among the right ones: rows and columns 0, 2, 4, 6. Nothing was learnt and no weight was added, and there are four times as many
# answers. So a *trained* FCN-32s must be able to do that, too. Its last pooling loses the stride, and the one kernel of 3x3 behind it, fc6, gets
# dilation 2. (1x1 convolutions have nothing to spread.)

# %%
coarse = networks[32][0]


def score_at_16(image):
    """The score map of the FCN-32s at every 16th pixel, with its own weights."""
    x = coarse.stage4(coarse.stage3(coarse.stage2(coarse.stage1(image))))
    for layer in coarse.stage5:
        x = (
            F.max_pool2d(x, 2, stride=1)
            if isinstance(layer, nn.MaxPool2d)
            else layer(x)
        )
    for layer in coarse.head:
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            x = F.conv2d(x, layer.weight, padding=2, dilation=2)
        else:
            x = layer(x)
    return coarse.score(x)


by_16 = BilinearUpsampling(8, 32, 16).requires_grad_(False)


def without_the_last_stride(image):
    return by_16(score_at_16(image))


def iu_of(way, count=40):
    """The mean IU of a way to compute scores."""
    matrix = ConfusionMatrix(8)
    for n in range(count):
        sample = scenes[n]
        image = Tensor(normalize(sample.image, card.mean, card.std)[None])
        matrix.update(way(image).argmax(1).numpy()[0].astype(np.uint8), sample.label)
    return matrix.mean_iu()


with no_grad():
    image = Tensor(normalize(scenes[chosen].image, card.mean, card.std)[None])
    old, new = coarse.streams(image)["score"].numpy(), score_at_16(image).numpy()
    assert np.allclose(new[:, :, ::2, ::2], old, atol=1e-4)
    before, after = iu_of(coarse), iu_of(without_the_last_stride)
print(
    f"score {old.shape[2:]} -> {new.shape[2:]}; "
    f"mean IU {100 * before:.1f} -> {100 * after:.1f}, and no weight learnt"
)

# %% [markdown]
# (No crop is needed: a window of the pooling begins at every place of pool4, so the centres lie at $16k + 15.5$, and the stamps of 32 begin at
# $16k$.)

# %%
ledger.claim(
    "C17",
    "dilated convolution is a stride removed: at the old places are the old numbers, exactly",
    lambda dilation: np.array_equal(
        F.conv2d(Tensor(signal), Tensor(kernel), dilation=dilation).numpy()[
            :, :, ::2, ::2
        ][:, :, :4, :4],
        strided,
    ),
    right=2,
    mistake=1,
    named="the stride removed, and the kernel left as it was",
)

# %% [markdown]
# DeepLab (2014 on) removed the last two strides this way, and later put several dilations side by side, so that one place is seen at several
# scales: **ASPP**, *atrous spatial pyramid pooling*. The price: four times as many places for each stride removed, and a pattern of holes if dilations of the same
# size follow one another, as then each place sees only every second (lesson 10's checkerboard, in another dress). ResNet (December 2015) made
# trunks deeper; U-Net (May 2015) put the channels of the skip *beside* those of the decoder, and did not add scores. What has stayed from FCN is
# what you have written in these twelve lessons: a network of convolutions that answers at every pixel, for every size, and streams that
# are joined where they lie over the same pixels.
#
# ## 8. Exercises
#
# ● is a matter of minutes, ●● takes a quarter of an hour; ●●● is for another day and not counted above.
#
# **By hand** (● 5 minutes). The confusion matrix is $\begin{pmatrix}50&10\\20&20\end{pmatrix}$. (a) Pixel accuracy? (b) The IU of each class?
# (c) Mean IU?
#
# <details><summary>Answers</summary>
#
# (a) 70 of 100. (b) $50/(60+70-50) = 0.625$ and $20/(40+30-20) = 0.4$. (c) 0.5125.
#
# </details>
#
# **Construct** (●● 15 minutes). Two predictions of one image: from the first to the second, pixel accuracy *rises* and mean IU *falls*.
#
# <details><summary>Answer</summary>
#
# A rare class decides. 100 pixels, 4 of them an object. The first finds all 4, and calls 8 pixels of background object as well: accuracy .92, IU
# $88/96$ and $4/12$, mean .625. The second finds nothing: accuracy .96, IU .96 and 0, mean .48.
#
# </details>

# %%
rare = np.zeros(100, int)
rare[:4] = 1
eager = rare.copy()
eager[4:12] = 1
nothing = np.zeros(100, int)
print(
    [
        (float((rare == p).mean()), round(float(mean_iu(rare, p, 2)), 3))
        for p in (eager, nothing)
    ]
)

# %% [markdown]
# **Think** (●●● 20 minutes). You have trained two networks once each, and one has 0.4 points more. What can you say? What would you need to say more?
# Look at the spread of our three seeds.
#
# <details><summary>Answer</summary>
#
# Nothing, if the spread of one network over seeds is larger than that. Train both with several seeds, the same for both, and look at the differences
# seed by seed: if all have one sign, it begins to mean something; with three seeds, chance alone does that in one case of four.
#
# </details>
#
# ## 9. Five questions

# %%
quiz(
    Question(
        "The mean IU of all background, where three quarters are background (2 classes)?",
        lambda: float(mean_iu(quarter, lazy, 2)),
        "(0.75 + 0) / 2, while 75 % of the pixels are right",
    ),
    Question(
        "Which row of the paper's table is the largest step above the row before it?",
        lambda: list(stride_table)[
            1 + int(np.diff(list(stride_table.values())).argmax())
        ],
        "from the last layer only to all layers: +14.0",
        choices=tuple(stride_table),
    ),
    Question(
        "From which stride on is a line of three pixels gone, in every phase?",
        lambda: next(
            s
            for s in (2, 4, 8, 16)
            if max(object_iu(line, s, phase) for phase in range(s)) == 0
        ),
        "three of eight columns are never the majority",
    ),
    Question(
        "Can a network beat what is called the upper bound of its stride?",
        lambda: any(100 * matrices[s].mean_iu() > bounds[s] for s in matrices),
        "bilinearly enlarged, a contour may lie inside a block; and the majority is not best for mean IU",
    ),
    Question(
        "How many new weights turn a score at 1/32 into one at 1/16, by dilation?",
        lambda: sum(p.numel() for p in by_16.parameters() if p.requires_grad),
        "the old ones, spread apart",
    ),
)

# %% [markdown]
# ## What was shown here

# %%
assert [claim.number for claim in ledger] == ["C15", "C16", "C17"]
assert [belief.number for belief in ledger.misconceptions] == ["M18", "M16", "M20"]
ledger
