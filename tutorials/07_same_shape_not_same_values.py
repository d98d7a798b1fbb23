# %% [markdown]
# # 07 Same shape is not the same values
# ## 07 크기가 같다고 값까지 같은 것은 아니다
#
# **Question.** A convolution makes 2x2 of 3x3, and a transposed convolution makes 3x3 of 2x2. Do we get the image
# back? If not, what is lost, who could get it back, and is there a convolution for which the transpose *does* undo it?
#
# In 05 the transposed convolution was $C^T y$, and in 06 it gave back every size. Now we look at the values. You will
# find images that a convolution cannot see, the shortest image that explains a result, and the one way in which a
# transposed convolution and a *deconvolution* belong together: the first is one step of the second.
#
# *45 minutes. Before this: 06, size arithmetic. After it: 08, autograd and the gradient equivalence.*
# (Exercises marked ●●● are not counted.)
#
# You need a first course in linear algebra: the product of matrices, independence, dimension, and eigenvectors of a
# symmetric matrix. As before, $x$ is the large image, $y$ the small one, and $C$ the matrix of the convolution, $y =
# Cx$.
#
# **요약.** 전치 합성곱은 원래 이미지의 크기를 되돌려 주지만 값은 되돌려 주지 못합니다. 3x3 이미지의 픽셀은 아홉 개인데 합성곱 결과는 네
# 개뿐이므로, 합성곱이 전혀 보지 못하는 이미지(영공간)가 5차원이나 있습니다. 결과를 설명하는 이미지 가운데 가장 짧은 것은 유사역행렬이 주며, 전치
# 합성곱은 그 답을 찾아가는 첫걸음입니다. 커널이 서로 직교하고 보폭(stride)이 커널 크기와 같으면 전치 합성곱이 곧 역연산이 됩니다. 실제 디컨볼루션이
# 잡음과 싸워야 하는 까닭도 확인합니다.

# %%
import numpy as np

import minifcn
from minifcn import Tensor, plot
from minifcn import functional as F
from minifcn.teaching import Ledger, Question, predict, quiz, seconds, yours

ledger = Ledger()

# %% [markdown]
# ## 1. Commit yourself
#
# The image has the pixels 0 to 8, the kernel is $\begin{pmatrix}1&2\\3&4\end{pmatrix}$, and in 04 the convolution made
# $y = \begin{pmatrix}27&37\\57&67\end{pmatrix}$ of them. Now $y$ goes through the *transposed* convolution with the
# same kernel. **Which nine numbers come out?** Stamp them on paper, or guess.

# %% tags=["prediction"]
prediction = None  # for example [[0, 1, 2], [3, 4, 5], [6, 7, 8]]

# %% [markdown]
# ## 2. Numbers that fit on paper
#
# 27 stamps alone in the upper left corner: $27\cdot1 = 27$. To the right of it two stamps meet: $27\cdot2 + 37\cdot1 =
# 91$. In the middle all four do: $27\cdot4 + 37\cdot3 + 57\cdot2 + 67\cdot1 = 400$.

# %%
image, kernel = np.arange(9.0).reshape(3, 3), np.array([[1.0, 2.0], [3.0, 4.0]])


def convolve(x, w=kernel):
    """x (H, W), w (KH, KW) -> (OH, OW), by the library."""
    return F.conv2d(Tensor(x[None, None]), Tensor(w[None, None])).numpy()[0, 0]


def transposed(y, w=kernel):
    """y (OH, OW), w (KH, KW) -> (H, W), by the library."""
    made = F.conv_transpose2d(Tensor(y[None, None]), Tensor(w[None, None]))
    return made.numpy()[0, 0]


y = convolve(image)
z = transposed(y)
plot.stamps(y, kernel)

# %%
plot.numbers(image, y, z, titles=["x", "y = C x", "z = Cᵀ y"], signs=["→", "→"])

# %%
predict(prediction, z, "the result")
assert np.array_equal(y, [[27, 37], [57, 67]])
assert np.array_equal(z, [[27, 91, 74], [138, 400, 282], [171, 429, 268]])

