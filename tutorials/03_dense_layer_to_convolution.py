# %% [markdown]
# # 03 From a dense layer to a convolution
# ## 03 완전 연결층에서 합성곱으로
#
# **Question.** A classifier says *what* an image shows, and takes images of one size only. How does it become a
# network that says *what is where*, in images of other sizes, without a single new weight?
#
# You will find that a dense layer is a convolution that never got the chance to move, turn one into the other by
# reshaping its weights, do so with a classifier that you train yourself, and see it find things in an image eighteen
# times as large as any that it was trained on. That is the first of the two ideas of FCN, the *fully convolutional
# network*; the second comes in 11.
#
# *45 minutes. Before this: 02, one matrix multiply. After it: 04, a convolution is a matrix.*
# (Exercises marked ●●● are not counted.)
#
# Some words. A *dense layer* (or fully connected layer) makes each of its results from all the numbers it is given,
# each with a weight of its own. A *map* (feature map) is what a convolution makes: channels of rows and columns. A
# *score* is the number that a classifier has for a class; the largest says which class it is.
#
# **요약.** 완전 연결층(dense layer)은 특징 맵과 크기가 같은 커널을 가진 합성곱입니다. 가중치를 (출력, 채널, 높이, 너비)로 모양만 바꾸면 같은
# 숫자가 나옵니다. 이렇게 바꾼 분류기는 더 큰 이미지 위를 미끄러지며 위치마다 점수를 내므로, 무엇이 있는지뿐 아니라 어디에 있는지도 알려 줍니다.
# VGG16의 fc6은 7x7 합성곱이, fc7은 1x1 합성곱이 됩니다. 입력 크기가 자유로워지지만, 보폭(stride)의 격자에 맞지 않는 크기에서는 가장자리 픽셀을
# 보지 못합니다.

# %%
import numpy as np

from minifcn import Tensor, models, nn, no_grad, optim, plot
from minifcn import functional as F
from minifcn.geometry import pixels_seen, receptive_field
from minifcn.teaching import Ledger, Question, predict, quiz, seconds, yours
from minifcn.testing import check

ledger = Ledger()
rng = np.random.default_rng(0)


def whole(shape):
    """Random whole numbers from -9 to 9."""
    return rng.integers(-9, 10, shape).astype(float)


# %% [markdown]
# ## 1. Commit yourself
#
# A dense layer takes a map of 2x2 and makes two numbers. Its weights are a table with a row for each result,
#
# $$A = \begin{pmatrix}1&10&100&1000\\1&-1&1&-1\end{pmatrix},$$
#
# and the map is *flattened* first: its pixels in one row, $(x_{00}, x_{01}, x_{10}, x_{11})$. Now the layer is laid
# over the image of 01, the pixels 0 to 11 in three rows of four, at all 2 by 3 places. The first row of $A$ gives the
# six numbers that you know by heart. **Which six does the second row give?**

# %% tags=["prediction"]
prediction = None  # two rows of three, for example [[1, 2, 3], [4, 5, 6]]

# %% [markdown]
# ## 2. Numbers that fit on paper
#
# At the first place lie the pixels 0, 1, 4, 5. The layer makes $0\cdot1 + 1\cdot10 + 4\cdot100 + 5\cdot1000 = 5410$
# and $0 - 1 + 4 - 5 = -2$. The first is what the kernel of 01 makes. It *is* the kernel of 01: write a row of $A$ in
# two rows of two, and you have a kernel. The second row of $A$ is the kernel $\begin{pmatrix}1&-1\\1&-1\end{pmatrix}$.

# %%
image = np.arange(12.0).reshape(3, 4)
A = np.array([[1.0, 10, 100, 1000], [1, -1, 1, -1]])
kernels = A.reshape(2, 1, 2, 2)
plot.slide(image, kernels)

# %%
plot.slide(image, kernels).still()  # the last frame, for viewers that take sliders away

