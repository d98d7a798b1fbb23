# %% [markdown]
# # 06 Size arithmetic
# ## 06 크기 계산
#
# **Question.** A convolution with a kernel of 5, stride 3 and padding 2 makes 6 pixels out of 16. And out of 17. And out of
# 18? Which sizes are possible at all, and how does a transposed convolution know which of them to give back?
#
# Two formulas, each in one line, and one number that is nearly always misunderstood: `output_padding`. You will derive
# it, see in a picture what it adds, and check it on every small geometry there is.
#
# *40 minutes. Before this: 05, transposed convolution.*
# (Exercises marked ●●● are not counted.)
#
# One row of pixels is enough here: what holds for the width holds for the height. $n$ is its length, $k$ the number of taps,
# $s$ the stride, $p$ the padding, $d$ the dilation, $o$ the number of results.
#
# **요약.** 커널 5, 스트라이드 3, 패딩 2인 합성곱은 크기 16, 17, 18을 모두 크기 6으로 만듭니다. 나눗셈에서 나머지를 버리기 때문입니다. 전치
# 합성곱은 그 나머지를 모르므로 output_padding으로 어느 크기로 돌아갈지 정해 주어야 합니다. output_padding은 결과에 0을 덧붙이는 것이 아니라,
# 패딩 때문에 잘려 나갈 끝쪽의 행과 열을 그만큼 덜 잘라 내는 것입니다.

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
# A kernel of 5, stride 3, padding 2. How many results do rows of 16, 17, 18 and 19 pixels have?

# %% tags=["prediction"]
prediction = None  # four numbers, for example [1, 2, 3, 4]

# %% [markdown]
# ## 2. One formula, derived
#
# Padding puts $p$ zeros at both ends: $n + 2p$ places. A kernel of $k$ taps with dilation $d$ reaches over
# $d(k-1)+1$ of them. Its first tap can therefore stand at places $0, 1, \dots, n + 2p - d(k-1) - 1$; with stride $s$
# it stands at every $s$-th of these, from the first on:
#
# $$o = \left\lfloor \frac{n + 2p - d(k-1) - 1}{s} \right\rfloor + 1$$
#
# The floor ($\lfloor\;\rfloor$, rounding down) is the whole story of this notebook: it **forgets a remainder**.
#
# **Yours to write** (2 minutes): the formula, as a function.

# %% tags=["exercise"]
def my_output_size(n, k, stride=1, padding=0, dilation=1):
    """How many results a convolution of n pixels has."""
    ...


