# %% [markdown]
# # 06 Size arithmetic
# ## 06 크기 계산
#
# **Question.** A convolution with a kernel of 5, stride 3 and padding 2 makes 6 pixels out of 16. And out of 17. And out of
# 18? And if a transposed convolution goes back from 6, which of these sizes does it give?
#
# Two formulas, each in one line, and one number that is nearly always misunderstood: `output_padding`. You will derive
# it, see in a picture what it adds, and check it on every small geometry there is.
#
# *45 minutes. Before this: 05, transposed convolution. After it: 07, same shape is not the same values.*
# (Exercises marked ●●● are not counted.)
#
# One row of pixels is enough here: what holds for the width holds for the height. $n$ is its length, $k$ the number of taps,
# $s$ the stride, $p$ the padding, $d$ the dilation, $o$ the number of results.
#
# **요약.** 커널 크기 5, 보폭(stride) 3, 패딩 2인 합성곱은 입력이 16픽셀이든 17픽셀이든 18픽셀이든 결과가 모두 6픽셀입니다. 나눗셈에서 나머지를
# 버리기 때문입니다. 전치 합성곱은 버려진 나머지를 알 수 없으므로, 어느 크기로 돌아갈지 output_padding으로 알려 주어야 합니다.
# output_padding은 결과에 0을 덧붙이는 것이 아니라, 패딩 때문에 잘려 나갈 끝쪽의 행과 열을 그만큼 덜 잘라 내는 것입니다.

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
# length, a kernel, a stride, a padding and a dilation, in this order) in which the kernel fits at all:

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
assert all(output_size(*given) == counted(*given) for given in geometries)
print(f"{len(geometries)} geometries, formula and counting agree")
size = yours(my_output_size, output_size, *geometries)

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
# That is the *smallest* of the sizes that convolve to $o$. The others are one, two, ... up to $s-1$ pixels larger. Which
# of them you want is said by **output_padding**, $a$:
#
# $$n = (o-1)\,s + d(k-1) + 1 - 2p + a$$
#
# **Where does that come from?** Write the division of section 2 with its remainder $a$, which is at least 0 and smaller
# than $s$:
#
# $$n + 2p - d(k-1) - 1 = (o-1)\,s + a$$
#
# That is what the floor means: the quotient is $o-1$, and $a$ is left over. Solve for $n$, and you have the formula. So
# output_padding *is* the remainder that the floor forgot: $a = (n + 2p - d(k-1) - 1) \bmod s$.

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
    "a transposed convolution gives back the size of the image, if it is told the remainder",
    comes_back,
    right=with_output_padding,
    mistake=without,
    named="a transposed convolution without output_padding",
)

# %% [markdown]
# **Often believed.** "The size formula, backwards, gives the size it came from." It gives one of $s$ sizes. It is also
# often written without $d$ (PyTorch's documentation of transposed convolution once did so), and then even that one is
# wrong: a kernel of 3 with dilation 3 reaches over 7 pixels, and takes 10 of them to make 4.

# %%
def backwards(o, k, stride=1, padding=0):
    """n = (o − 1)·s + k − 2p: no remainder, no dilation."""
    return (o - 1) * stride + k - 2 * padding


assert output_size(17, 5, stride=3, padding=2) == 6 and output_size(10, 3, dilation=3) == 4

ledger.misconception(
    "M4",
    "the size formula, backwards, gives the one size it came from",
    believed=lambda: [backwards(6, 5, stride=3, padding=2), backwards(4, 3)],
    found=lambda: [
        transposed_size(6, 5, 3, 2, output_padding=forgotten(17, 5, 3, 2)),
        transposed_size(4, 3, dilation=3),
    ],
    instead="the floor forgets a remainder: s sizes become one; and a kernel reaches over d(k − 1) + 1",
)

# %% [markdown]
# ## 4. What output_padding adds
#
# Not zeros at the end. Take three pixels $y = (1, 10, 100)$, the kernel $(1, 2, 3)$, stride 2 and padding 1. The stamps
# reach over seven places and add up to $(1, 2, 13, 20, 130, 200, 300)$. Padding cuts one away at each end, and five are
# left. With output_padding 1 one *less* is cut at the end:

# %%
def in_a_row(*pixels):
    """One image of one channel, one row high: (1, 1, 1, W)."""
    return Tensor(np.array(pixels, float).reshape(1, 1, 1, -1))


def transposed(y, w, stride=1, padding=0, output_padding=0):
    """The library's, of a row: what is given is for the width. (1, W)"""
    given = {"stride": (1, stride), "padding": (0, padding), "output_padding": (0, output_padding)}
    return F.conv_transpose2d(y, w, **given).numpy()[0, 0]


y, w = in_a_row(1, 10, 100), in_a_row(1, 2, 3)
five, six = (transposed(y, w, stride=2, padding=1, output_padding=a) for a in (0, 1))
plot.numbers(five, six, titles=["output_padding 0: 5 pixels", "output_padding 1: 6 pixels"])

