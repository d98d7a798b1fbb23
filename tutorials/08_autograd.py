# %% [markdown]
# # 08 Autograd and the gradient equivalence
# ## 08 자동 미분과 합성곱의 기울기
#
# **Question.** Why is the backward of a convolution a transposed convolution? And how does a library find gradients
# at all, through hundreds of operations, when nobody has written down a formula for the whole?
#
# You will write an engine of about fifty lines that differentiates whatever is computed with it, see in which ways
# such engines go wrong, and put a convolution into it. Then you show, in whole numbers and exactly, that one sum of
# products holds all three: convolution, transposed convolution and the gradient of the weight.
#
# *45 minutes. Before this: 05, transposed convolution (its four ways), and 07. After it: 09, pooling and sizes.*
# (Exercises marked ●●● are not counted.)
#
# From earlier lessons: a *kernel* has *taps* and is laid over a *window* (01); $C$ is the matrix of a convolution
# (04); $C^T$ is the transposed convolution, whose pixels *stamp* the kernel (05). $x$ is the large image, $y$ the
# small one.
#
# **요약.** 자동 미분은 계산할 때 어떤 값이 어떤 연산으로 만들어졌는지를 그래프로 기록해 두고, 결과에서 입력 쪽으로 한 번 거슬러 가며
# 기울기를 전달합니다. 어떤 값의 기울기는 그 값을 쓴 모든 연산의 몫이 더해진 다음에 전달해야 하므로 방문 순서가 중요합니다. 50줄 정도의 미분
# 엔진을 직접 만들고, 합성곱의 입력 기울기는 전치 합성곱이고 가중치 기울기도 또 하나의 합성곱임을 정수로 정확히 확인합니다.

# %%
import inspect

import numpy as np

import minifcn
from minifcn import Tensor, plot
from minifcn import functional as F
from minifcn.functional import conv
from minifcn.teaching import Ledger, Question, predict, quiz, seconds, yours
from minifcn.testing import check

ledger = Ledger()

# %% [markdown]
# ## 1. Commit yourself
#
# The image $x$ has the pixels 0 to 8, row by row; the kernel $w$ is $\begin{pmatrix}1&2\\3&4\end{pmatrix}$; the
# convolution gives four numbers, $y$. Now somebody asks for
#
# $$L = y_{00} + 10\,y_{01} + 100\,y_{10} + 1000\,y_{11}.$$
#
# When the tap $w_{00}$ grows by 1, **by how much does $L$ grow?** And for $w_{01}, w_{10}, w_{11}$? Four numbers.
# (The tap $w_{00}$ meets one pixel in each of the four windows. Which pixels? The place values do the rest.)

# %% tags=["prediction"]
prediction = None  # four numbers in two rows, for example [[1, 2], [3, 4]]

# %% [markdown]
# You will know in section 5. First: how does one find such numbers without thinking?
#
# ## 2. An engine in three steps
#
# Somewhere at the end of a computation stands one number, $L$ (in training: the loss). The *gradient* of $L$ with
# respect to a value $a$ on the way says how much $L$ grows, per unit, when $a$ grows a little; if $a$ is an array, it
# has the shape of $a$, and says so for each number of it. We say for short: $a$ **receives** it.
#
# What receives what? If $c = a + b$ and $c$ receives $g$, then $a$ growing by 1 lets $c$ grow by 1, and that lets $L$
# grow by $g$: so $a$ receives $g$, and so does $b$. If $c = a\cdot b$, then $a$ growing by 1 lets $c$ grow by $b$,
# and $L$ by $g\,b$. That is the chain rule, and it is all that an operation has to know: *given what my result
# receives, what do my operands receive?* (Books call what is handed back, our $g$, a *cotangent*; PyTorch calls it
# `grad_output`.)
#
# **Step 1, yours to write** (3 minutes): the rules of three operations.

# %% tags=["exercise"]
def my_rules(operation, g, a, b):
    """The result of a + b, a − b or a · b ("+", "-", "*") receives g. -> what a receives, what b receives"""
    ...


# %% tags=["solution", "hide-input"]
def rules(operation, g, a, b):
    return {"+": (g, g), "-": (g, -g), "*": (g * b, g * a)}[operation]


# %%
rule = yours(my_rules, rules, ("+", 5.0, 2.0, 3.0), ("-", 5.0, 2.0, 3.0), ("*", 5.0, 2.0, 3.0))

# %% [markdown]
# A value has to remember where it came from. A `Variable` is a number or an array, the operands that it was made of,
# and the rule of the operation that made it. Nothing is differentiated here; it is only written down who made whom.
# What arises while you compute is a **graph**.

# %%
class Variable:
    def __init__(self, value, operands=(), rule=None):
        self.value = np.array(value, float)
        self.operands, self.rule = operands, rule  # none and None: a leaf, made by nobody
        self.grad = 0.0  # of a leaf: the sum of all that it has received

    def _made(self, operation, value, other):
        a, b = self.value, other.value
        return Variable(value, (self, other), lambda g: rule(operation, g, a, b))

    def __add__(self, other):
        return self._made("+", self.value + other.value, other)

    def __sub__(self, other):
        return self._made("-", self.value - other.value, other)

    def __mul__(self, other):
        return self._made("*", self.value * other.value, other)

    def sum(self):
        shape = self.value.shape  # every number of it counts once, so each receives g
        return Variable(self.value.sum(), (self,), lambda g: (g * np.ones(shape),))