# %% [markdown]
# The shape is back. The values are not, and no factor repairs it: the first pixel was 0 and is 27.
#
# Why do so many people expect the image? Because of a name. In some frameworks (Caffe, MXNet) this layer is called
# *Deconvolution*, and in signal processing that word means what it says: find the $x$ of which a convolution made $y$.
# The layer does not try to. PyTorch and TensorFlow call it *transposed*, which is what it is.

# %%
ledger.misconception(
    "M1",
    "a transposed convolution, or deconvolution, undoes the convolution",
    believed=lambda: image,
    found=lambda: transposed(convolve(image)),
    instead="it gives back the size; the values are CᵀC x",
)
ledger.claim(
    "C9",
    "a transposed convolution gives back the size of the image, but not its values",
    lambda back: back.shape == image.shape and not np.array_equal(back, image),
    right=z,
    mistake=image,
    named="what a deconvolution would have to give",
)

# %% [markdown]
# ### Three repairs that do not help
#
# Each of them sounds reasonable. Whether an image explains $y$ is easily found out: convolve it.

# %%
def mean_of_stamps(y):
    """Divided by the number of stamps that met."""
    return transposed(y) / transposed(np.ones_like(y), np.ones_like(kernel))


def divided(y):
    """Divided by the sum of the squared taps."""
    return transposed(y) / (kernel**2).sum()


def kernel_turned(y):
    """Stamped with the kernel turned by 180°, as if that were the way back."""
    return transposed(y, kernel[::-1, ::-1])


repairs = [mean_of_stamps, divided, kernel_turned]
plot.numbers(
    *(repair(y) for repair in repairs),
    titles=["a mean of stamps", "divided by 30", "kernel turned"],
)

# %%
print(f"{'y, as it should be':18}", y.ravel())
for repair in repairs:
    print(f"{repair.__name__:18}", convolve(repair(y)).ravel().round(1))
    assert not np.allclose(convolve(repair(y)), y)

# %% [markdown]
# ## 3. Two images, one result
#
# There is a reason why none *could* help. Look at the checkerboard $v$ of 1 and −1. Every window sees
# $1\cdot1 - 2\cdot1 - 3\cdot1 + 4\cdot1 = 0$, or the same with the other sign. This convolution **cannot see** $v$:
# $Cv = 0$. Then $C(x + tv) = Cx$ for every $t$. Move the slider: the image changes, $y$ does not.

# %%
hidden = np.array([[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0], [1.0, -1.0, 1.0]])


def with_hidden(n):
    x = image + (n - 4) * hidden
    y = convolve(x)
    titles = [f"x + ({n - 4}) v", "y", "z"]
    return plot.numbers(x, y, transposed(y), titles=titles, signs=["→", "→"])


plot.Frames(with_hidden, 9, "how much of v")

# %%
with_hidden(7)  # one of the frames, for viewers that take sliders away

# %%
ledger.claim(
    "C9",
    "no program can tell from y alone whether it was x or x plus the checkerboard",
    lambda see: np.array_equal(see(image), see(image + hidden)),
    right=convolve,
    mistake=lambda x: convolve(np.pad(x, 1)),
    named="the same convolution with padding 1, which has 16 results and sees it",
)

# %% [markdown]
# So nothing is wrong with the transposed convolution in particular. **The information is gone**: two images, one $y$,
# and whatever is computed from $y$ is the same for both.
#
# ### How many images does it not see?
#
# The images with $Cv = 0$ are the *null space* of $C$. Its dimension can be found without any theorem. One window gives
# one equation, here for the window whose last pixel is $v_{i+1,j+1}$:
#
# $$1\,v_{i,j} + 2\,v_{i,j+1} + 3\,v_{i+1,j} + 4\,v_{i+1,j+1} = 0$$
#
# Choose the first row and the first column as you like: 5 numbers. Then solve the first equation for $v_{1,1}$, the
# next for $v_{1,2}$, and so on: each window determines the one pixel that was not known yet. So five numbers are free,
# the other four follow, and the null space has **dimension 5**. For an image of $H\times W$ and a kernel of 2x2 it is
# $H + W - 1$ (as long as the last tap is not 0, since it is divided by).
#
# **Yours to write** (5 minutes): the image that is not seen, from its first row and its first column.