# %%
maps = F.conv2d(Tensor(image[None, None]), Tensor(kernels)).numpy()[0]
predict(prediction, maps[1], "the second map")
for i, j in np.ndindex(2, 3):
    assert np.array_equal(A @ image[i : i + 2, j : j + 2].ravel(), maps[:, i, j])

# %% [markdown]
# (All $-2$: it takes the difference of each pixel and its right neighbour, twice, and that is $-1$ wherever one looks
# in this image.) So
#
# > **a dense layer is a convolution whose kernel is as large as the map. It has one place to stand.**
#
# The layer is the rows of weights of 02, times one column. Give it a larger map and there are more columns; nothing in
# the weights says how many. Move the slider: the image grows, the weights stay, and so do the results that were there.

# %%
digits = np.arange(30.0).reshape(5, 6) % 10
plot.growing(digits, A[0].reshape(2, 2))

# %%
plot.growing(digits, A[0].reshape(2, 2))[2]

# %% [markdown]
# ## 3. The order is everything
#
# **Yours to write** (5 minutes; it is one line). The weight of a dense layer is (O, C·h·w): it was fed with maps of C
# channels, flattened as NumPy does it, channel by channel, in each row by row. Make of it a weight of a convolution.


# %% tags=["exercise"]
def my_convolutionalise(weight, channels, size):
    """weight (O, C·h·w) of a dense layer, size (h, w) -> kernels (O, C, h, w)"""
    ...


# %% tags=["solution", "hide-input"]
def convolutionalise(weight, channels, size):
    return weight.reshape(len(weight), channels, *size)


# %%
trials = (A, 1, (2, 2)), (whole((3, 12)), 2, (2, 3))
convert = yours(my_convolutionalise, convolutionalise, *trials)
report = check(convolutionalise=convert, examples=15)
print(report)
assert report, "mend my_convolutionalise, or put ... back to go on with the solution"

# %% [markdown]
# One line, and three ways to have it wrong. All give the right shape.


# %%
def channels_last(weight, channels, size):
    """As if flattened pixel by pixel, all channels of a pixel together."""
    return weight.reshape(len(weight), *size, channels).transpose(0, 3, 1, 2)


def columns_first(weight, channels, size):
    """As if each channel were flattened column by column."""
    return weight.reshape(len(weight), channels, *size[::-1]).swapaxes(2, 3)


def kernels_turned(weight, channels, size):
    """Turned by 180°, as in mathematics, and not here (01)."""
    return weight.reshape(len(weight), channels, *size)[:, :, ::-1, ::-1]


numbered = np.arange(12.0)[None]  # 2 channels of 2x3, each weight numbered
ways = convert, channels_last, columns_first, kernels_turned
kept = [way(numbered, 2, (2, 3))[0].reshape(4, 3) for way in ways]
titles = ["right", "channels last", "columns first", "turned"]
plot.numbers(*kept, titles=titles)

# %% [markdown]
# (Each picture shows both channels, one below the other.) The first mistake is a real trap: some frameworks keep the
# channels of a pixel together, and flatten their maps in that order. Weights taken from there fit, and give nonsense.

# %%
weight, small = whole((5, 12)), whole((1, 2, 2, 3))
ledger.claim(
    "C2",
    "a dense layer is a convolution: the same weights, reshaped, give the same numbers",
    lambda way: np.array_equal(
        F.conv2d(Tensor(small), Tensor(way(weight, 2, (2, 3)))).numpy().ravel(),
        weight @ small.ravel(),
    ),
    right=convert,
    mistake=channels_last,
)

# %% [markdown]
# **The layers of VGG16**, a classifier of 2014 with three dense layers, which FCN is made from. Its last map has 512
# channels of 7x7 pixels. The first dense layer, fc6, has $512\cdot7\cdot7 = 25088$ inputs and 4096 results; it becomes
# a convolution with a kernel of **7x7**. Its results are a "map" of one pixel with 4096 channels. So the next layer,
# fc7, has a map of 1x1 before it, and becomes a convolution with a kernel of **1x1**; and so does the last. "Replace
# the dense layers by 1x1 convolutions" is how this is often told; it leaves out the first, which has more weights than
# all the rest of the network together.
#
# The library does it with a layer, bias included. Here is a narrow VGG head, with 8 channels in place of 512:

# %%
fc6, fc7 = nn.Linear(8 * 7 * 7, 16, generator=rng), nn.Linear(16, 3, generator=rng)
for layer in (fc6, fc7):
    layer.weight.data[:] = whole(layer.weight.shape)
    layer.bias.data[:] = whole(layer.bias.shape)
dense_head = nn.Sequential(nn.Flatten(), fc6, nn.ReLU(), fc7)
as_7x7, as_1x1 = nn.convolutionalise(fc6, 8, 7), nn.convolutionalise(fc7, 16, 1)
head = nn.Sequential(as_7x7, nn.ReLU(), as_1x1)
print(head)

pool5 = Tensor(whole((2, 8, 7, 7)).astype(np.float32))
with no_grad():
    assert np.array_equal(head(pool5).numpy().reshape(2, 3), dense_head(pool5).numpy())
    larger = head(Tensor(np.ones((1, 8, 12, 10), np.float32)))
print("of a map of 12 x 10 it makes one of", larger.shape[2:])

# %% [markdown]
# ## 4. What a dense layer loses, and a 1x1 convolution keeps
#
# A 1x1 convolution looks at one pixel at a time: all its channels, times a table of weights. It is the same little
# product of matrices at every pixel, so it needs no im2col (02).

# %%
x, w = whole((1, 3, 4, 5)), whole((2, 3))


def one_by_one(x):
    """(N, 3, H, W) -> (N, 2, H, W), with 6 weights"""
    return F.conv2d(Tensor(x), Tensor(w[:, :, None, None])).numpy()


by_pixels = np.zeros((1, 2, 4, 5))
for i, j in np.ndindex(4, 5):
    by_pixels[0, :, i, j] = w @ x[0, :, i, j]
assert np.array_equal(one_by_one(x), by_pixels)

# %% [markdown]
# Does it keep places? Shuffle the pixels of a map, each with all of its channels. The results of the 1x1 convolution
# are the same numbers, shuffled alike: each pixel took its result along. A dense layer has weights of its own for
# every place, and makes something else. (It *can* learn where something is. But it learns that for each place anew,
# and what it learnt of one is of no use at another.)

# %%
every = whole((2 * 20, 3 * 20))  # a dense layer with as many results as the map has


def dense(x):
    """(N, 3, 4, 5) -> (N, 2, 4, 5), with 2400 weights"""
    return (x.reshape(len(x), -1) @ every.T).reshape(len(x), 2, 4, 5)


order = rng.permutation(20)


def shuffled(x):
    """The pixels in another order, in all channels alike."""
    return x.reshape(*x.shape[:2], 20)[:, :, order].reshape(x.shape)


ledger.claim(
    "C3",
    "a 1x1 convolution keeps places: shuffle the pixels before or after, it is the same",
    lambda layer: np.array_equal(layer(shuffled(x)), shuffled(layer(x))),
    right=one_by_one,
    mistake=dense,
)
print(f"weights: {w.size} and {every.size}")

# %% [markdown]
# ## 5. A classifier that slides
#
# Now a whole classifier. It is given small pictures of 18x18 pixels, grey and noisy, and says what they show: a cross
# (1), a ring (2), or neither (0; this can also be one that is half outside).

# %%
away = np.abs(np.mgrid[-4:5, -4:5])  # how far from the middle, in rows and in columns
cross = (away.min(0) == 0).astype(float)
ring = (np.abs(np.hypot(*away) - 3.6) < 0.7).astype(float)


def scene(size, things):
    """Noise of `size`, and each thing (shape, row, column) with its middle there."""
    x = rng.normal(0, 0.25, size)
    for shape, i, j in things:
        x[i - 4 : i + 5, j - 4 : j + 5] += shape
    return x.astype(np.float32)