# %% [markdown]
# Now the gradient goes back through the graph, from the result to the leaves. Here is the smallest graph in which
# that can go wrong: $b = a + a$, $c = b + b$. It is a *diamond*: two arrows lead from $a$ to $b$, and two from $b$ to
# $c$. Surely $c = 4a$, so $a$ must receive 4. The library draws what it has recorded: at the top the leaf with its
# name and shape, which is `()` for a single number, and below it an operation for each value that was computed. Move
# the slider: the box at the bottom is the result, it receives 1, and the arrows over which something was handed back
# turn round.

# %%
leaf = Tensor(1.0, requires_grad=True)
twice = leaf + leaf
plot.walk(twice + twice, {"a": leaf})

# %%
plot.walk(twice + twice, {"a": leaf}).still()  # the last frame again, for viewers that take sliders away

# %% [markdown]
# The value in the middle receives *two* contributions of 1. Only when both are there does it hand anything on: 2 over
# each of its arrows. That is the one thing to get right:
#
# > A value hands on what it has received when **all** who used it have contributed, and not before.
#
# So walk through the nodes in an order in which every user of a value comes before the value: a *topological order*.
# How is one found? Go down from the result; a node is *finished* when all its operands are finished; then write it at
# the end of a list. Operands are in the list before their users; turn the list round.
#
# **Step 2, yours to write** (7 minutes). `operands(node)` gives the operands of a node. Each node once, even if it
# was used more than once. (Eight lines, with a function that calls itself. In the test a node is a number.)

# %% tags=["exercise"]
def my_order(last, operands):
    """All nodes that `last` was made of, itself first: a list, each node before its operands."""
    ...


# %% tags=["solution", "hide-input"]
def order(last, operands):
    finished, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for operand in operands(node):
                visit(operand)
            finished.append(node)

    visit(last)
    return finished[::-1]


# %%
def diamond_of_numbers(node):
    return {2: [1, 1], 1: [0, 0], 0: []}[node]


def a_long_way_and_a_short_one(node):  # 4 uses 0 at once, and by way of 3, 2 and 1
    return {4: [0, 3], 3: [1, 2], 2: [0, 1], 1: [0], 0: []}[node]


in_order = yours(my_order, order, (2, diamond_of_numbers), (4, a_long_way_and_a_short_one))
print(in_order(4, a_long_way_and_a_short_one))

# %% [markdown]
# **Step 3, yours to write** (5 minutes): the walk. Make a `Variable` of each value, let `f` compute with them, and go
# through the nodes in order; `received` is a dictionary from a node to what it has received so far. The result
# receives 1. A leaf has no `rule`; it only keeps what it receives.

# %% tags=["exercise"]
def my_gradients(f, *values):
    """The gradients of the number f(*variables) at these values: a list, one for each."""
    ...


# %% tags=["solution", "hide-input"]
def backward(result, g=1.0):
    """Add to the .grad of every leaf what it receives, when `result` receives g."""
    received = {result: g}
    for node in order(result, lambda made: made.operands):
        total = received[node]  # all users of the node came before it
        if node.rule is None:
            node.grad = node.grad + total
            continue
        for operand, part in zip(node.operands, node.rule(total), strict=True):
            received[operand] = received.get(operand, 0.0) + part


def gradients(f, *values):
    leaves = [Variable(value) for value in values]
    backward(f(*leaves))
    return [leaf.grad for leaf in leaves]


# %%
def diamond(a):
    b = a + a
    return b + b


def both_ways(a, b):
    product = a * b
    return product * product - a * b * a


grads = yours(my_gradients, gradients, (diamond, 1.0), (both_ways, 3.0, 5.0))
print("diamond:", float(grads(diamond, 1.0)[0]))
print("(ab)² − a²b at a = 3, b = 5:", [float(g) for g in grads(both_ways, 3.0, 5.0)])
assert gradients(both_ways, 3.0, 5.0) == [2 * 3 * 25 - 2 * 3 * 5, 2 * 9 * 5 - 9]

# %% [markdown]
# That is the engine, some fifty lines: a class, an order, a walk. Everything that follows is a rule more.
#
# ## 3. Wrong walks, and how they come about
#
# **Too early.** Whoever hands on at once whatever arrives, and then considers the node done, forgets the second
# contribution. **Once more.** Whoever hands on the whole sum again each time something arrives counts the first
# contribution twice. Compute both for the diamond before you run the cell.

# %%
def parts(node, g):
    """Each operand of a node, with what it receives when the node receives g."""
    return zip(node.operands, node.rule(g), strict=True) if node.rule else ()


def too_early(node, received, done):
    done.add(node)
    for operand, part in parts(node, received[node]):
        received[operand] = received.get(operand, 0.0) + part
        if operand not in done:
            too_early(operand, received, done)


def once_more(node, received, done):
    for operand, part in parts(node, received[node]):
        received[operand] = received.get(operand, 0.0) + part
        once_more(operand, received, done)


def walked(way, f, value):
    leaf = Variable(value)
    result = f(leaf)
    received = {result: 1.0}
    way(result, received, set())
    return float(received[leaf])