# %% tags=["exercise"]
def my_unseen(first_row, first_column, w):
    """The image with this first row and column that w (2, 2) cannot see."""
    ...


# %% tags=["solution", "hide-input"]
def unseen(first_row, first_column, w):
    v = np.zeros((len(first_column), len(first_row)))
    v[0], v[:, 0] = first_row, first_column
    for i, j in np.ndindex(v.shape[0] - 1, v.shape[1] - 1):
        known = w[0, 0] * v[i, j] + w[0, 1] * v[i, j + 1] + w[1, 0] * v[i + 1, j]
        v[i + 1, j + 1] = -known / w[1, 1]
    return v


# %%
trials = ([1, -1, 1], [1, -1, 1], kernel), ([0, 1, 2, 3], [0, 5, -1], kernel)
make = yours(my_unseen, unseen, *trials)
assert np.array_equal(make([1, -1, 1], [1, -1, 1], kernel), hidden)
wide = make([1, 2, 0, 4], [1, 3, -1], kernel)
print(wide, convolve(wide), sep="\n")
assert not convolve(wide).any()

# %% [markdown]
# Five unseen images in whole numbers, the checkerboard and four more. They are independent: let a sum of multiples of
# them be 0. Only the checkerboard has something in the middle of the image, so its multiple is 0. Of the others each
# has the middle of one side for itself (−3, −2, −2, −12), so theirs are 0, too.

# %%
column, row = np.array([9.0, -3.0, 1.0]), np.array([4.0, -2.0, 1.0])
five = [hidden, *np.zeros((4, 3, 3))]
five[1][:, 0], five[2][:, 2], five[3][0], five[4][2] = column, row, row, [16, -12, 9]
plot.numbers(*five, titles=["1st", "2nd", "3rd", "4th", "5th"])

# %%
def matrix(w, size, **geometry):
    """C, as in 04; w (KH, KW) or (O, channels, KH, KW)."""
    weight = Tensor(w if w.ndim == 4 else w[None, None])
    return np.asarray(minifcn.convolution_matrix(weight, size, **geometry))


C = matrix(kernel, (3, 3))  # 4 x 9
basis = np.array(five).reshape(5, 9)
assert not (C @ basis.T).any()
print("independent among the five:", np.linalg.matrix_rank(basis))
print("independent rows of C:     ", np.linalg.matrix_rank(C))

# %% [markdown]
# Nine pixels, five of them free: the other $9 - 5 = 4$ dimensions are what $C$ sees. So its four rows are independent,
# and **every** $y$ is the result of some image. (Exercise ●●● shows it for all kernels and strides.)
#
# ## 4. The shortest image
#
# Infinitely many images explain $y$. Which one shall we take? The *shortest*, the one with the smallest sum of squares
# $|x|^2$: it contains nothing that $y$ does not ask for. It can be found in three steps.
#
# **A right angle.** Images of the form $C^T a$, that is, transposed convolutions, stand at right angles to all that is
# not seen: if $Cv = 0$, then $\langle C^T a, v\rangle = \langle a, Cv\rangle = 0$. (That is the adjoint of 05.)
#
# **Which of them explains y?** $C(C^T a) = y$ is four equations for the four numbers $a$. The matrix $CC^T$ can be
# inverted: if $CC^T a = 0$, then $0 = \langle a, CC^T a\rangle = |C^T a|^2$, so $C^T a = 0$, a sum of the independent
# rows of $C$; so $a = 0$. Hence $x^+ = C^T (CC^T)^{-1} y$.
#
# **Why is it the shortest?** Let $x$ be another image with $Cx = y$. The difference $v = x - x^+$ is not seen, so it
# is at right angles to $x^+$, and Pythagoras says $|x|^2 = |x^+|^2 + |v|^2 \ge |x^+|^2$.
#
# The matrix $C^T(CC^T)^{-1}$ is the *pseudo-inverse* of $C$. Read it from the right: it does end with a transposed
# convolution. But it does not stamp $y$. It first finds out **how hard to stamp** so that the sum, with all its
# overlaps, comes out right.
#
# **Yours to write** (3 minutes; one line is enough). `np.linalg.solve(A, b)` solves $A a = b$.