def example(kind):
    """18 x 18 pixels: 1 a cross, 2 a ring; 0 one of them half outside, or nothing."""
    shape = ring if kind == 2 or (kind == 0 and rng.random() < 0.5) else cross
    at = 19 + rng.integers(-2, 3, 2)
    if kind == 0:
        at[rng.integers(2)] += rng.choice([-1, 1]) * rng.integers(6, 12)
    things = [(shape, *at)] if kind or rng.random() < 0.6 else []
    return scene((38, 38), things)[10:28, 10:28]


labels = rng.integers(0, 3, 1500)
pictures = np.array([example(kind) for kind in labels])[:, None]  # (1500, 1, 18, 18)
chosen = np.concatenate([np.flatnonzero(labels == kind)[:2] for kind in range(3)])
plot.images(*pictures[chosen, 0], titles=[*"001122"], low=-0.5, high=1.5)

# %% [markdown]
# It has two convolutions of 3x3 without padding, each followed by a ReLU (what is negative becomes 0) and a max
# pooling (of each 2x2 pixels the largest), and then two dense layers. The sizes: $18 \to 16 \to 8 \to 6 \to 3$. So the
# first dense layer has $16\cdot3\cdot3 = 144$ inputs. How it is trained is for lesson 11; here it is enough that it
# becomes good.

# %%
seeded = np.random.default_rng(1)
features = nn.Sequential(
    nn.Conv2d(1, 8, 3, generator=seeded),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, generator=seeded),
    nn.ReLU(),
    nn.MaxPool2d(2),
)
first, second = nn.Linear(144, 24, generator=seeded), nn.Linear(24, 3, generator=seeded)
classifier = nn.Sequential(features, nn.Flatten(), first, nn.ReLU(), second)