print("right:    ", float(gradients(diamond, 1.0)[0]))
print("too early:", walked(too_early, diamond, 1.0))
print("once more:", walked(once_more, diamond, 1.0))
assert [walked(way, diamond, 1.0) for way in (too_early, once_more)] == [2, 6]

# %% [markdown]
# There is a third way that gives the right number: hand on only the *new* piece each time. Then a node is visited
# once for every path that leads to it. With $n$ doublings, one after the other, there are $2^n$ paths to the leaf:

# %%
def piece_by_piece(node, g, received, visits):
    visits.append(node)
    received[node] = received.get(node, 0.0) + g
    for operand, part in parts(node, g):
        piece_by_piece(operand, part, received, visits)


for n in (2, 6, 12):
    leaf = result = Variable(1.0)
    for _ in range(n):
        result = result + result
    received, visits = {}, []
    piece_by_piece(result, 1.0, received, visits)
    nodes = order(result, lambda made: made.operands)
    assert received[leaf] == 2**n
    print(f"{n:2} doublings: {len(visits):4} visits, in order {len(nodes)}")

# %% [markdown]
# In order, each node is visited **once**, however many ways lead to it. That is why a network of a hundred layers
# with a skip around each of them can be differentiated at all.
#
# ### A second backward
#
# Call `backward` twice for the same result, and the leaf has received 4 twice: `.grad` is 8. That gradients **add
# up** is on purpose. The gradient of $L_1 + L_2$ is the sum of both gradients, so a large batch may be sent through
# in two halves, with one `backward` each, and the sum is there at the end. (If the loss is a *mean* over the batch, as
# most losses are, halve it first: the mean of all is half the sum of the two means. And this is why a training loop
# begins with `zero_grad`.)
#
# What must *not* survive is what the nodes between have received: it belongs to one walk. An engine that keeps it in
# the nodes (many small engines do) hands the old contributions on again. Which number does it give?

# %%
def keeps_everything(result):
    """As `backward`, but every node, not only the leaves, adds to its .grad and hands that on."""
    result.grad = 1.0
    for node in order(result, lambda made: made.operands):
        for operand, part in parts(node, node.grad):
            operand.grad = operand.grad + part


for way in (backward, keeps_everything):
    a = Variable(1.0)
    result = diamond(a)
    way(result)
    first = float(a.grad)
    way(result)
    print(f"{way.__name__:<17} after one: {first:.0f}   after two: {float(a.grad):.0f}")

# %% [markdown]
# With everything kept, $b$ has 2 from the first walk, gets 2 more, and hands on 4 over each of its two arrows:
# $4 + 8 = 12$. Right is 8. Our `received` is a dictionary that ends with the walk, and so does the library's.
#
# The library does one thing more: after a walk it frees what the operations have remembered, since that is most of
# the memory of a training. So a second walk over the same graph is refused, unless you asked for it beforehand.
# (PyTorch refuses it only at an operation that had something to remember, a product or a convolution. A sum has
# nothing, so there this very graph can be walked twice, and one that has a product in it cannot.)

# %%
a = Tensor(1.0, requires_grad=True)
c = diamond(a)
c.backward()
try:
    c.backward()
except RuntimeError as error:
    print(error)
a, first = Tensor(1.0, requires_grad=True), a.grad.item()
c = diamond(a)
c.backward(retain_graph=True)
c.backward()
print("one:", first, "  two:", a.grad.item())
assert (first, a.grad.item()) == (4, 8)

# %% [markdown]
# ### A change in place
#
# The rule of a product needs the values of its operands, *as they were*. What if somebody writes into them between
# the computation and the walk? Take $L = \sum x^3$, whose gradient is $3x^2$: at $x = (2, 3)$ that is $(12, 27)$.

# %%
def cubed(x):
    square = x * x
    return (square * x).sum()


x = Variable([2.0, 3.0])
result = cubed(x)
x.value += 1  # too late for the result, too early for the gradient
backward(result)
print("ours, when x is changed in between:", x.grad.tolist())
for at in ([2.0, 3.0], [3.0, 4.0]):
    print("the gradient at", at, "is", gradients(cubed, at)[0].tolist())

# %% [markdown]
# A number that is right for no $x$ at all, and no error. The library counts the writes into each array and compares
# when the walk gets there. So does PyTorch; but who writes to `x.data` there slips past its counter, and gets our
# 22 and 41. Here that way is closed, too: while a graph needs an array, it is read-only.

# %%
x = Tensor([2.0, 3.0], requires_grad=True)
result = cubed(x)
try:
    x.data[0] = 5
except ValueError as error:
    print("NumPy:", error)
with minifcn.no_grad():
    x += 1
try:
    result.backward()
except RuntimeError as error:
    print("minifcn:", error)

