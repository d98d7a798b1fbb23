# %% [markdown]
# # 06 Size arithmetic
# ## 06 크기의 산수
#
# **Question.** A convolution with stride 2 makes 6 pixels out of 16. And out of 17. And out of 18? Which sizes are
# possible at all, and how does a transposed convolution know which of them to give back?
#
# Two formulas, each in one line, and one number that is nearly always misunderstood: `output_padding`. You will derive
# it, see in a picture what it adds, and check it on every small geometry there is.
#
# *35 minutes. Before this: 05, transposed convolution. After it: 07, same shape is not the same values.*
#
# **요약.** 스트라이드가 2인 합성곱은 크기 16, 17, 18 가운데 여럿을 같은 크기로 보냅니다. 나눗셈에서 버린 나머지 때문입니다. 전치 합성곱은
# 그 나머지를 모르므로 output_padding으로 어느 크기로 돌아갈지를 정해 주어야 합니다. output_padding은 0을 덧붙이는 것이 아니라, 잘려 나갈
# 뻔한 결과의 행과 열을 하나 더 계산하는 것입니다.

# %%
import numpy as np

import minifcn
from minifcn import Tensor, plot
from minifcn import functional as F
from minifcn.teaching import Ledger, Question, predict, quiz, yours

ledger = Ledger()

# %% [markdown]
# ## 1. Commit yourself
#
# A kernel of 5, stride 3, padding 2. How many results have images of 16, 17, 18 and 19 pixels (one row is enough)?

# %% tags=["prediction"]
prediction = None  # four numbers, for example [5, 5, 6, 6]

# %% [markdown]
# ## 2. One formula, derived
#
# Padding puts $p$ zeros at both ends: $n + 2p$ places. A kernel of $k$ taps with dilation $d$ reaches over
# $d(k-1)+1$ of them. Its first tap can therefore stand at places $0, 1, \dots, n + 2p - d(k-1) - 1$; with stride $s$
# it stands at every $s$-th of these, from the first on:
#
# $$o = \left\lfloor \frac{n + 2p - d(k-1) - 1}{s} \right\rfloor + 1$$
#
# The floor is the whole story of this notebook: it **forgets a remainder**.

# %% tags=["exercise"]
def my_output_size(n, k, stride=1, padding=0, dilation=1):
    """How many results a convolution of n pixels has."""
    ...