optimizer = optim.Adam(classifier.parameters(), lr=3e-3)
for _ in range(250):
    chosen = rng.integers(0, len(labels), 64)
    loss = F.cross_entropy(classifier(Tensor(pictures[chosen])), labels[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


# %%
def scores_of(network, x):
    """What a network makes of an array, as an array."""
    with no_grad():
        return network(Tensor(x)).numpy()


unseen = rng.integers(0, 3, 200)
new = np.array([example(kind) for kind in unseen])[:, None]
right = (scores_of(classifier, new).argmax(1) == unseen).mean()
print("more than 95 of 100 new pictures are told right:", right > 0.95)
assert right > 0.95

# %% [markdown]
# **Now convert it.** The convolutions stay as they are. The first dense layer had a map of 16 channels, 3x3; the
# second a "map" of 24 channels, 1x1. No weight changes. Then show it a scene with four things in it, in a size that it
# has never seen, and remember that nobody ever told it where anything was.


# %%
def fully_convolutional(classifier):
    """The same weights, with the two dense layers as convolutions."""
    features, _, first, relu, second = (classifier[n] for n in range(5))
    first = nn.convolutionalise(first, 16, 3)
    second = nn.convolutionalise(second, 24, 1)
    return nn.Sequential(features, first, relu, second)


sliding = fully_convolutional(classifier)
things = [(cross, 16, 20), (ring, 44, 30), (cross, 42, 68), (ring, 15, 72)]
large = scene((66, 90), things)
scores = scores_of(sliding, large[None, None])[0]
print("the map of scores:", scores.shape)

# %%
best = scores.argmax(0)  # (13, 19): the class at each place; a place is 4 pixels wide
maps = [np.pad(np.kron(best == kind, np.ones((4, 4))), 7) for kind in (1, 2)]
titles = ["the scene: 66 x 90", "where it says cross", "where it says ring"]
plot.images((large + 0.4) / 1.6, *maps, titles=titles, high=1)

# %%
for shape, i, j in things:  # at the place whose window has it in the middle
    row, column = round((i - 8.5) / 4), round((j - 8.5) / 4)
    assert best[row, column] == (1 if shape is cross else 2)

# %% [markdown]
# It says where. (It is not perfect: of windows such as it was never shown, it may say anything. At each place it says
# what it would say of that window alone; no better, and no worse.)
#
# ### The same, window by window
#
# Is that so? The map has 13x19 places. Two poolings halve the map twice, so neighbouring places look at windows 4
# pixels apart: 4 is the stride of the whole network. Cut out all 247 windows of 18x18 pixels and give each to the old
# classifier. Cutting is im2col (02), with a kernel of 18. So that nothing is rounded, weights and pixels become whole
# numbers first.


# %%
def windows(x):
    """x (1, 1, H, W) -> every window of 18 x 18, 4 pixels apart, (number, 1, 18, 18)"""
    columns = F.unfold(Tensor(x), 18, stride=4).numpy()[0]  # (324, number)
    return columns.T.reshape(-1, 1, 18, 18)


classifier.double()
for parameter in classifier.parameters():
    parameter.data[:] = np.rint(8 * parameter.data)
sliding = fully_convolutional(classifier)
wholes = np.rint(8 * large[None, None].astype(float))

alone = scores_of(classifier, windows(wholes))  # (247, 3)
together = scores_of(sliding, wholes)[0].reshape(3, -1).T
print(f"{len(alone)} windows, {int((alone != together).any(1).sum())} of them differ")
assert np.array_equal(alone, together)

# %% [markdown]
# Not one. Two things follow. **Any part of the scene has its part of the map**: a crop whose upper left corner lies on
# the grid of 4 pixels gives a crop of the map. And **a scene that is moved by the stride has its map moved by one**.
#
# For that there must be no padding. A crop that is padded sees zeros where the scene has pixels, and near its border
# the scores are others. VGG16 pads every convolution by 1; so there both sentences hold only away from the border.


# %%
def padded(x):
    """The same weights, with a border of zeros around each map."""
    for convolution in (features[0], features[3]):
        x = F.conv2d(x, convolution.weight, convolution.bias, padding=1)
        x = F.max_pool2d(F.relu(x), 2)
    return sliding[1:](x)


crop = scores_of(sliding, wholes[:, :, 8:50, 20:66])
assert np.array_equal(crop, scores_of(sliding, wholes)[:, :, 2 : 2 + 7, 5 : 5 + 8])

ledger.claim(
    "C3",
    "a sliding classifier keeps places: the scene moved by the stride, its map by one",
    lambda network: np.array_equal(
        scores_of(network, wholes[:, :, 4:, 4:]),
        scores_of(network, wholes)[:, :, 1:, 1:],
    ),
    right=sliding,
    mistake=padded,
    named="the same weights with padding",
)

# %% [markdown]
# ## 6. What it saves
#
# Both ways gave the same numbers. But neighbouring windows share most of their pixels, and window by window the
# convolutions are computed anew for each. Count the multiplications of VGG16 on a square image: *window by window* is
# those for 224x224, times the number of places; *the whole image at once* computes each map once. (Each pooling halves
# the size, and fc6 needs a map of 7x7.)

# %%
STAGES = (64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)


def vgg16_multiplies(n):
    """(multiplications for an image of n x n, places of the score map)"""
    total, channels = 0, 3
    for stage in STAGES:
        for made in stage:
            total, channels = total + n * n * channels * made * 9, made
        n //= 2
    places = (n - 7 + 1) ** 2
    return total + places * (512 * 7 * 7 * 4096 + 4096 * 4096 + 4096 * 1000), places


one, _ = vgg16_multiplies(224)
print("size  places  by windows  at once   (billions)")
for n in (224, 256, 320, 448, 672, 1344):
    whole_image, places = vgg16_multiplies(n)
    ratio = f"{places * one / whole_image:4.1f} times"
    print(f"{n:4}  {places:6}  {places * one / 1e9:10.1f}  {whole_image / 1e9:7.1f}   {ratio}")

# %% [markdown]
# And in seconds, with our small one:

# %% tags=["no-output"]
by_windows = seconds(lambda: scores_of(classifier, windows(wholes)))
ratio = by_windows / seconds(lambda: scores_of(sliding, wholes))
print(f"window by window takes {ratio:.1f} times as long")

# %% [markdown]
# ## 7. Any size?
#
# Nothing in a convolution's weights says how large the image is (the slider above). In a dense layer everything does.
# So: which sizes do the two networks take, from 1 to 70 pixels?


# %%
def takes(network, size, channels=1):
    """Whether the network makes something of an image of this size."""
    try:
        scores_of(network, np.zeros((1, channels, *size)))
    except ValueError:
        return False
    return True


for name, network in {"dense layers": classifier, "convolutions": sliding}.items():
    taken = [n for n in range(1, 71) if takes(network, (n, n))]
    print(f"with {name}: {taken[0]} to {taken[-1]} pixels, {len(taken)} sizes")
of_map = [n for n in range(1, 71) if takes(classifier[1:], (n, n), 16)]
print("the dense layers alone take maps of", of_map)
assert of_map == [3]
for network, n in ((classifier, 40), (sliding, 12)):
    try:
        scores_of(network, np.zeros((1, 1, n, n)))
    except ValueError as error:
        print(f"{n} pixels: {error}")

# %% [markdown]
# Two surprises. The dense layers take *one* size of map, 3x3; but four sizes of image, 18 to 21, become that map, as
# pooling rounds down. And the sliding network does not take every size either: an image must hold one window. FCN
# removes that limit with padding: its network makes scores of every image from one pixel on, and of each size with the
# same weights.

# %%
fcn = models.FCN("small", 3, width=0.25, generator=np.random.default_rng(0))
fcn.eval().double()
sizes = [(n, n) for n in range(1, 71)] + [(375, 500)]  # the last as many photographs
ledger.claim(
    "C4",
    "convolutions take every size with one set of weights: 1 to 70 pixels, and 375 x 500",
    lambda network: all(takes(network, size, 3) for size in sizes),
    right=fcn,
    mistake=lambda x: classifier(x[:, :1]),
    named="the classifier with its dense layers",
)

# %% [markdown]
# ### It runs, but does it look?
#
# "Fully convolutional, so any size will do" is in many courses, right after "about the same as the dense layer". Both
# halves are wrong in an instructive way.
#
# *About the same.* Compare the two in float32, as one usually does, and the last digits differ; so one compares with a
# tolerance, and it stays at "about". But it is only that the products of the same sum are added in another order, and
# each addition rounds. With whole numbers nothing is rounded, and nothing differs.
#
# *Any size.* It runs. But a pooling of 2 that meets an odd number drops the last row, without a word. `pixels_seen`
# walks back from a place of the map to the pixels that it sees; the union over all places is all that is looked at:

# %%
layers = [(3, 1), (2, 2), (3, 1), (2, 2), (3, 1)]  # kernel and stride, where there are windows


def rows_seen(n):
    """How many rows of an image of n rows have a say in any score."""
    places = scores_of(sliding, np.zeros((1, 1, n, 18))).shape[2]
    return len(set().union(*(pixels_seen(layers, place, n) for place in range(places))))


for n in range(18, 24):
    print(f"{n} rows: {rows_seen(n)} are seen, {n - rows_seen(n)} are not")

painted = wholes[:, :, :21, :18].copy()
before = scores_of(sliding, painted)
painted[:, :, 18:] = 1000  # three rows of the brightest white
assert np.array_equal(scores_of(sliding, painted), before)


# %%
def apart(products):
    """How far apart two sums are: channel by channel, and pixel by pixel."""
    orders = products.ravel(), products.transpose(1, 2, 0).ravel()
    dense, kernel = (np.cumsum(numbers)[-1] for numbers in orders)  # one by one
    return abs(float(dense - kernel))


rounded = rng.normal(size=(16, 3, 3)).astype(np.float32)
exact = whole((16, 3, 3)).astype(np.float32)
ledger.misconception(
    "M15",
    "as a convolution a dense layer is only about the same, but any size of image works",
    believed=lambda: [apart(rounded) > 0, len(painted[0, 0])],
    found=lambda: [apart(exact) > 0, rows_seen(len(painted[0, 0]))],
    instead="it is exactly the same, and rows that the stride leaves over are not seen",
)

# %% [markdown]
# (In brackets: whether the two sums differ, 1 for yes; and how many of 21 rows are looked at.) With a stride of 32, as
# VGG16 and FCN have, up to 31 rows can go that way, and a result that should be as large as the image is not. Lesson
# 09 shows four remedies, and what each of them loses or invents.
#
# ## 8. How far it sees
#
# The window of the classifier is its picture: 18 pixels. For any network the question is: how many pixels along a side
# does one number of a map see? That is its *receptive field*, $r$. Walk from the image on. At first $r = 1$, and
# neighbours lie $j = 1$ pixel apart. A layer with a kernel of $k$ sees $k$ neighbours, of which each sees $r$ pixels,
# each $j$ further than the one before: $r + (k-1)\,j$ pixels in all. With its stride $s$ it takes every $s$-th, so
# neighbours now lie $j\,s$ apart:
#
# $$r \leftarrow r + (k-1)\,j, \qquad j \leftarrow j\,s.$$
#
# For ours: $1 \to 3 \to 4 \to 8 \to 10 \to 18$, with $j = 1, 1, 2, 2, 4$ in the five steps. The receptive field of the
# score *is* the picture that the classifier was made for.

# %%
assert (receptive_field(layers).size, receptive_field(layers).stride) == (18, 4)

# %% [markdown]
# ## 9. Exercises
#
# ● is a matter of minutes, ●● takes ten, ●●● is for another day and not counted above.
#
# **By hand** (● 5 minutes). (a) A dense layer makes 5 numbers of a map with 3 channels, 4x4. What is the shape of its
# weight, and of its kernels? What does it make of a map of 10x12? (b) How many weights has a 1x1 convolution from 64
# channels to 21, on a map of 10x12? And a dense layer with as many results, from the same map? (c) Which size of map
# has our sliding network for an image of 30x46?
#
# <details><summary>Answers</summary>
#
# (a) (5, 48) and (5, 3, 4, 4); 5 channels of 7x9. (b) $64\cdot21 = 1344$, on every map; $64\cdot120\cdot21\cdot120$,
# nearly twenty million, on this one only. (c) $\lfloor(30-18)/4\rfloor + 1 = 4$ by $\lfloor(46-18)/4\rfloor + 1 = 8$.
#
# </details>

# %% tags=["solution", "hide-input"]
assert convolutionalise(np.zeros((5, 48)), 3, (4, 4)).shape == (5, 3, 4, 4)
assert 64 * 120 * 21 * 120 == 19_353_600
assert scores_of(sliding, np.zeros((1, 1, 30, 46))).shape[2:] == (4, 8)

# %% [markdown]
# **Write** (●● 10 minutes). A calculator of receptive fields. `check` compares it with pixels that are lit up one by
# one.


# %% tags=["exercise"]
def my_receptive_field(layers):
    """layers: (kernel, stride), from the image on -> the pixels that a result sees"""
    ...


# %% tags=["solution", "hide-input"]
def field_of(layers):
    r, j = 1, 1
    for kernel, stride in layers:
        r, j = r + (kernel - 1) * j, j * stride
    return r


# %%
trials = ([(3, 1), (2, 2)],), ([(5, 3), (3, 1), (2, 2)],)
field = yours(my_receptive_field, field_of, *trials)
report = check(receptive_field=field, examples=15)
print(report)
assert report, "mend my_receptive_field, or put ... back to go on with the solution"

vgg, fields = [], []
for stage in STAGES:
    vgg += [(3, 1)] * len(stage) + [(2, 2)]
    fields.append(field(vgg))
fields.append(field([*vgg, (7, 1)]))
print("VGG16, after each pooling and after fc6:", fields)
assert fields == [6, 16, 44, 100, 212, 404]

# %% [markdown]
# A score of VGG16 sees 404 pixels along a side, and its pictures have 224: nearly half of each side of what fc6 sees
# is padding.
#
# **Break** (●●● 15 minutes). Write a wrong `convolutionalise` that is right for every map that is square, and one that
# is right for every map with one channel. Does `check` find both?
#
# <details><summary>Answer</summary>
#
# `weight.reshape(O, C, w, h)`, with rows and columns exchanged, is the same where h = w. `channels_last` from above is
# the same where there is one channel. `check` finds both, as its maps are rectangles with several channels.
#
# </details>


# %% tags=["solution", "hide-input"]
def right_for_squares(weight, channels, size):
    return weight.reshape(len(weight), channels, *size[::-1])


# %%
assert np.array_equal(right_for_squares(A, 1, (2, 2)), kernels)
assert np.array_equal(channels_last(A, 1, (2, 2)), kernels)
assert not check(convolutionalise=right_for_squares, examples=15)
assert not check(convolutionalise=channels_last, examples=15)

# %% [markdown]
# **Think** (●●● 15 minutes). Later classifiers (GoogLeNet, ResNet) have no fc6. They take the *mean* of each channel
# over the whole map, and one dense layer makes the scores of these means. Such a network takes images of any size.
# Does it keep places? Can it be made to?
#
# <details><summary>Answer</summary>
#
# It loses them: shuffle the pixels of the map, and the means are what they were. But the mean and the dense layer can
# change places, as both are linear: the scores are the mean of the map that the dense layer makes as a 1x1
# convolution. Leave out the mean, and you have a map of scores.
#
# </details>

# %% tags=["solution", "hide-input"]
x = whole((1, 3, 4, 4))  # 16 pixels, so that the mean is exact
by_means = w @ x[0].mean((1, 2))
assert np.array_equal(by_means, w @ x[0, :, ::-1].mean((1, 2)))  # turned upside down
assert np.array_equal(by_means, one_by_one(x)[0].mean((1, 2)))

# %% [markdown]
# ## 10. Five questions

# %%
quiz(
    Question(
        "Which kernel has fc6 of VGG16, made a convolution? (Its map: 512 x 7 x 7.)",
        lambda: nn.convolutionalise(fc6, 8, 7).kernel_size,
        "as large as the map that the dense layer had; only the later layers are 1x1",
        choices=((1, 1), (7, 7)),
    ),
    Question(
        "A dense layer for a 2x2 map slides on a map of 5x6. How many places are there?",
        lambda: len(F.unfold(Tensor(digits[None, None] * 1.0), 2).numpy()[0, 0]),
        "4 · 5: as a kernel of 2x2 has",
    ),
    Question(
        "Does the dense layer as a convolution give exactly the same scores?",
        lambda: np.array_equal(alone, together),
        "the same products, the same sums; in float32 perhaps in another order",
    ),
    Question(
        "How many of 23 rows does our sliding network look at?",
        lambda: rows_seen(23),
        "18 and once the stride of 4; the last row is left over",
    ),
    Question(
        "What does a 3x3 convolution add to the receptive field, after two poolings?",
        lambda: field_of([(2, 2), (2, 2), (3, 1)]) - field_of([(2, 2), (2, 2)]),
        "two steps of 4 pixels: (k − 1) · j",
    ),
)

# %% [markdown]
# ## What was shown here
#
# The scores lie 4 pixels apart here, and 32 in VGG16: a coarse map. Making it as large as the image again is what the
# next lessons prepare, and they begin with the matrix of a convolution.

# %%
assert [claim.number for claim in ledger] == ["C2", "C3", "C3", "C4"]
assert [found.number for found in ledger.misconceptions] == ["M15"]
ledger