# %% tags=["exercise"]
def my_shortest(C, y):
    """The shortest x with C x = y; C has independent rows, y is a vector."""
    ...


# %% tags=["solution", "hide-input"]
def shortest(C, y):
    return C.T @ np.linalg.solve(C @ C.T, y)


# %%
find = yours(my_shortest, shortest, (C, y.ravel()), (C, np.array([1.0, 0, -2, 5])))
x_plus = find(C, y.ravel()).reshape(3, 3)
titles = ["x", "z = Cᵀ y", "the shortest, x⁺", "C x⁺"]
plot.numbers(image, z, x_plus, convolve(x_plus), titles=titles)

# %%
ledger.claim(
    "C9",
    "the pseudo-inverse recovers what can be recovered: an image that gives y again",
    lambda way: np.allclose(C @ way(C, y.ravel()), y.ravel()),
    right=find,
    mistake=lambda C, y: C.T @ y,
    named="the transposed convolution",
)

# %% [markdown]
# Is that $y$ exactly, or only nearly? $CC^T$ has whole numbers, so with its determinant $D$ the matrix $D\,(CC^T)^{-1}$
# has whole numbers, too (Cramer's rule), and everything can be tried without rounding:

# %%
G = C @ C.T  # the overlaps of the four stamps
D = round(np.linalg.det(G))
adjugate = np.rint(D * np.linalg.inv(G))
assert np.array_equal(G @ adjugate, D * np.eye(4))  # exact: this is D times the inverse

shown = C.T @ adjugate @ y.ravel()  # D times the shortest image, in whole numbers
unshown = D * image.ravel() - shown  # D times what was not seen of the image
print(G.astype(int), f"D = {D}", sep="\n")
assert np.array_equal(C @ shown, D * y.ravel()) and shown @ unshown == 0
print("|x|²           ", (image**2).sum())
print("of the shortest", (shown @ shown / D**2).round(2))
print("of the unseen  ", (unshown @ unshown / D**2).round(2))

# %% [markdown]
# And where the rows are *not* independent? Then some $y$ come from no image at all, and not even the pseudo-inverse
# finds one. It is easily made: with a kernel of 1x1 and padding 1 the border of the result is always 0.

# %%
ringed = matrix(np.ones((1, 1)), (2, 2), padding=1)
asked = np.ones(16)  # for sixteen ones; what comes is
print((ringed @ np.linalg.pinv(ringed) @ asked).reshape(4, 4).round(9))

# %% [markdown]
# ## 5. Four patterns, four gains
#
# What exactly does $C^T C$ do to an image, then? Let $u$ be an eigenvector of the symmetric matrix $CC^T$, of length
# 1, with eigenvalue $\sigma^2$ (not negative: $\sigma^2 = \langle u, CC^Tu\rangle = |C^Tu|^2$). Put $p = C^T
# u/\sigma$. It is an image of length 1, and
#
# $$C p = \tfrac1\sigma\,CC^T u = \sigma u, \qquad C^T u = \sigma p, \qquad C^T C\, p = \sigma^2 p.$$
#
# So the convolution turns the *pattern* $p$ into $u$, multiplied by $\sigma$, its *singular value*; the transpose
# turns $u$ into $p$ again, and **multiplies by σ once more** where a way back would divide. There are four such
# patterns, at right angles to one another (as the $u$ are: $\langle p, p'\rangle = \langle u,
# CC^Tu'\rangle/\sigma\sigma' = 0$), and five unseen ones with gain 0.

# %%
squares, U = np.linalg.eigh(G)
squares, U = squares[::-1], U[:, ::-1]  # the largest first
sigma = np.sqrt(squares)
patterns = (C.T @ U / sigma).T  # (4, 9)
patterns *= np.sign(patterns[np.arange(4), np.abs(patterns).argmax(1)])[:, None]
print("σ  =", sigma.round(3))
print("σ² =", squares.round(2))
assert np.isclose(squares.sum(), np.trace(G))  # 4 · 30: each kernel has the length √30
hundredths = np.rint(100 * patterns).reshape(4, 3, 3)
plot.numbers(*hundredths, titles=[f"σ = {s:.3f}" for s in sigma])  # in hundredths