# %% tags=["solution", "hide-input"]
def output_size(n, k, stride=1, padding=0, dilation=1):
    return (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1


# %% [markdown]
# Whether a formula is right is found out by counting. Here every possible place is visited:

# %%
def counted(n, k, stride=1, padding=0, dilation=1):
    """The same, without a formula: walk along the padded row for as long as the kernel fits."""
    results, first = 0, 0
    while first + dilation * (k - 1) < n + 2 * padding:
        results, first = results + 1, first + stride
    return results


size = yours(my_output_size, output_size)
tried = 0
for n, k, s, p, d in np.ndindex(12, 4, 4, 4, 3):
    given = n + 1, k + 1, s + 1, p, d + 1
    if given[0] + 2 * p > given[4] * k:  # else the kernel does not fit at all
        assert size(*given) == counted(*given)
        tried += 1
print(f"{tried} geometries, formula and counting agree")

sizes = [size(n, 5, stride=3, padding=2) for n in (16, 17, 18, 19)]
print(sizes)
predict(prediction, sizes, "the right answer")

# %% [markdown]
# 16, 17 and 18 all become 6. Whoever wants to go back from 6 has **three** answers to choose from, and in general $s$.

# %% [markdown]
# ## 3. The way back
#
# A transposed convolution of $o$ pixels: the last stamp begins at $(o-1)s$ and is $d(k-1)+1$ long; padding now *cuts
# away* $p$ at both ends (it is the padding of the convolution that goes the other way):
#
# $$n' = (o-1)\,s + d(k-1) + 1 - 2p$$
#
# That is the *smallest* of the sizes that convolve to $o$. The others are one, two, ... up to $s-1$ pixels larger; which
# one is said by **output_padding**, $a$:
#
# $$n = (o-1)\,s + d(k-1) + 1 - 2p + a \qquad\text{with}\qquad a = (n + 2p - d(k-1) - 1) \bmod s$$
#
# **Where does that come from?** Write the division with its remainder: $n + 2p - d(k-1) - 1 = (o-1)s + a$ with $0 \le
# a < s$. That is the definition of the floor. Solve for $n$. Done: output_padding *is* the remainder that the floor
# forgot.

# %%
def transposed_size(o, k, stride=1, padding=0, dilation=1, output_padding=0):
    return (o - 1) * stride + dilation * (k - 1) + 1 - 2 * padding + output_padding


def forgotten(n, k, stride=1, padding=0, dilation=1):
    """The output_padding that brings n back."""
    return (n + 2 * padding - dilation * (k - 1) - 1) % stride


for n in (16, 17, 18):
    a = forgotten(n, 5, 3, 2)
    o = output_size(n, 5, 3, 2)
    print(f"{n} -> {o} -> {transposed_size(o, 5, 3, 2, output_padding=a)} with output_padding {a}")

# %% [markdown]
# Is it true everywhere? There are few enough small geometries to try them all, so nothing has to be believed:

# %%
def comes_back(restore):
    """Whether every size comes back, for every small geometry."""
    return all(
        restore(n + 1, k + 1, s + 1, p, d + 1) == n + 1
        for n, k, s, p, d in np.ndindex(12, 4, 4, 4, 3)
        if n + 1 + 2 * p > (d + 1) * k
    )


def with_output_padding(n, k, s, p, d):
    return transposed_size(output_size(n, k, s, p, d), k, s, p, d, forgotten(n, k, s, p, d))


def without(n, k, s, p, d):
    return transposed_size(output_size(n, k, s, p, d), k, s, p, d)


ledger.claim(
    "C5",
    "a transposed convolution gives back the size of the image, whatever the geometry",
    comes_back,
    right=with_output_padding,
    mistake=without,
)

# %% [markdown]
# ## 4. What output_padding adds
#
# Not zeros at the end. Take three pixels $y = (1, 10, 100)$, the kernel $(1, 2, 3)$, stride 2 and padding 1. The stamps
# reach over seven places; padding cuts one away at each end, and five are left. With output_padding 1 one *less* is cut
# at the end:

# %%
y, w = np.array([[1.0, 10.0, 100.0]]), np.array([[1.0, 2.0, 3.0]])
both = [
    F.conv_transpose2d(Tensor(y[None, None]), Tensor(w[None, None]), None, (1, 2), (0, 1), (0, a)).numpy()[0, 0]
    for a in (0, 1)
]
plot.numbers(*both, titles=["output_padding 0: 5 pixels", "output_padding 1: 6 pixels"])

# %% [markdown]
# The 300 at the end is a real value: the last tap of the last stamp. It was there all the time, and was cut away. (Only
# where nothing was cut away, with padding 0, is the row that is added zero: no stamp reaches it.)
#
# Step through the stamps in two dimensions, and compare the last column of both pictures:

# %%
stamped = np.array([[1.0, 2.0], [3.0, 4.0]])
kernel = np.arange(1.0, 10.0).reshape(3, 3)
plot.stamps(stamped, kernel, stride=2, padding=1)

# %%
plot.stamps(stamped, kernel, stride=2, padding=1, output_padding=1)

# %%
plot.stamps(stamped, kernel, stride=2, padding=1, output_padding=1).still()

# %% [markdown]
# Two wrong ideas about it, with what they would give:

# %%
def zeros_appended(y, w):
    """What many take it for: the smaller result with a zero appended."""
    return np.pad(both[0], ((0, 0), (0, 1)))


def stretched(y, w):
    """The smaller result, resized."""
    return np.interp(np.linspace(0, 4, 6), np.arange(5), both[0][0])[None]


plot.numbers(both[1], zeros_appended(y, w), stretched(y, w), titles=["right", "a zero appended", "stretched"])

# %%
assert np.array_equal(both[1], [[2, 13, 20, 130, 200, 300]])
assert not np.array_equal(zeros_appended(y, w), both[1])

# %% [markdown]
# In the matrix it is a row of $C^T$ more: the convolution of six pixels has one column more than that of five.

# %%
C5, C6 = (
    np.asarray(minifcn.convolution_matrix(Tensor(w[None, None]), (1, n), (1, 2), (0, 1))) for n in (5, 6)
)
plot.numbers(C5, C6, titles=["C of 5 pixels", "C of 6 pixels"])

# %%
assert np.array_equal(C5.T @ y.ravel(), both[0].ravel()) and np.array_equal(C6.T @ y.ravel(), both[1].ravel())

# %% [markdown]
# And why must it be smaller than the stride? Because with $a = s$ the size would convolve to $o + 1$, not to $o$: the
# division would go up once more. The library refuses it, in a sentence:

# %%
try:
    F.conv_transpose2d(Tensor(y[None, None]), Tensor(w[None, None]), None, (1, 2), (0, 1), (0, 2))
except ValueError as error:
    print(error)

# %% [markdown]
# ## 5. Or say what you want
#
# Instead of the remainder one can give the size: `output_size`, as in PyTorch. It is refused where it cannot be.

# %%
for n in (5, 6):
    made = F.conv_transpose2d(
        Tensor(y[None, None]), Tensor(w[None, None]), None, (1, 2), (0, 1), output_size=(1, n)
    )
    print(made.shape, made.numpy().ravel())
try:
    F.conv_transpose2d(Tensor(y[None, None]), Tensor(w[None, None]), None, (1, 2), (0, 1), output_size=(1, 7))
except ValueError as error:
    print(error)

# %% [markdown]
# ## 6. Fifteen pictures
#
# Dumoulin and Visin (2016) drew fifteen cases that everybody has seen: moving squares without numbers. Here they are
# with numbers. Choose one by its place; the parameters stand below each picture.

# %%
for number, case in enumerate(plot.CASES):
    o = case.geometry.output_size[0]
    arrow = f"{o} -> {case.size}" if case.transposed else f"{case.size} -> {o}"
    print(f"{number:2}  {arrow:8} kernel {case.kernel}, stride {case.stride}, padding {case.padding}: {case.name}")

# %%
plot.CASES[13].frames()  # "padding, strides, odd", transposed: here output_padding is 1

# %%
plot.CASES[13].frames()[8]

# %% [markdown]
# The odd one is where the well-known moving picture is wrong: its extra row and column are drawn as if they were put
# around the input. They are not; the window walks one place further, that is all.
#
# ## 7. Which geometries double exactly?
#
# A decoder wants the size times $s$, for every size. From $n' = (o-1)s + k - 2p + a = s\,o$ for all $o$ it follows that
# $k = 2p + s - a$. With no output_padding: **k = s + 2p**. The usual choices are $k = 2s$, $p = s/2$ for an even stride,
# and $k = 2s - 1$, $p = (s-1)/2$ for an odd one.

# %%
for s in (2, 3, 4, 8, 16, 32):
    k, p = (2 * s, s // 2) if s % 2 == 0 else (2 * s - 1, (s - 1) // 2)
    assert all(transposed_size(o, k, s, p) == s * o for o in range(1, 100))
    print(f"times {s:2}: kernel {k:2}, padding {p:2}")

# %% [markdown]
# FCN's own last step is times 8 with a kernel of 16 and *no* padding; it makes $8o + 8$ and crops. Notebook 11 derives by
# how much.
#
# ## 8. Exercises
#
# **By hand** (● 5 minutes). (a) 7 pixels, kernel 3, stride 2, padding 0: how many results, and which output_padding
# brings 7 back? (b) Which sizes become 4 with kernel 2 and stride 2? (c) 10 pixels, kernel 3, dilation 3: how many
# results?
#
# <details><summary>Answers</summary>
#
# (a) $\lfloor4/2\rfloor+1 = 3$; the remainder of $4/2$ is 0. (b) 8 and 9. (c) the kernel reaches over 7: $10-7+1 = 4$.
#
# </details>
#
# **Write** (●● 15 minutes). `preimages(o, k, ...)`: all sizes that become o. It is a range; which?

# %% tags=["exercise"]
def my_preimages(o, k, stride=1, padding=0, dilation=1):
    """The sizes n >= 1 of which a convolution makes o, as a range."""
    ...


# %% tags=["solution", "hide-input"]
def preimages(o, k, stride=1, padding=0, dilation=1):
    first = (o - 1) * stride + dilation * (k - 1) + 1 - 2 * padding
    return range(max(1, first), max(1, first + stride))


# %%
back = yours(my_preimages, preimages)
for o, k, s, p, d in np.ndindex(5, 4, 4, 3, 2):
    given = k + 1, s + 1, p, d + 1
    right = [n for n in range(1, 60) if n + 2 * p > (d + 1) * k and output_size(n, *given) == o + 1]
    assert list(back(o + 1, *given)) == right, (o + 1, given)

# %% [markdown]
# **Think** (●●● 20 minutes). Some sizes come from *no* image: with padding 2 and a kernel of 2 there is no image of at
# least one pixel with 3 results or fewer. Which $o$ have no preimage, in terms of $k, s, p, d$? What does the library say to a
# transposed convolution of such an $o$?

# %%
try:
    F.conv_transpose2d(Tensor(np.ones((1, 1, 1, 3))), Tensor(np.ones((1, 1, 1, 2))), None, 1, (0, 2))
except ValueError as error:
    print(error)

# %% [markdown]
# ## 9. Five questions

# %%
quiz(
    Question(
        "How many sizes become 6 with a kernel of 5, stride 3 and padding 2?",
        lambda: len(preimages(6, 5, 3, 2)),
        "as many as the stride: 16, 17, 18",
    ),
    Question(
        "Which output_padding brings 224 back, after a kernel of 3, stride 2 and padding 1?",
        lambda: forgotten(224, 3, 2, 1),
        "(224 + 2 − 3) mod 2",
    ),
    Question(
        "Is what output_padding adds always zero?",
        lambda: bool((both[1][0, 5:] == 0).all()),
        "it is what padding would have cut away; zero only where nothing was cut",
    ),
    Question(
        "What does padding 1 do to the result of a transposed convolution?",
        lambda: f"{transposed_size(5, 3) - transposed_size(5, 3, padding=1)} pixels fewer",
        "one is cut away at each end",
    ),
    Question(
        "A kernel of 4 doubles every size with stride 2 and which padding?",
        lambda: next(p for p in range(3) if all(transposed_size(o, 4, 2, p) == 2 * o for o in range(1, 9))),
        "k = s + 2p",
    ),
)

# %% [markdown]
# ## What of the article was shown here

# %%
assert [claim.number for claim in ledger] == ["C5"]
ledger