# %% [markdown]
# ## 4. Three sums with the same letters
#
# Now the convolution. Take its formula (01), multiply each result by what it receives, and add everything up. What a
# result receives we call $y$ here, since it has the shape of the result:
#
# $$\begin{aligned}T = \sum_{n,o,i,j}\;\sum_{c,k,l}\; &x[n, c, i s + k, j s + l]\\
# \cdot\; &w[o, c, k, l]\; y[n, o, i, j]\end{aligned}$$
#
# $T(x, w, y)$ is one number. It is **linear in each of the three**: every product has one factor of each. So its gradient with
# respect to one of them is what is left of the sum when that factor is taken out:
#
# * without $y$: $\;\sum x\,w$ for each $(n,o,i,j)$. That is the **convolution**.
# * without $x$: $\;\sum w\,y$ for each pixel of $x$. Pixel $(i s + k, j s + l)$ gets $w[k,l]\,y[i,j]$: stamps (05). That is the
#   **transposed convolution**.
# * without $w$: $\;\sum x\,y$ for each tap. That is **what the weight receives**.
#
# As programs they differ in one line. `"nckl,ockl->no"` says: `x` has the letters n c k l, `w` has o c k l, and all
# letters but n and o are summed away.

# %%
def windows(y, w, stride):
    """Each place (i, j) of a result like y, with the window of x that it sees."""
    (OH, OW), (KH, KW), (sh, sw) = y.shape[2:], w.shape[2:], pair(stride)
    for i, j in np.ndindex(OH, OW):
        yield i, j, (..., slice(i * sh, i * sh + KH), slice(j * sw, j * sw + KW))


def pair(stride):
    return stride if isinstance(stride, tuple) else (stride, stride)


def to_output(x, w, y, stride=1):
    """y = ∂T/∂y. Of the operand that is missing (here y) only the shape is taken."""
    made = np.zeros_like(y)
    for i, j, window in windows(y, w, stride):
        made[:, :, i, j] = np.einsum("nckl,ockl->no", x[window], w)
    return made


def to_input(x, w, y, stride=1):
    """x = ∂T/∂x"""
    made = np.zeros_like(x)
    for i, j, window in windows(y, w, stride):
        made[window] += np.einsum("no,ockl->nckl", y[:, :, i, j], w)
    return made


def to_weight(x, w, y, stride=1):
    """w = ∂T/∂w"""
    made = np.zeros_like(w)
    for i, j, window in windows(y, w, stride):
        made += np.einsum("nckl,no->ockl", x[window], y[:, :, i, j])
    return made


# %% [markdown]
# With $\langle a, b\rangle$, the sum of the products of two arrays number by number (05), the one sum has three
# bracketings:
#
# $$\begin{aligned}T(x, w, y) &= \langle \text{conv}(x, w),\, y\rangle\\
# &= \langle x,\, \text{conv}^T(w, y)\rangle\\
# &= \langle w,\, \text{weight}(x, y)\rangle.\end{aligned}$$
#
# The first two are $\langle Cx, y\rangle = \langle x, C^T y\rangle$ of 05. The third leg is seldom shown, and it
# is the one that catches a wrong gradient of the weight. Here are three small arrays of whole numbers, so that
# nothing is rounded:

# %%
rng = np.random.default_rng(8)


def whole(*shape):
    return rng.integers(-5, 6, shape).astype(float)


x, w, y = whole(1, 1, 3, 4), whole(1, 1, 2, 2), whole(1, 1, 2, 3)
plot.numbers(x[0, 0], w[0, 0], y[0, 0], titles=["x: 3 x 4", "w: 2 x 2", "y: 2 x 3"])

# %%
plot.numbers(
    to_output(x, w, y)[0, 0], to_input(x, w, y)[0, 0], to_weight(x, w, y)[0, 0],
    titles=["conv(x, w)", "convᵀ(w, y)", "weight(x, y)"],
)

# %%
products = to_output(x, w, y) * y, x * to_input(x, w, y), w * to_weight(x, w, y)
legs = [int(product.sum()) for product in products]
print("⟨conv(x, w), y⟩, ⟨x, convᵀ(w, y)⟩, ⟨w, weight(x, y)⟩ =", legs)
assert len(set(legs)) == 1

# %% [markdown]
# One array is not all arrays. Many geometries, with channels, images, strides that differ and rows that no window
# sees:

# %%
def cases(count=150):
    """x, w, y and a stride that belong together."""
    for _ in range(count):
        N, C, O, OH, OW, KH, KW, sh, sw, more = rng.integers(1, 4, 10).tolist()
        H, W = (OH - 1) * sh + KH + more % sh, (OW - 1) * sw + KW
        yield whole(N, C, H, W), whole(O, C, KH, KW), whole(N, O, OH, OW), (sh, sw)


tried = 0
for x, w, y, stride in cases():
    three = (to_output(x, w, y, stride) * y, x * to_input(x, w, y, stride), w * to_weight(x, w, y, stride))
    assert three[0].sum() == three[1].sum() == three[2].sum()
    tried += 1
print(f"{tried} geometries, three legs, no difference")

# %% [markdown]
# ## 5. By hand
#
# Back to the first section: $x = 0 \dots 8$, $w = \begin{pmatrix}1&2\\3&4\end{pmatrix}$, and the results receive
# $g = \begin{pmatrix}1&10\\100&1000\end{pmatrix}$. Take $w_{00}$: in the four windows it meets the pixels 0, 1, 3
# and 4, so it receives $1\cdot0 + 10\cdot1 + 100\cdot3 + 1000\cdot4 = 4310$. And a bias, which is added to every
# result, receives $1+10+100+1000 = 1111$.