# %%
part = patterns @ image.ravel()  # how much of each pattern is in the image
print("of each pattern  x has", part.round(2))
print("                 z has", (patterns @ z.ravel()).round(2))
print("                x⁺ has", (patterns @ x_plus.ravel()).round(2))
goes_by_squares = np.allclose(patterns @ z.ravel(), squares * part)
assert goes_by_squares
assert np.allclose(patterns @ x_plus.ravel(), part)

# %% [markdown]
# There is the whole difference. The way there multiplies by $\sigma$. A *deconvolution* divides by $\sigma$ on the way
# back; the *transpose* multiplies by $\sigma$ again. It would be the same if all $\sigma$ were 1. What was not seen is
# gone in both.
#
# ## 6. The transposed convolution is one step of the way
#
# For a real photograph $C$ is too large to be written down. But one can start with nothing and mend: look at what is
# still missing, $y - Cx$, and stamp a little of it.
#
# $$x_0 = 0, \qquad x_{n+1} = x_n + \eta\; C^T (y - C x_n)$$
#
# A convolution and a transposed convolution in each step; no matrix. **Why does it get there?** Write $x_n$ in
# patterns. All stamps are of the form $C^T a$, so nothing unseen is ever put in. If $e$ is what is missing of a
# pattern to $x^+$, the step (in which $y$ is $Cx^+$) adds $\eta\sigma^2 e$, and $(1 - \eta\sigma^2)\,e$ is missing
# afterwards. It shrinks if $0 < \eta\sigma^2 < 2$. The largest $\sigma^2$ is 60, so $\eta = 1/40$ will do; the slowest
# pattern shrinks by $1 - 10/40 = 3/4$ in each step. The limit is $x^+$.

# %%
def mend(y, w, steps, eta):
    """x after 0, 1, ..., `steps` steps, by convolutions alone."""
    x = [np.zeros([n + k - 1 for n, k in zip(y.shape, w.shape, strict=True)])]
    for _ in range(steps):
        x.append(x[-1] + eta * transposed(y - convolve(x[-1], w), w))
    return x


way = mend(y, kernel, steps=24, eta=1 / 40)


def after(n):
    titles = [f"x, step {n}", "C x", "y"]
    return plot.numbers(way[n], convolve(way[n]), y, titles=titles, signs=["→", ""])


plot.Frames(after, 25, "steps")

# %%
after(1)

# %%
assert np.array_equal(way[1], 1 / 40 * z)
assert np.abs(way[-1] - x_plus).max() < 1e-3
for n in (1, 2, 6, 12, 24):
    print(f"after {n:2} steps x is off by at most {np.abs(way[n] - x_plus).max():.4f}")

# %% [markdown]
# The first step, $\eta\,C^T y$, **is** the transposed convolution. It points the right way, and it is only the
# beginning of a deconvolution.
#
# For how large an image does it pay to have no matrix? Time and memory on your machine, for as few as 16x16 pixels:

# %% tags=["no-output"]
picture = np.random.default_rng(0).integers(0, 256, (16, 16)).astype(float)
seen = convolve(picture)
dense = matrix(kernel, picture.shape)
by_matrix = seconds(lambda: np.linalg.pinv(dense) @ seen.ravel(), repeats=2)
one_step = seconds(lambda: mend(seen, kernel, 1, 1 / 100))
print(f"the pseudo-inverse takes as long as {by_matrix / one_step:.0f} steps")
print(f"the matrix has {dense.nbytes / seen.nbytes:.0f} times the bytes of y")

# %% [markdown]
# ## 7. When the transpose is the inverse
#
# $C^T C = I$ is possible. Let the windows not overlap: stride $s$ = kernel $k$. Then each window has $k^2$ pixels to
# itself (one channel), and its results are $K$ times these pixels, where the rows of $K$ are the kernels. Sorted by
# windows, $C$ is nothing but $K$ again and again along the diagonal. So $C^TC = I$ just if $K^T K = I$. An $O\times
# k^2$ matrix with that property has independent columns, so $O \ge k^2$; with $O = k^2$ it is square, $K^T$ is its
# inverse, and $KK^T = I$, too: the kernels are of length 1 and at right angles. (With several channels in, $k^2$
# becomes channels times $k^2$.)
#
# For $k = 2$: sum, difference from left to right, difference downwards, difference across. (The *Haar* kernels, here
# without their factor ½ each, so that all numbers stay whole; there and back that makes a factor of 4.)