# %% [markdown]
# The 300 at the end is a real value: the last tap of the last stamp. It was there all the time, and was cut away. (If $a$
# is larger than $p$, more is asked for than was cut away. Only then come zeros: the last $a - p$ pixels lie beyond every
# stamp. With padding 0 zeros are all that output_padding adds.)
#
# **Often believed.** "Padding pads the input." So the name says, and for a convolution it is so. Here it is the padding of
# the convolution that goes the other way: that one walked over $p$ places on each side that are no pixels of $x$, and what
# is stamped there belongs to nobody. Way three of 05 may have helped the belief along: it does put zeros around $y$. But
# these are $k - 1 - p$, and a larger padding means *fewer* of them.

# %%
ledger.misconception(
    "M2",
    "the padding of a transposed convolution pads its input",
    believed=lambda: transposed(in_a_row(0, 1, 10, 100, 0), w, stride=2)[0],
    found=lambda: transposed(y, w, stride=2, padding=1)[0],
    instead="it cuts p places away at each end of the result",
)

# %% [markdown]
# Step through the stamps in two dimensions, and compare the last row and column of both pictures. Numbers that are cut
# away are grey, in squares with dashed lines:

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
# Two wrong ideas about it, and what they would give:

# %%
def zero_appended():
    """What the name says: the smaller result, with a zero at the end."""
    return np.pad(five, ((0, 0), (0, 1)))


def stretched():
    """The smaller result, resized to six pixels."""
    return np.interp(np.linspace(0, 4, 6), np.arange(5), five[0])[None]


plot.numbers(six, zero_appended(), stretched(), titles=["right", "a zero appended", "stretched"])

# %% [markdown]
# **Often believed.** The first of them is what nearly everybody reads into the name, and a try without padding seems to
# confirm it.

# %%
ledger.misconception(
    "M3",
    "output_padding appends zeros",
    believed=zero_appended,
    found=lambda: six,
    instead="it cuts less away at the end; zeros come only beyond the last stamp, where a > p",
)

# %% [markdown]
# In the matrix it is one more row of $C^T$: the convolution of six pixels has one column more than that of five.

# %%
of_five, of_six = (
    np.asarray(minifcn.convolution_matrix(w, (1, n), stride=(1, 2), padding=(0, 1)))
    for n in (5, 6)
)
plot.numbers(of_five, of_six, titles=["C of 5 pixels", "C of 6 pixels"])

# %%
assert np.array_equal(of_five.T @ y.numpy().ravel(), five[0])
assert np.array_equal(of_six.T @ y.numpy().ravel(), six[0])

# %% [markdown]
# And why must it be smaller than the stride? Because an image larger by $s$ has one result more: with $a = s$ the size
# would convolve to $o + 1$, not to $o$. The library refuses it, in a sentence. (Like PyTorch it goes by the larger of $s$
# and $d$, so with a dilation of 3 and a stride of 2 it lets $a = 2$ pass.)

# %%
try:
    transposed(y, w, stride=2, padding=1, output_padding=2)
except ValueError as error:
    print(error)

# %% [markdown]
# ## 5. Or say what you want
#
# Instead of the remainder one can give the size: `output_size`, as to PyTorch's layer. A size that does not convolve to $o$ is
# refused.

# %%
for n in (5, 6):
    made = F.conv_transpose2d(y, w, stride=(1, 2), padding=(0, 1), output_size=(1, n))
    print(made.shape, made.numpy().ravel())
try:
    F.conv_transpose2d(y, w, stride=(1, 2), padding=(0, 1), output_size=(1, 7))
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
    given = f"kernel {case.kernel}, stride {case.stride}, padding {case.padding}"
    print(f"{number:2}  {arrow:6}  {given}: {case.name}")

# %%
plot.CASES[13].frames()  # output_padding is 1

# %%
plot.CASES[13].frames()[8]  # one of the frames, for viewers that take sliders away

# %% [markdown]
# Compare it with number 12 (`plot.CASES[12].frames()`). There is one row and one column of zeros more, below and to the right only. It looks as if
# output_padding put them *around the input*, and so it is often explained. But they are places that the window walks over:
# there were $k-1$ rows of zeros around $y$ all the time, padding takes $p$ of them away on each side, and output_padding
# takes $a$ less away at the end. What the window finds there is a result like any other.
#
# ## 7. "Same" padding is not everywhere the same
#
# Numbers 2 and 3 of the list have names of their own. *Full* padding is $p = d(k-1)$: the kernel visits every place where
# it meets a pixel at all. *Same* padding keeps the size: with stride 1, $2p = d(k-1)$. With stride 2 it can only mean that
# $\lceil n/2\rceil$ results are made ($\lceil\;\rceil$ is rounding up), and then the zeros often cannot be shared out
# evenly: six pixels, a kernel of 3 and stride 2 need *one* zero. TensorFlow puts it at the end. PyTorch refuses
# `padding="same"` with a stride, so one writes `padding=1`; that puts a zero at both ends, of which the one at the end is
# never reached.
#
# **Often believed.** "The shapes are equal, so it is the same padding." Tools that carry networks from one framework to
# another have gone out with this mistake, as their tests compared shapes. With the kernel $(1, 10, 100)$ every digit says
# which pixel was seen:

# %%
pixels, digits = in_a_row(1, 2, 3, 4, 5, 6), in_a_row(1, 10, 100)


def padded(left, right):
    """Stride 2, with so many zeros at the left and at the right end. (W,)"""
    made = F.conv2d(F.pad(pixels, (left, right)), digits, stride=(1, 2))
    return made.numpy().ravel().astype(int)


print("the zero at the end:      ", padded(0, 1))
print("the zero at the beginning:", padded(1, 0))
print("padding=1:                ", padded(1, 1))
ledger.misconception(
    "M13",
    "'same' padding means the same everywhere",
    believed=lambda: padded(0, 1),
    found=lambda: padded(1, 1),
    instead="with a stride the odd zero lies at the end or at the beginning: one pixel apart",
)

# %% [markdown]
# 321 has seen the pixels 1, 2 and 3; 210 has seen a zero, 1 and 2. The shape is equal, and every window lies one pixel
# further to the left. What helps is to write down the zeros of each side, and to compare *values*.
#
# ## 8. Which geometries give exactly s times the size?
#
# A network that goes back to the size of its image wants the size times $s$, whatever it is. With dilation 1 that is
# $(o-1)\,s + k - 2p + a = s\,o$; $s\,o$ is on both sides, and what is left is $k = s + 2p - a$. With no output_padding:
# **k = s + 2p**. The usual choices are $k = 2s$, $p = s/2$ for an even stride, and $k = 2s - 1$, $p = (s-1)/2$ for an odd
# one.

# %%
for s in (2, 3, 4, 8, 16, 32):
    k, p = (2 * s, s // 2) if s % 2 == 0 else (2 * s - 1, (s - 1) // 2)
    assert all(transposed_size(o, k, s, p) == s * o for o in range(1, 100))
    print(f"times {s:2}: kernel {k:2}, padding {p:2}")

# %% [markdown]
# The last step of FCN-8s (Long, Shelhamer and Darrell, 2015) is times 8 with a kernel of 16 and *no* padding; it makes
# $(o-1)\cdot8 + 16 = 8o + 8$ and crops.
#
# ## 9. Exercises
#
# ● is a matter of minutes, ●● takes ten; ●●● is for another day and not counted above.
#
# **By hand** (● 5 minutes; what is not given is 0 for padding, 1 for the rest). (a) 8 pixels, kernel 3, stride 2: how many
# results, and which output_padding brings 8 back? (b) Which sizes become 4 with kernel 2 and stride 2? (c) 11 pixels,
# kernel 3, dilation 4: how many results?
#
# <details><summary>Answers</summary>
#
# (a) $\lfloor5/2\rfloor+1 = 3$; the remainder of $5/2$ is 1, and so is output_padding. (b) The smallest is
# $3\cdot2 + 2 = 8$, and with stride 2 there is one more: 8 and 9. (c) The kernel reaches over 9 pixels: $11-9+1 = 3$.
#
# </details>
#
# **Write** (●● 10 minutes). All sizes that become $o$, as a `range`. How many are there, and which is the first? (A size is
# at least 1, so with much padding some of them, or all, drop out.)

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
    transposed(in_a_row(1, 1, 1), in_a_row(1, 1), padding=2)
except ValueError as error:
    print(error)

# %% [markdown]
# ## 10. Five questions

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
        lambda: bool((six[0, 5:] == 0).all()),
        "it is what padding would have cut away; zero only beyond that",
    ),
    Question(
        "What does padding 1 do to the result of a transposed convolution?",
        lambda: f"{transposed_size(5, 3) - transposed_size(5, 3, padding=1)} pixels fewer in a row",
        "one is cut away at each end",
    ),
    Question(
        "A kernel of 4 doubles every size with stride 2 and which padding?",
        lambda: next(p for p in range(3) if transposed_size(5, 4, 2, p) == 2 * 5),
        "k = s + 2p, 4 = 2 + 2·1",
    ),
)

# %% [markdown]
# Now the shape is in your hands. In 07 you will see that it is only the shape: what a convolution has thrown away no
# transposed convolution brings back.

# %% [markdown]
# ## What was shown here

# %%
assert [claim.number for claim in ledger] == ["C5"]
assert [wrong.number for wrong in ledger.misconceptions] == ["M4", "M2", "M3", "M13"]
ledger