# %%
image, kernel = np.arange(9.0).reshape(1, 1, 3, 3), np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
asked = np.array([[[[1.0, 10.0], [100.0, 1000.0]]]])  # g: what the four results receive
of_kernel, of_image = to_weight(image, kernel, asked)[0, 0], to_input(image, kernel, asked)[0, 0]
print(of_kernel.astype(int))
predict(prediction, of_kernel, "what the kernel receives")
assert np.array_equal(of_kernel, [[4310, 5421], [7643, 8754]])

# %% [markdown]
# Have you seen these numbers? They are what 01 computed from the image 0 to 8 and the kernel of place values. **What
# the weight receives is a convolution, too**: of $x$ with $g$ as the kernel. (The formula says so: tap $(k, l)$
# receives $\sum_{ij} x[i+k, j+l]\, g[i,j]$. Read $i, j$ as taps and $k, l$ as places.)
#
# Choose one result with the slider, and see what it alone asks for: it stamps $g\cdot w$ onto what the image
# receives, and adds $g$ times its window to what the kernel receives. The last frame is the sum of all four.

# %%
def one_asks(q):
    alone = asked.copy()
    alone.ravel()[np.arange(4) != q] = 0
    alone = asked if q == 4 else alone
    return plot.numbers(
        alone[0, 0], to_input(image, kernel, alone)[0, 0], to_weight(image, kernel, alone)[0, 0],
        titles=["g, one of it", "the image receives", "the kernel receives"],
    )


plot.Frames(one_asks, 5, "which result asks")

# %%
one_asks(4)  # the last frame again

# %% [markdown]
# And this is how a convolution enters our engine: with its rule, like the others.