# %%
K = np.array([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
haar = K.reshape(4, 1, 2, 2)
assert np.array_equal(K.T @ K, 4 * np.eye(4))
small = np.array([[5.0, 3, 0, 0], [1, 7, 0, 8], [2, 2, 6, 6], [2, 2, 1, 1]])


def there_and_back(kernels):
    """Stride 2 there, the transpose back, divided by 4."""
    w = Tensor(kernels)
    there = F.conv2d(Tensor(small[None, None]), w, stride=2)
    return F.conv_transpose2d(there, w, stride=2).numpy()[0, 0] / 4


maps = F.conv2d(Tensor(small[None, None]), Tensor(haar), stride=2).numpy()[0]
plot.numbers(small, *maps, titles=["x", "sum", "left−right", "up−down", "across"])

# %%
ledger.claim(
    "C9",
    "with stride 2 and four orthogonal kernels the transpose does give the image back",
    lambda kernels: np.array_equal(there_and_back(kernels), small),
    right=haar,
    mistake=haar[:3],
    named="three of the four kernels",
)
plot.numbers(
    *(there_and_back(haar[:n]) for n in (4, 3, 1)),
    titles=["four kernels", "three kernels", "one kernel"],
)

# %% [markdown]
# With fewer kernels $C^TC = I$ is impossible, but $CC^T = I$ still holds (up to the factor), and then the
# pseudo-inverse $C^T(CC^T)^{-1}$ *is* $C^T$: the best that can be done. In the picture on the right each block of 2x2
# has become its mean.
#
# ## 8. What a real deconvolution fights with
#
# Suppose nothing is lost: stride 1 and padding 1, as many results as pixels, and a $C$ that can be inverted. The
# kernel is the blur $\frac1{16}\begin{pmatrix}1&2&1\\2&4&2\\1&2&1\end{pmatrix}$, and the result is rounded to whole
# numbers, as a file of an image has them.

# %%
letter = np.full((16, 16), 40.0)
letter[2:14, 3:6] = letter[2:5, 3:13] = letter[7:10, 3:11] = 220
blur = np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 1.0]) / 16
B = matrix(blur, letter.shape, padding=1)  # 256 x 256
blurred = B @ letter.ravel()
rounded = np.rint(blurred)
inverted = [np.linalg.solve(B, seen) for seen in (blurred, rounded)]


def error(x):
    """By how much x is off: the root of the mean square, in steps of grey."""
    return np.sqrt(np.mean((x.ravel() - letter.ravel()) ** 2))


plot.images(
    letter, *(each.reshape(16, 16) for each in (rounded, *inverted)),
    titles=["x", "y, rounded", "C⁻¹ y", "C⁻¹ of y, rounded"],
    notes=["", *(f"off by {error(each):.1f}" for each in (rounded, *inverted))],
)  # fmt: skip

# %% [markdown]
# The rounding changed no pixel by more than ½, yet of the letter a checkerboard is left. The singular values say why:
# what has gain $\sigma$ on the way there is divided by $\sigma$ on the way back, **and so is the noise**. The finest
# pattern, the checkerboard, has the smallest gain: nearly nothing of it had come through. (The ratio of the largest
# gain to the smallest, the *condition number*, tells what to expect.)

# %%
gains = np.linalg.svd(B, compute_uv=False)
print(f"gains from {gains[0]:.3f} to {gains[-1]:.2e}")
print(f"an error can grow {1 / gains[-1]:,.0f}-fold")
before = np.sqrt(np.mean((rounded - blurred) ** 2))
print(f"the rounding was off by {before:.2f}")
print(f"the inverse is off by {error(inverted[1]):.0f}")