# %% tags=["solution", "hide-input"]
def output_size(n, k, stride=1, padding=0, dilation=1):
    return (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1


# %% [markdown]
# Whether a formula is right is found out by counting. Here every possible place is visited, in every small geometry (a
# kernel, a stride, a padding and a dilation) in which the kernel fits at all:

# %%
def counted(n, k, stride=1, padding=0, dilation=1):
    """The same, without a formula: walk along the padded row for as long as the kernel fits."""
    results, first = 0, 0
    while first + dilation * (k - 1) < n + 2 * padding:
        results, first = results + 1, first + stride
    return results


geometries = [
    (n + 1, k + 1, s + 1, p, d + 1)
    for n, k, s, p, d in np.ndindex(12, 4, 4, 4, 3)
    if n + 1 + 2 * p > (d + 1) * k  # else the kernel does not fit at all
]
size = yours(my_output_size, counted, *geometries)  # counting is the judge
assert all(output_size(*given) == counted(*given) for given in geometries)
print(f"{len(geometries)} geometries, formula and counting agree")

sizes = [size(n, 5, stride=3, padding=2) for n in (16, 17, 18, 19)]
print([int(n) for n in sizes])
predict(prediction, sizes, "the right answer")

# %% [markdown]
# 16, 17 and 18 all become 6. Whoever wants to go back from 6 has **three** answers to choose from, and in general $s$.
#
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
# Is it true everywhere? Those small geometries are few enough to try them all, so nothing has to be believed:

# %%
def comes_back(restore):
    """Whether every size comes back, for every small geometry."""
    return all(restore(*given) == given[0] for given in geometries)


def with_output_padding(n, k, s, p, d):
    return transposed_size(output_size(n, k, s, p, d), k, s, p, d, forgotten(n, k, s, p, d))


def without(n, k, s, p, d):
    return transposed_size(output_size(n, k, s, p, d), k, s, p, d)


ledger.claim(
    "C5",
    "a transposed convolution gives back the size of the image, whatever the geometry, if it is told the remainder",
    comes_back,
    right=with_output_padding,
    mistake=without,
    named="a transposed convolution without output_padding",
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
# The 300 at the end is a real value: the last tap of the last stamp. It was there all the time, and was cut away. (Zeros
# come only when nothing is left that was cut away, with $a > p$: the last $a - p$ pixels are beyond every stamp. With
# padding 0 that is all that output_padding adds.)
#
# Step through the stamps in two dimensions, and compare the last row and column of both pictures. What is cut away has
# dashed lines:

# %%
stamped = np.array([[1.0, 2.0], [3.0, 4.0]])
kernel = np.arange(1.0, 10.0).reshape(3, 3)
plot.stamps(stamped, kernel, stride=2, padding=1)

# %%
plot.stamps(stamped, kernel, stride=2, padding=1).still()

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
# In the matrix it is one more row of $C^T$: the convolution of six pixels has one column more than that of five.

# %%
of_five, of_six = (
    np.asarray(minifcn.convolution_matrix(Tensor(w[None, None]), (1, n), (1, 2), (0, 1))) for n in (5, 6)
)
plot.numbers(of_five, of_six, titles=["C of 5 pixels", "C of 6 pixels"])

# %%
assert np.array_equal(of_five.T @ y.ravel(), both[0].ravel())
assert np.array_equal(of_six.T @ y.ravel(), both[1].ravel())

# %% [markdown]
# And why must it be smaller than the stride? Because an image larger by $s$ has one result more: with $a = s$ the size
# would convolve to $o + 1$, not to $o$. The library refuses it, in a sentence (like PyTorch it allows $a < d$, too, where
# the dilation is larger than the stride):

# %%
try:
    F.conv_transpose2d(Tensor(y[None, None]), Tensor(w[None, None]), None, (1, 2), (0, 1), (0, 2))
except ValueError as error:
    print(error)

# %% [markdown]
# ## 5. Or say what you want
#
# Instead of the remainder one can give the size: `output_size`, as in PyTorch. A size that does not convolve to $o$ is
# refused.

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
# Dumoulin and Visin (2016, *A guide to convolution arithmetic for deep learning*) drew fifteen cases as moving squares
# without numbers; you may have seen them. Here they are with numbers. Choose one by its number, `plot.CASES[12]`; the
# parameters stand below each picture.

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
# Compare it with number 12. There is one row and one column of zeros more, below and to the right only. It looks as if
# output_padding put them *around the input*, and so it is often explained. But they are places that the window walks over:
# there were $k-1$ rows of zeros around $y$ all the time, padding takes $p$ of them away on each side, and output_padding
# takes one less away at the end. What the window finds there is a result like any other.
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
# The last step of FCN-8s (Long, Shelhamer and Darrell, 2015) is times 8 with a kernel of 16 and *no* padding; it makes
# $(o-1)\cdot8 + 16 = 8o + 8$ and crops.
#
# ## 8. Exercises
#
# ● is a matter of minutes, ●● takes ten; ●●● is for another day and not counted above.
#
# **By hand** (● 5 minutes). (a) 7 pixels, kernel 3, stride 2, padding 0: how many results, and which output_padding
# brings 7 back? (b) Which sizes become 4 with kernel 2 and stride 2? (c) 10 pixels, kernel 3, dilation 3: how many
# results?
#
# <details><summary>Answers</summary>
#
# (a) $\lfloor4/2\rfloor+1 = 3$; the remainder of $4/2$ is 0, and so is output_padding. (b) 8 and 9. (c) the kernel reaches over 7: $10-7+1 = 4$.
#
# </details>
#
# **Write** (●● 10 minutes). `preimages(o, k, ...)`: all sizes that become o. It is a `range`; which? (A size is at least 1.)

# %% tags=["exercise"]
def my_preimages(o, k, stride=1, padding=0, dilation=1):
    """The sizes n >= 1 of which a convolution makes o, as a range."""
    ...


# %% tags=["solution", "hide-input"]
def preimages(o, k, stride=1, padding=0, dilation=1):
    first = (o - 1) * stride + dilation * (k - 1) + 1 - 2 * padding
    return range(max(1, first), max(1, first + stride))


# %%
def tried_out(o, k, stride=1, padding=0, dilation=1):
    """The same, by trying every size."""
    return [n for n in range(1, 60) if counted(n, k, stride, padding, dilation) == o]


goals = [(o + 1, k + 1, s + 1, p, d + 1) for o, k, s, p, d in np.ndindex(5, 4, 4, 3, 2)]
back = yours(my_preimages, preimages, *goals)
assert all(list(preimages(*given)) == tried_out(*given) for given in goals)
print([int(n) for n in back(6, 5, 3, 2)])

# %% [markdown]
# **Think** (●●● 20 minutes). Some sizes come from *no* image: with padding 2, a kernel of 2 and stride 1 every image of at
# least one pixel has 4 results or more. Which $o$ come from no image, in terms of $k, s, p, d$? What does the library say to a
# transposed convolution of such an $o$?
#
# <details><summary>Answer</summary>
#
# Those of which even the largest size, with $a = s - 1$, is less than 1: $o\,s + d(k-1) - 2p < 1$, that is
# $o\,s + d(k-1) \le 2p$. Here: $o + 1 \le 4$.
#
# </details>

# %%
for o, k, s, p, d in np.ndindex(6, 4, 4, 4, 3):
    given = o + 1, k + 1, s + 1, p, d + 1
    assert (not tried_out(*given)) == ((o + 1) * (s + 1) + (d + 1) * k <= 2 * p)
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
        "as many as the stride is: 16, 17, 18",
    ),
    Question(
        "Which output_padding brings 224 back, after a kernel of 3, stride 2 and padding 1?",
        lambda: forgotten(224, 3, 2, 1),
        "(224 + 2·1 − 2 − 1) mod 2 = 223 mod 2",
    ),
    Question(
        "Is what output_padding adds always zero?",
        lambda: bool((both[1][0, 5:] == 0).all()),
        "it is what padding would have cut away; zero only beyond that",
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
# ## What was shown here

# %%
assert [claim.number for claim in ledger] == ["C5"]
ledger