# %%
def convolve(x, w, stride=1):
    """A Variable (N, O, OH, OW) of Variables x (N, C, H, W) and w (O, C, KH, KW)."""
    (N, _, H, W), (O, _, KH, KW), (sh, sw) = x.value.shape, w.value.shape, pair(stride)
    empty = np.zeros((N, O, (H - KH) // sh + 1, (W - KW) // sw + 1))
    a, b = x.value, w.value
    made = to_output(a, b, empty, stride)
    return Variable(made, (x, w), lambda g: (to_input(a, b, g, stride), to_weight(a, b, g, stride)))


def a_small_network(x, w, g):
    y = convolve(x, w)
    return (y * y * g).sum()  # a product, so that y is used twice


ours = gradients(a_small_network, image, kernel, asked)

# %% [markdown]
# The library agrees, to the last digit. Go backward through its graph, too, one step after the other: the convolution
# (`ToOutput`) waits for both arrows from the product below it.

# %%
tensors = [Tensor(array, requires_grad=True) for array in (image, kernel, asked)]
y = F.conv2d(tensors[0], tensors[1])
loss = (y * y * tensors[2]).sum()
theirs = minifcn.grad(loss, tensors, retain_graph=True)
assert all(np.array_equal(a, b.numpy()) for a, b in zip(ours, theirs, strict=True))
names = dict(zip(("x", "w", "g"), tensors, strict=True))
plot.walk(loss, names)

# %%
plot.walk(loss, names)[4]  # one of the frames, for viewers that take sliders away

# %% [markdown]
# ## 6. Why people conclude that PyTorch is wrong
#
# Now and then somebody computes the gradient of a weight by hand, gets something else than the library, and reports a
# bug. Three ways lead there. *Turned*: in a book, "the convolution of $x$ and $g$" turns its kernel (01), here $g$;
# the digits come out in the opposite order. *Padded*: zeros are put around $x$, as one puts them around $g$ for the
# gradient of the image; the right numbers are still there, in the middle. *Strided*: with stride 2, neighbouring
# numbers of $g$ meet pixels that are two apart, while neighbouring *taps* still meet neighbouring pixels. So the stride
# of the forward convolution becomes the **dilation** of this one, and its own stride is one. Who keeps it as a stride
# gets wrong numbers, and in an example as small as the one below even the right *shape*: nothing complains.

# %%
def plain(x, w, **options):
    return F.conv2d(Tensor(x), Tensor(w), **options).numpy()


wrong_ones = [plain(image, asked[..., ::-1, ::-1])[0, 0], plain(image, asked, padding=1)[0, 0]]
plot.numbers(of_kernel, *wrong_ones, titles=["right", "g turned", "zeros around x"])

# %%
big = np.arange(25.0).reshape(1, 1, 5, 5)
right = to_weight(big, kernel, asked, stride=2)[0, 0]
spread = plain(big, asked, dilation=2)[0, 0]  # 3x3, as there is a row of x that no window sees
strided = plain(big, asked, stride=2)[0, 0]
assert np.array_equal(spread[:2, :2], right) and strided.shape == right.shape
plot.numbers(right, spread, strided, titles=["stride 2: right", "dilation 2, 3x3", "stride 2 kept: wrong"])

# %% [markdown]
# The upper left 2x2 of the picture in the middle is the answer. The third row and column are the forgotten remainder
# of 06: a tap that would reach the row that no window sees.
#
# ## 7. How to find such a mistake: differences, exactly
#
# A gradient can be measured: move one number by $\varepsilon$ to both sides, see how $L$ changes, divide by
# $2\varepsilon$. Usually $\varepsilon$ is small, as the function is curved. A convolution is **not** curved: it is
# linear in $x$ and linear in $w$. So the difference is exact for every step, and the best step is **1**, with which
# whole numbers stay whole. A small step is even harmful: it has to be seen beside numbers of ordinary size.

# %%
def differences(function, at, step):
    """The gradient of function(at), a number, by central differences; in the precision of `at`."""
    measured = np.zeros_like(at)
    step = at.dtype.type(step)
    for q in np.ndindex(*at.shape):
        up, down = at.copy(), at.copy()
        up[q] += step
        down[q] -= step
        measured[q] = (function(up) - function(down)) / (2 * step)
    return measured


def of_image_with(w, g):
    """L as a function of the image alone: ⟨conv(x, w), g⟩."""
    return lambda x: (to_output(x, w, g) * g).sum()


rng = np.random.default_rng(0)
x, w, g = (rng.integers(-9, 10, (1, 1, *size)).astype(float) for size in ((4, 5), (2, 3), (3, 3)))
exact = to_input(x, w, g)
print(f"L is {of_image_with(w, g)(x):.0f}, the largest number of its gradient is {np.abs(exact).max():.0f}")
tried = (np.float64, 1), (np.float64, 1e-6), (np.float32, 1), (np.float32, 1e-3), (np.float32, 1e-6)
for dtype, step in tried:
    found = differences(of_image_with(w.astype(dtype), g.astype(dtype)), x.astype(dtype), step)
    error = np.abs(found - exact).max()
    shown = f"{error:.0e}" if 0 < error < 1 else f"{error:.0f}"
    print(f"{dtype.__name__}, step {step:<5g}: largest error {shown}")
assert np.array_equal(differences(of_image_with(w, g), x, 1), exact)

# %% [markdown]
# Why is float32 with $10^{-6}$ *entirely* wrong? Between 2048 and 4096 the float32 numbers lie
# $2^{-12} \approx 0.00024$ apart, and $L$ is there. A step of $10^{-6}$ to both sides changes $L$ by at most
# $147\cdot2\cdot10^{-6} \approx 0.0003$: by nothing, or by one gap. Divided by $2\cdot10^{-6}$ that is 0 or about
# 122, whatever the gradient is. (An error of 147 says that where the gradient is 147, the change was not seen at all.)
# With step 1 the error is 0, in both precisions: `array_equal`, no tolerance, no doubt.
#
# ### What should arrive at the result?
#
# Many tests call `y.sum().backward()`. Then every result receives **1**. Here are three wrong gradients of a weight;
# the question is which test notices them:

# %%
def g_turned(x, w, g):
    return to_weight(x, w, g[..., ::-1, ::-1])


def g_ignored(x, w, g):
    return to_weight(x, w, np.ones_like(g))


def divided(x, w, g):
    return to_weight(x, w, 1 / g)


def noticed(mistake, x, w, g):
    return not np.array_equal(mistake(x, w, g), differences(lambda w: (to_output(x, w, g) * g).sum(), w, 1))


at_random = rng.integers(1, 10, g.shape) * rng.choice([-1.0, 1.0], g.shape)  # whole numbers, none of them 0
caught = {}
print("                    all ones   at random")
for mistake in (g_turned, g_ignored, divided):
    ones, drawn = (noticed(mistake, x, w, given) for given in (np.ones_like(g), at_random))
    print(f"{mistake.__name__:<10} noticed: {'yes' if ones else 'no':<10} {'yes' if drawn else 'no'}")
    assert drawn and not ones
    caught[mistake.__name__] = ones
assert not noticed(to_weight, x, w, at_random)

# %% [markdown]
# All ones hide all three, as ones look the same turned, ignored and divided by. Let **whole numbers drawn at random**
# arrive, none of them 0. (`minifcn.autograd.gradcheck` does so. `torch.autograd.gradcheck` lets a 1 arrive at one
# result after the other and 0 at all others, which notices the three as well, and walks once for each result.)
#
# ## 8. The gradient equivalence
#
# Now the sentence that this lesson is about can be claimed, in both directions and for the weight, and be tried on a
# program that is wrong. The library's `minifcn.grad(y, x, g)`, like `torch.autograd.grad`, gives what $x$ receives when
# $y$ receives $g$. (One name below is not PyTorch's: there `output_size` is given to the layer, `nn.ConvTranspose2d`,
# when it is called; the function takes `output_padding` alone.)

# %%
def received(function, *arrays, g):
    """What each of the arrays receives when the result of the library's function receives g."""
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    return [made.numpy() for made in minifcn.grad(function(*tensors), tensors, Tensor(g))]


def convolution(stride):
    return lambda x, w: F.conv2d(x, w, stride=stride)


def transposed_convolution(stride, size):
    """Of the sizes that it may make, `size` (06)."""
    return lambda y, w: F.conv_transpose2d(y, w, stride=stride, output_size=size)


def transposed(y, w, x, stride):
    return transposed_convolution(stride, x.shape[2:])(Tensor(y), Tensor(w)).numpy()


def not_turned(y, w, x, stride):
    """Zeros between and around the pixels of y, and a window that does not turn the kernel (05)."""
    spread = F.insert_zeros(Tensor(y), stride)
    edges = [n - m for n, m in zip(x.shape[2:], spread.shape[2:], strict=True)]
    before = [k - 1 for k in w.shape[2:]]
    around = F.pad(spread, (before[1], edges[1], before[0], edges[0]))
    return F.conv2d(around, Tensor(w.swapaxes(0, 1).copy())).numpy()


def equivalent(way):
    """Whether `way` is the gradient of a convolution with respect to its image, everywhere."""
    return all(
        np.array_equal(received(convolution(stride), x, w, g=y)[0], way(y, w, x, stride))
        for x, w, y, stride in cases(40)
    )


ledger.claim(
    "C11",
    "what the image of a convolution receives is the transposed convolution, in every digit",
    equivalent,
    right=transposed,
    mistake=not_turned,
    named="the kernel slid over y without turning it",
)

# %%
def and_back(way):
    """Whether `way` is the gradient of a transposed convolution with respect to its (small) image."""
    return all(
        np.array_equal(received(transposed_convolution(stride, x.shape[2:]), y, w, g=x)[0], way(x, w, stride))
        for x, w, y, stride in cases(40)
    )


ledger.claim(
    "C11",
    "and the reverse: what the image of a transposed convolution receives is the convolution",
    and_back,
    right=lambda x, w, stride: plain(x, w, stride=stride),
    mistake=lambda x, w, stride: plain(x, w[..., ::-1, ::-1].copy(), stride=stride),
    named="a convolution with the kernel turned by 180°",
)


# %%
def third_leg(way):
    """Whether `way` is what the weight receives, of a convolution and of a transposed convolution."""
    for x, w, y, stride in cases(40):
        direct = received(convolution(stride), x, w, g=y)[1]
        back = received(transposed_convolution(stride, x.shape[2:]), y, w, g=x)[1]
        if not (np.array_equal(direct, way(x, w, y, stride)) and np.array_equal(back, direct)):
            return False
    return True


ledger.claim(
    "C11",
    "the third side: the weight receives the same in both, a convolution of x with y",
    third_leg,
    right=to_weight,
    mistake=lambda x, w, y, stride: to_weight(x, w, y[..., ::-1, ::-1], stride),
    named="y turned by 180°",
)

# %% [markdown]
# ## 9. The gradient of a gradient
#
# (Not counted either: whoever is in a hurry goes on with section 10.) $x$ receives $\text{conv}^T(w, y)$. That is a
# function of $w$ and $y$, linear in both, and one of our three. So it can be differentiated again with the same three
# rules: let $v$ (like $x$) be what *it* receives, then $\langle v, \text{conv}^T(w, y)\rangle = T(v, w, y)$, and
# therefore $w$ receives $\text{weight}(v, y)$ and $y$ receives $\text{conv}(v, w)$. No new formula, to any order.
# `create_graph=True` asks the library to record the walk itself:

# %%
x, w, y = whole(1, 2, 5, 6), whole(3, 2, 2, 3), whole(1, 3, 4, 4)
v = whole(1, 2, 5, 6)
X, weight, Y = (Tensor(array, requires_grad=True) for array in (x, w, y))
(first,) = minifcn.grad(F.conv2d(X, weight), X, Y, create_graph=True)
of_weight, of_y = minifcn.grad(first, (weight, Y), Tensor(v))
assert np.array_equal(of_weight.numpy(), to_weight(v, w, y))
assert np.array_equal(of_y.numpy(), to_output(v, w, y))
print("second order: equal in all", of_weight.numel() + of_y.numel(), "numbers")

# %% [markdown]
# ## 10. The library's
#
# Here are its three operations as they stand in `minifcn/functional/conv.py`. Compare them with your three sums: each
# `backward` names what arrives by the operand that is missing, and answers with the other two.

# %%
for operation in (conv.ToOutput, conv.ToInput, conv.ToWeight):
    print(inspect.getsource(operation))

# %% [markdown]
# `F.conv_transpose2d` *is* `ToInput`: not something that equals a gradient, but the same class. The `lambda`s are
# there so that a gradient that nobody wants (the image's, in the first layer) is not computed. The walk is in
# `minifcn/autograd/engine.py`; look for the dictionary `pending`, which is our `received`, and `_topological_order`,
# which is our `order` without calling itself, so that a chain of ten thousand operations is no problem. The three
# also stand alone, with PyTorch's names: `F.conv2d`, `F.conv2d_input`, `F.conv2d_weight` (in PyTorch the last two are
# in `torch.nn.grad`).
#
# How much faster than our loops? That depends on your machine.

# %% tags=["no-output"]
x, w, g = whole(2, 8, 32, 32), whole(8, 8, 3, 3), whole(2, 8, 30, 30)


def librarys():
    return received(F.conv2d, x, w, g=g)


assert np.array_equal(librarys()[0], to_input(x, w, g)) and np.array_equal(librarys()[1], to_weight(x, w, g))
ratio = seconds(lambda: (to_output(x, w, g), to_input(x, w, g), to_weight(x, w, g))) / seconds(librarys)
print(f"our three loops take {ratio:.0f} times as long as the library")

# %% [markdown]
# ## 11. Exercises
#
# ● is a matter of minutes, ●● takes ten; ●●● is for another day and not counted above.
#
# **By hand** (● 5 minutes). One row: $x = (1, 2, 3, 4)$, $w = (1, 10)$, and the three results receive
# $g = (1, 0, 2)$. (a) What does $w$ receive? (b) What does $x$ receive? (c) Compute $T$ by all three legs.
#
# <details><summary>Answers</summary>
#
# (a) $(1\cdot1 + 2\cdot3,\; 1\cdot2 + 2\cdot4) = (7, 10)$. (b) Stamps: $(1, 10, 2, 20)$. (c) $y = (21, 32, 43)$, so
# $21 + 86 = 107$; $1 + 20 + 6 + 80 = 107$; $7 + 100 = 107$.
#
# </details>

# %%
rows = [1, 2, 3, 4], [1, 10], [1, 0, 2]
x, w, g = (np.array(row, float)[None, None, None] for row in rows)
assert to_weight(x, w, g).ravel().tolist() == [7, 10] and to_input(x, w, g).ravel().tolist() == [1, 10, 2, 20]
assert (to_output(x, w, g) * g).sum() == (x * to_input(x, w, g)).sum() == (w * to_weight(x, w, g)).sum() == 107

# %% [markdown]
# **Write** (●● 7 minutes). What the weight receives, as *one convolution* with `F.conv2d` and no loop. Two things
# have to change places: images and channels (you sum over images now, and every channel is by itself), and stride and
# dilation. What comes out too large is cut to `weight_size`.

# %% tags=["exercise"]
def my_weight_gradient(x, weight_size, grad_output, stride=1):
    """x (N, C, H, W), grad_output (N, O, OH, OW) -> weight_size (O, C, KH, KW); stride: a number or a pair"""
    ...


# %% tags=["solution", "hide-input"]
def weight_gradient(x, weight_size, grad_output, stride=1):
    image, kernels = Tensor(x.swapaxes(0, 1)), Tensor(grad_output.swapaxes(0, 1))  # (C, N, H, W), (O, N, OH, OW)
    made = F.conv2d(image, kernels, dilation=stride).numpy()  # (C, O, ≥ KH, ≥ KW)
    return made.swapaxes(0, 1)[..., : weight_size[2], : weight_size[3]]


# %%
refusal = "a_kernel_that_does_not_make_the_gradient_is_refused"  # sizes that do not fit are not our subject here
report = check(conv2d_weight=yours(my_weight_gradient, weight_gradient), examples=15, without=refusal)
print(report)
assert report, "my_weight_gradient: see the report; mend it, or put ... back to go on with the solution"

# %% [markdown]
# **Break** (●●● 15 minutes). "Breadth first": a queue of nodes, each taken once, in the order in which they were
# first reached; whoever is taken hands on what it has. For the diamond that is right. Find a graph for which it is
# wrong.
#
# <details><summary>Answer</summary>
#
# Two ways of different length to the same inner node: $m = a + a$, $c = m + m\cdot m$. From $c$ the queue reaches $m$
# and then the product. $m$ is taken first and hands on the 1 that it has; the product's contribution to $m$ comes too
# late. At $a = 1$: 2 instead of $2(1 + 2m) = 10$.
#
# </details>

# %% tags=["solution", "hide-input"]
def breadth_first(result, received, done):
    queue = [result]
    for node in queue:  # it grows while it is walked
        if node not in done:
            done.add(node)
            for operand, part in parts(node, received[node]):
                received[operand] = received.get(operand, 0.0) + part
                queue.append(operand)


def long_and_short(a):
    m = a + a
    return m + m * m


assert walked(breadth_first, diamond, 1.0) == 4
assert (walked(breadth_first, long_and_short, 1.0), float(gradients(long_and_short, 1.0)[0])) == (2, 10)

# %% [markdown]
# ## 12. Five questions

# %%
quiz(
    Question(
        "b = a + a, c = b + b, d = c + c. What does a receive?",
        lambda: int(gradients(lambda a: diamond(a) + diamond(a), 1.0)[0]),
        "each doubling doubles it: 2·2·2",
    ),
    Question(
        "The results of a convolution (3x3 image, 2x2 kernel) receive 1 each. What does the bias receive?",
        lambda: int(np.ones_like(asked).sum()),
        "it was added to each of the four results",
    ),
    Question(
        "With which step are differences exact for a convolution?",
        lambda: "1"
        if np.array_equal(differences(of_image_with(kernel, asked), image, 1.0)[0, 0], of_image)
        else "as small as possible",
        "it is linear in the image, and with whole numbers nothing is rounded",
        choices=("1", "as small as possible"),
    ),
    Question(
        "A convolution has stride 2. Its weight receives a convolution of x with g: with which dilation?",
        lambda: next(d for d in (1, 2) if np.array_equal(plain(big, asked, dilation=d)[0, 0, :2, :2], right)),
        "neighbouring results see pixels that are two apart",
    ),
    Question(
        "Does a test whose results all receive 1 notice a gradient that ignores what arrives?",
        lambda: caught["g_ignored"],
        "it is right for exactly that test",
    ),
)

# %% [markdown]
# A network has one more kind of layer that loses something on the way down, and this time it is pixels: poolings.
# What they keep, what they forget, and why some image sizes crash, is 09.
#
# ## What was shown here

# %%
assert [claim.number for claim in ledger] == ["C11", "C11", "C11"]
ledger