# %% [markdown]
# **A compromise.** Do not ask for $Cx = y$ exactly, but for a small $|Cx - y|^2 + \lambda|x|^2$: explain the data, and
# be short. Its gradient is $2C^T(Cx - y) + 2\lambda x$; where it is zero,
#
# $$x_\lambda = (C^TC + \lambda I)^{-1}\, C^T y.$$
#
# (For $\lambda > 0$ that matrix can be inverted: $\langle x, (C^TC + \lambda I)x\rangle = |Cx|^2 + \lambda|x|^2 > 0$
# unless $x = 0$. And it is the smallest value, not only a flat place, as the sum of squares curves upwards in every
# direction.) A pattern of $y$ that the inverse would divide by $\sigma$ is multiplied by $\sigma/(\sigma^2+\lambda)$:
# nearly $1/\sigma$ where $\sigma^2$ is far above $\lambda$, and nearly $\sigma/\lambda$ where it is far below. That is
# the transpose again, but for the factor. So λ leads from the inverse ($\lambda = 0$) to the **transposed
# convolution** ($\lambda\to\infty$), and the best answer lies in between. (*Tikhonov* regularisation. The *Wiener
# filter* does the same with a λ of its own for each pattern: how strong the noise is there, compared with the image.)
#
# **Yours to write** (3 minutes, one line again).

# %% tags=["exercise"]
def my_compromise(C, y, strength):
    """The x with the smallest |C x − y|² + strength · |x|²."""
    ...


# %% tags=["solution", "hide-input"]
def compromise(C, y, strength):
    return np.linalg.solve(C.T @ C + strength * np.eye(C.shape[1]), C.T @ y)


# %%
settle = yours(my_compromise, compromise, (C, y.ravel(), 0.5), (B, rounded, 1e-3))
strengths = [0.0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]
answers = [settle(B, rounded, strength).reshape(16, 16) for strength in strengths]


def with_strength(n):
    shown = letter, rounded.reshape(16, 16), answers[n]
    titles = ["x", "y, rounded", f"λ = {strengths[n]:g}"]
    notes = ["", *(f"off by {error(each):.1f}" for each in shown[1:])]
    return plot.images(*shown, titles=titles, notes=notes)


plot.Frames(with_strength, len(strengths), "strength")

# %%
with_strength(4)

# %%
best = min(range(len(strengths)), key=lambda n: error(answers[n]))
print(f"the best of these: λ = {strengths[best]:g}, off by {error(answers[best]):.1f}")
assert 0 < best < len(strengths) - 1  # neither the inverse nor the transpose
far_out = 1e9 * settle(B, rounded, 1e9)
assert np.allclose(far_out, B.T @ rounded)  # the transpose

# %% [markdown]
# What does that mean for a network? A decoder with transposed convolutions cannot invert its encoder, and need not: it
# has *learnt* kernels, and is asked for labels, not for the image. But it has nothing to work on except what came
# through. What pooling and strides have thrown away must come from elsewhere: from the skips (11).
#
# ## 9. Exercises
#
# ● is a matter of minutes, ●● takes ten; ●●● is for another day and not counted above.
#
# **By hand** (● 6 minutes). A row of three pixels, the kernel $(1, 1)$, $y = (5, 7)$. (a) The transposed convolution?
# (b) Which images are not seen? (c) All images that explain $y$? (d) The shortest of them, by $C^T(CC^T)^{-1}y$? (e)
# How large is the null space for 6x7 pixels and a kernel of 3x3?
#
# <details><summary>Answers</summary>
#
# (a) (5, 12, 7). (b) Multiples of (1, −1, 1). (c) $(t, 5-t, 2+t)$. (d) $CC^T = \begin{pmatrix}2&1\\1&2\end{pmatrix}$,
# $a = \frac13\begin{pmatrix}2&-1\\-1&2\end{pmatrix}\begin{pmatrix}5\\7\end{pmatrix} = (1, 3)$, stamped: (1, 4, 3). It
# is (c) with $t = 1$, and its product with (1, −1, 1) is 0. (e) 42 pixels, 4·5 results: 22.
#
# </details>

# %%
of_three = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
assert np.allclose(find(of_three, np.array([5.0, 7.0])), [1, 4, 3])
assert np.array_equal(transposed(np.array([[5.0, 7.0]]), np.ones((1, 2))), [[5, 12, 7]])

# %% [markdown]
# **Write** (●● 8 minutes). The Haar kernels are not the only ones. Rows at right angles can be made of any independent
# rows, one after the other: take away from each what it has of the rows before, then make its length 1. (The part that
# $a$ has of a row $r$ of length 1 is $\langle a, r\rangle\, r$.) Rows of 18 numbers are kernels of 3x3 for two
# channels.

# %% tags=["exercise"]
def my_orthonormal(A):
    """A (n, n) with independent rows -> rows of length 1 and at right angles."""
    ...


# %% tags=["solution", "hide-input"]
def orthonormal(A):
    rows = []
    for a in A:
        for r in rows:
            a = a - (a @ r) * r
        rows.append(a / np.sqrt(a @ a))
    return np.array(rows)


# %%
rng = np.random.default_rng(0)
drawn = rng.standard_normal((18, 18))
make_rows = yours(my_orthonormal, orthonormal, (drawn[:4, :4],), (drawn[:9, :9],))
w = Tensor(make_rows(drawn).reshape(18, 2, 3, 3))
mine = Tensor(rng.integers(0, 9, (1, 2, 6, 9)).astype(float))
back = F.conv_transpose2d(F.conv2d(mine, w, stride=3), w, stride=3)
assert np.allclose(back.numpy(), mine.numpy())

# %% [markdown]
# **Break** (●●● 20 minutes). (a) Are there kernels, not all zero, for which the rows of $C$ are *not* independent,
# without padding and with one channel? Try to find one, for any stride; then prove that there is none. (b) With two
# kernels there are. Which?
#
# <details><summary>Answer</summary>
#
# (a) Independent rows means: if $C^Ty = 0$, then $y = 0$. So let $y \ne 0$. In reading order (row by row), take its
# *first* pixel that is not 0, at $(i, j)$, and the first tap of $w$ that is not 0, at $(k, l)$. Their product lands on
# pixel $(is + k, js + l)$ of $C^Ty$. Does anything else that is not zero land there? It would come from a pixel $(i',
# j')$ that is not earlier, and a tap $(k', l')$ that is not earlier; but if one is later, then so is $(i's + k', j's +
# l')$. So the product stands there alone, and is not 0. (b) Two equal kernels: each row is there twice. Or $k^2 + 1$
# kernels with $s = k$: more rows than columns.
#
# </details>

# %%
for KH, KW, sh, sw in np.ndindex(3, 3, 3, 3):  # (a), tried out; some taps are zero
    w = rng.integers(-1, 2, (KH + 1, KW + 1)).astype(float)
    rows = matrix(w, (6, 7), stride=(sh + 1, sw + 1))
    assert not w.any() or np.linalg.matrix_rank(rows) == len(rows)

# %% [markdown]
# ## 10. Five questions

# %%
quiz(
    Question(
        "What is the dimension of what a 2x2 kernel cannot see of an image of 3x3?",
        lambda: 9 - int(np.linalg.matrix_rank(C)),
        "the first row and the first column are free, the rest follows",
    ),
    Question(
        "Is there another operation that computes x from y alone, for every x?",
        lambda: not np.array_equal(convolve(image), convolve(image + hidden)),
        "x and x + v have the same y",
    ),
    Question(
        "By what does the transpose multiply a pattern of gain σ, there and back?",
        lambda: "σ²" if goes_by_squares else "1",
        "σ on the way there, σ again on the way back",
        choices=("1", "σ", "σ²"),
    ),
    Question(
        "How many kernels of 2x2 make the transpose the inverse? (stride 2, one channel)",
        lambda: next(
            n for n in range(1, 5) if np.array_equal(there_and_back(haar[:n]), small)
        ),
        "k² = 4, at right angles to one another",
    ),
    Question(
        "Does the exact inverse of a blur give the best picture, if y was rounded?",
        lambda: best == 0,
        "it divides the noise by the smallest gains, too",
    ),
)

# %% [markdown]
# ## What was shown here
#
# A transposed convolution gives back the size; of the values it gives $C^TC\,x$. It is the first step of a
# deconvolution. It is also something else that has nothing to do with undoing: the *gradient* of a convolution. That
# is 08.

# %%
assert [claim.number for claim in ledger] == ["C9"] * 4
ledger
