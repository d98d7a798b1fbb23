# %% [markdown]
# # Lab 3: Autograd
# ## 실습 3: 자동 미분
#
# A number is computed in many small steps. If every step notes what it was made of, one walk backwards tells how much
# each array matters to the result. This is called *automatic differentiation*, and a program that does it *autograd*.
# You write one in about sixty lines, and then the two gradients of a convolution, by which networks learn.
#
# You write nine functions, and six checks look at them:
#
# | parts | functions | check | points |
# |---|---|---|---|
# | 1 to 3 | `add`, `total`, `ordered`, `run_backward` | `sums` | 17 |
# | 4 and 5 | `unbroadcast`, `multiply` | `products` | 18 |
# | 6 | `power` | `powers` | 13 |
# | 7 | all of these | `graphs` | 18 |
# | 8 | `conv2d_input` | `conv2d_input` | 12 |
# | 9 | `conv2d_weight` | `conv2d_weight` | 12 |
#
# Two questions in words are worth 5 points each. Take about two and a half hours. You need NumPy, paper and a pencil.
# What you need of lab 1 is given here.
#
# It goes as in lab 1: first the small example of a part on paper, then the functions in place of
# `raise NotImplementedError`, then the check. The first thing on the list of a check is the simplest case; while that is
# wrong, the check gives no points. Parts 1 to 7 build on each other, so mend what comes first on the list before what
# comes later. Parts 8 and 9 need none of them.
#
# **요약.** 계산을 하면서 무엇이 무엇에서 나왔는지 적어 두면, 결과에서 거꾸로 따라가며 모든 기울기를 구할 수 있습니다. 이것을 자동 미분이라고
# 합니다. 이 실습에서는 약 60줄로 자동 미분 엔진을 만들고, 합성곱의 두 기울기(입력의 기울기와 가중치의 기울기)를 구현합니다. 먼저 종이에 작은
# 예제를 계산하고 코드를 쓴 다음, 확인하세요. NumPy만 사용합니다.

# %%
import numpy as np

from minifcn.labs import session

lab = session(3)

# %% [markdown]
# ## What a gradient is, here
#
# Say y is a single number, computed from an array a. The *gradient* of a is an array of a's shape. Its entry i says by
# how much y grows when a[i] grows by a tiny step, divided by the step. We say that a *receives* it.
#
# **By hand.** y = 3 · a₀ + a₁ · a₁ at a = (5, 2). If a₀ grows by 1, y grows by 3. If a₁ grows by a little t, then a₁ · a₁
# grows from 4 to 4 + 4t + t², so by about 4t. So a receives (3, 4).
#
# Three sentences are enough for all that follows.
#
# 1. The result y receives 1.
# 2. Each step knows what its operands receive when its result receives g. In r = p + q both receive g, for r grows as
#    much as either of them. In r = p · q, p receives g · q, and q receives g · p.
# 3. A value that is used twice receives the sum of both.
#
# **By hand.** a = 3, u = a + a, y = u · u. Forwards u = 6 and y = 36. Backwards: y receives 1; u is both factors, so it
# receives 6 + 6 = 12; a is both terms, so it receives 12 + 12 = 24. Check: y = 4 · a², and its slope is 8 · a = 24.

# %% [markdown]
# ## What you are given
#
# A `Tensor` holds an array (`value`), the Tensors it was made of (`operands`), and a function (`rule`) that turns what the
# result receives into what the operands receive, a tuple with one array for each. What it has received is in `grad`.
#
# Python turns `u + v` into `u.__add__(v)`, and `3 + v` into `v.__radd__(3)`. All of that is done here; each operator calls
# a function that you will write: `add`, `multiply`, `power`, `total` and `run_backward`. A difference is a sum with a
# minus, and a quotient a / b is a · b⁻¹.

# %%
class Tensor:
    """An array that knows what it was made of.

    value: an array of floats. operands: a tuple of Tensors. rule: what the result received -> a tuple, what each
    operand receives. grad: what it received, an array of the shape of `value`, or None.
    """

    def __init__(self, value, operands=(), rule=None):
        self.value = np.asarray(value, dtype=float)
        self.operands = operands
        self.rule = rule
        self.grad = None

    def __add__(self, other):
        return add(self, as_tensor(other))

    def __mul__(self, other):
        return multiply(self, as_tensor(other))

    def __pow__(self, exponent):
        return power(self, exponent)

    def __neg__(self):
        return negative(self)

    def __sub__(self, other):
        return add(self, negative(as_tensor(other)))

    def __rsub__(self, other):
        return add(as_tensor(other), negative(self))

    def __truediv__(self, other):
        return multiply(self, power(as_tensor(other), -1))

    def __rtruediv__(self, other):
        return multiply(as_tensor(other), power(self, -1))

    __radd__, __rmul__ = __add__, __mul__

    def sum(self):
        return total(self)

    def backward(self):
        run_backward(self)


def as_tensor(value):
    """A number or an array as a Tensor; a Tensor as it is."""
    return value if isinstance(value, Tensor) else Tensor(value)

# %% [markdown]
# Here is one operation, as a pattern for yours. r = −p falls as p grows, so p receives −g:

# %%
def negative(p):
    """−p, a Tensor."""
    return Tensor(-p.value, (p,), lambda g: (-g,))

# %% [markdown]
# The judge cannot look into your Tensors. It hands you functions and arrays, and looks at what comes back. `gradients`
# makes a Tensor of each array, and for each function one after the other computes its result and walks back. `sums`,
# `products`, `powers` and `graphs` are four names for it, so that each part has a check of its own.

# %%
def gradients(functions, arrays):
    """What the arrays have received after backward of every function, in turn; zeros for one that received nothing."""
    tensors = [Tensor(array) for array in arrays]
    for function in functions:
        function(*tensors).backward()
    return tuple(np.zeros_like(t.value) if t.grad is None else t.grad for t in tensors)


def sums(functions, arrays):
    return gradients(functions, arrays)


def products(functions, arrays):
    return gradients(functions, arrays)


def powers(functions, arrays):
    return gradients(functions, arrays)


def graphs(functions, arrays):
    return gradients(functions, arrays)

# %% [markdown]
# ## 1. Sums
#
# Write two operations. `add(p, q)` makes the Tensor p + q; for now both have one shape, and both receive g. (Shapes that
# differ come in part 4.) `total(p)` is the sum of all elements of p, a single number. Every element counts once, so every
# element receives g: `np.full(shape, g)` makes an array of g's.
#
# **By hand.** p = (1, 2), q = (3, 4), y = total(p + q) = 10. Each of the four elements receives 1.

# %% nbgrader={"grade": false, "grade_id": "add", "locked": false, "schema_version": 3, "solution": true, "task": false}
def add(p, q):
    """p + q, a Tensor. What comes in as g goes to both, in the shape of each."""
    ### BEGIN SOLUTION
    def handed_on(g, shape):
        return g if g.shape == shape else unbroadcast(g, shape)  # the second is of part 4

    return Tensor(p.value + q.value, (p, q), lambda g: (handed_on(g, p.value.shape), handed_on(g, q.value.shape)))
    ### END SOLUTION

# %% nbgrader={"grade": false, "grade_id": "total", "locked": false, "schema_version": 3, "solution": true, "task": false}
def total(p):
    """The sum of all elements of p, a Tensor with a single number. g is a number, too."""
    ### BEGIN SOLUTION
    return Tensor(p.value.sum(), (p,), lambda g: (np.full(p.value.shape, g),))
    ### END SOLUTION

# %% [markdown]
# ## 2. In which order
#
# Walking back, a value may hand on what it received only when *all* its users have handed theirs to it. So the walk needs
# an order: every Tensor before the Tensors it was made of.
#
# **By hand.** b = a + a, c = b + a, y = total(c). y, c, b, a is right: a comes last, for both b and c hand something to
# it. y, c, a, b is wrong: a would go before b has given its part.
#
# One way to find it: look at a Tensor's operands first, all the way down, and write the Tensor down *after* them. What
# you get is from the arrays to the result; turn it round. Each Tensor stands in it once, however often it is used.
#
# A function that calls itself for each operand would be short. But Python allows about a thousand calls within each other,
# and a network that runs through a long sequence is longer. So keep a list of what is still to do, a *stack*, and a loop:
# put a Tensor on it twice, first to look at its operands and then to write it down.
#
#     stack = [(result, False)]              # (Tensor, whether its operands are done)
#     take one off (stack.pop());  done? write it down;  else, if it is new: put (it, True) back, then each operand
#
# For "is it new" keep a set of `id(tensor)`. There is no check yet: `ordered` and the walk of part 3 are tried together.
#
# **The limits** (4 points each, in `sums` and `graphs`). A sum of 2000 terms, one after the other, must come back. And
# twelve doublings, b = a + a again and again, run at most 1500 of your lines: 4096 ways lead through them, so whoever
# follows each way needs far more.

# %% nbgrader={"grade": false, "grade_id": "ordered", "locked": false, "schema_version": 3, "solution": true, "task": false}
def ordered(result):
    """All Tensors that `result` was made of, and itself: a list, each one once and before its operands."""
    ### BEGIN SOLUTION
    written, known, stack = [], set(), [(result, False)]
    while stack:
        tensor, done = stack.pop()
        if done:
            written.append(tensor)
        elif id(tensor) not in known:
            known.add(id(tensor))
            stack.append((tensor, True))
            stack.extend((operand, False) for operand in tensor.operands)
    return written[::-1]
    ### END SOLUTION

# %% [markdown]
# ## 3. The walk
#
# The result receives 1. Then go through the order. Ask each Tensor's rule what its operands receive, and *add* that to
# what they have received so far in this walk. Keep it in a dictionary, from `id(tensor)` to an array. A Tensor without
# a rule is one of the arrays you began with.
#
# Only at the end, put what was received into `grad`: if `grad` is None it is a copy of that, else the sum of both. So a
# second backward *adds up* with the first, as it does in PyTorch. (Why not use `grad` itself as the dictionary? A second
# backward of the same result would then hand on what the first one has handed on already.)
#
# Make new arrays, do not change one in place with `+=`: both terms of a sum received the *same* g, and whoever changes it
# changes both.

# %% nbgrader={"grade": false, "grade_id": "run_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def run_backward(result):
    """Let every Tensor that `result` was made of receive its gradient, and add it to its `grad`."""
    ### BEGIN SOLUTION
    received = {id(result): np.ones_like(result.value)}
    for tensor in ordered(result):
        g = received[id(tensor)]
        tensor.grad = g.copy() if tensor.grad is None else tensor.grad + g
        if tensor.rule is None:
            continue
        for operand, part in zip(tensor.operands, tensor.rule(g), strict=True):
            received[id(operand)] = received[id(operand)] + part if id(operand) in received else part
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-sums", "locked": true, "points": 17, "schema_version": 3, "solution": false, "task": false}
lab.check(sums)

# %% [markdown]
# ## 4. Shapes that differ
#
# NumPy repeats what is too small: (2, 3) + (3,) adds the row to both rows. A value that is repeated is used several
# times, and sentence 3 says what it receives: the sum over its copies.
#
# **By hand.** p has the shape (2, 3) and q the shape (3,); p + q receives g = [[1, 2, 3], [10, 20, 30]]. Then p receives
# g, and q receives the sum over the rows, (11, 22, 33). If q had the shape (2, 1), it would receive the sum of each row,
# [[6], [60]]. A single number, of shape (), would receive 66.
#
# `unbroadcast(g, shape)` does that: sum over axes that `shape` does not have (they are the first ones), then over axes
# where `shape` has 1, keeping those (`keepdims=True`). Then use it in `add`, above, for both operands; run that cell and
# this one again.

# %% nbgrader={"grade": false, "grade_id": "unbroadcast", "locked": false, "schema_version": 3, "solution": true, "task": false}
def unbroadcast(g, shape):
    """g, summed to `shape`: over the axes along which an array of that shape was repeated."""
    ### BEGIN SOLUTION
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    repeated = tuple(axis for axis, n in enumerate(shape) if n == 1)
    return g.sum(axis=repeated, keepdims=True)
    ### END SOLUTION

# %% [markdown]
# ## 5. Products
#
# In r = p · q, p receives g · q and q receives g · p, each summed to its own shape.
#
# **By hand.** p = (1, 2), q = (3, 4), g = (1, 10). p receives (3, 40), q receives (1, 20).

# %% nbgrader={"grade": false, "grade_id": "multiply", "locked": false, "schema_version": 3, "solution": true, "task": false}
def multiply(p, q):
    """p · q, element by element, a Tensor."""
    ### BEGIN SOLUTION
    def rule(g):
        return unbroadcast(g * q.value, p.value.shape), unbroadcast(g * p.value, q.value.shape)

    return Tensor(p.value * q.value, (p, q), rule)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-products", "locked": true, "points": 18, "schema_version": 3, "solution": false, "task": false}
lab.check(products)

# %% [markdown]
# ## 6. Powers
#
# For a fixed number k, p**k receives g and hands on g · k · p**(k − 1). Two traps: p**0 is 1 whatever p is, so p receives
# 0, also where p is 0 (there 0 · p**(−1) is 0 · ∞, NaN). And the exponent may be −1: that is how quotients are made.
#
# **By hand.** p = (2, 4), k = −1, g = (1, 1). p**(−1) is (1/2, 1/4), and p receives (−1/4, −1/16).

# %% nbgrader={"grade": false, "grade_id": "power", "locked": false, "schema_version": 3, "solution": true, "task": false}
def power(p, k):
    """p**k, a Tensor, for a fixed number k: 0, 1, 2, ..., or a negative one."""
    ### BEGIN SOLUTION
    def rule(g):
        return (g * k * p.value ** float(k - 1) if k else np.zeros_like(g),)

    return Tensor(p.value ** float(k), (p,), rule)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-powers", "locked": true, "points": 13, "schema_version": 3, "solution": false, "task": false}
lab.check(powers)

# %% [markdown]
# ## 7. Graphs
#
# Nothing to write here if your walk is right. This check uses values again and again, near the result and far from it,
# runs backward twice, and leaves arrays out. If something fails, look at `ordered` and `run_backward`.
#
# **By hand.** a = 1, b = a + a, c = b + b, d = c + c. Draw the arrows from d back to a. How many ways are there? 8, and a
# receives 8. Yet your walk asks each of the three sums only once.

# %% nbgrader={"grade": true, "grade_id": "check-graphs", "locked": true, "points": 18, "schema_version": 3, "solution": false, "task": false}
lab.check(graphs)

# %% [markdown]
# ## 8. What the image of a convolution receives
#
# Lab 1's convolution, as a loop over the taps: each tap (k, l) of the kernel is multiplied with the pixels that it sees,
# one slice of the framed image.

# %%
def pair(value):
    """3 -> (3, 3), and (2, 3) -> (2, 3)."""
    return tuple(value) if isinstance(value, tuple | list) else (value, value)


def output_size(size, kernel, stride=1, padding=0, dilation=1):
    """How many windows fit: (H, W), (KH, KW) -> (OH, OW). All but `size` and `kernel` are numbers or pairs."""
    numbers = zip(size, kernel, pair(stride), pair(padding), pair(dilation), strict=True)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in numbers)


def tap(k, l, size, stride, dilation):
    """Two slices, of rows and columns: the pixels of the framed image under tap (k, l). size: (OH, OW)."""
    (OH, OW), (sh, sw), (dh, dw) = size, stride, dilation
    return slice(k * dh, k * dh + (OH - 1) * sh + 1, sh), slice(l * dw, l * dw + (OW - 1) * sw + 1, sw)


def conv2d(x, weight, stride=1, padding=0, dilation=1):
    """(N, C, H, W) and (O, C, KH, KW) -> (N, O, OH, OW)."""
    (KH, KW), (ph, pw) = weight.shape[2:], pair(padding)
    size = output_size(x.shape[2:], (KH, KW), stride, padding, dilation)
    framed = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    y = np.zeros((len(x), len(weight), *size), x.dtype)
    for k, l in np.ndindex(KH, KW):
        rows, columns = tap(k, l, size, pair(stride), pair(dilation))
        y += np.einsum("nchw,oc->nohw", framed[:, :, rows, columns], weight[:, :, k, l])
    return y

# %% [markdown]
# (`np.einsum("nchw,oc->nohw", a, b)` multiplies and sums over c, the letter that is missing on the right.)
#
# Now backwards. Pixel q was multiplied with weight w for result r, so r = ... + w · x[q] + ...: when r receives g, the
# pixel receives g · w. Where conv2d *reads* the slice of tap (k, l), you *add* to the same slice of an empty frame. At
# the end cut the frame off.
#
# **By hand.** One row x = (x₀, x₁, x₂, x₃), kernel (1, 10), stride 2: the results are x₀ + 10 · x₁ and x₂ + 10 · x₃. They
# receive (3, 4); the pixels receive (3, 30, 4, 40). With stride 1 there are three results; if they receive (3, 4, 5), the
# stamps (3, 30), (4, 40) and (5, 50) overlap, and the pixels receive (3, 34, 45, 50).
#
# Raise a ValueError if `grad_output` has another size than a convolution of such an image makes (`output_size`).
#
# **The limit** (2 points): with a kernel of 3x3, a call runs at most 200 lines of your code, whatever the image.

# %% nbgrader={"grade": false, "grade_id": "conv2d_input", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1):
    """What x receives when conv2d(x, weight) receives grad_output.

    input_size: (N, C, H, W), the shape of x. weight: (O, C, KH, KW). grad_output: (N, O, OH, OW). -> (N, C, H, W)
    """
    ### BEGIN SOLUTION
    (N, C, H, W), (KH, KW), (ph, pw) = input_size, weight.shape[2:], pair(padding)
    size = output_size((H, W), (KH, KW), stride, padding, dilation)
    if grad_output.shape[2:] != size:
        raise ValueError(f"the gradient has {grad_output.shape[2:]} pixels, the convolution makes {size}.")
    framed = np.zeros((N, C, H + 2 * ph, W + 2 * pw), weight.dtype)
    for k, l in np.ndindex(KH, KW):
        rows, columns = tap(k, l, size, pair(stride), pair(dilation))
        framed[:, :, rows, columns] += np.einsum("nohw,oc->nchw", grad_output, weight[:, :, k, l])
    return framed[:, :, ph : ph + H, pw : pw + W].copy()
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-conv2d_input", "locked": true, "points": 12, "schema_version": 3, "solution": false, "task": false}
lab.check(conv2d_input)

# %% [markdown]
# ## 9. What the weight receives
#
# Weight w[o, c, k, l] was multiplied with every pixel under tap (k, l), for all windows and all images. So it receives the
# sum of pixel times what the result received, over images and windows: all images share one weight.
#
# **By hand.** x = (1, 2, 3, 4), a kernel of two taps, stride 2; the results receive (3, 4). Tap 0 saw the pixels 1 and 3:
# it receives 3 · 1 + 4 · 3 = 15. Tap 1 saw 2 and 4: 3 · 2 + 4 · 4 = 22.
#
# Here, too, raise a ValueError if `grad_output` has another size than a convolution of this image makes.
#
# **The limit** (2 points): at most 200 lines again, for a kernel of 3x3.

# %% nbgrader={"grade": false, "grade_id": "conv2d_weight", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d_weight(x, weight_size, grad_output, stride=1, padding=0, dilation=1):
    """What the weight receives when conv2d(x, weight) receives grad_output.

    x: (N, C, H, W). weight_size: (O, C, KH, KW), the shape of the weight. grad_output: (N, O, OH, OW). -> weight_size
    """
    ### BEGIN SOLUTION
    (KH, KW), (ph, pw) = weight_size[2:], pair(padding)
    size = output_size(x.shape[2:], (KH, KW), stride, padding, dilation)
    if grad_output.shape[2:] != size:
        raise ValueError(f"the gradient has {grad_output.shape[2:]} pixels, the convolution makes {size}.")
    framed = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    received = np.zeros(weight_size, x.dtype)
    for k, l in np.ndindex(KH, KW):
        rows, columns = tap(k, l, size, pair(stride), pair(dilation))
        received[:, :, k, l] = np.einsum("nohw,nchw->oc", grad_output, framed[:, :, rows, columns])
    return received
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-conv2d_weight", "locked": true, "points": 12, "schema_version": 3, "solution": false, "task": false}
lab.check(conv2d_weight)

# %% [markdown]
# ## Both halves together
#
# With these two a convolution is one more operation of your engine, and this is how a network learns:
#
#     def convolve(x, weight, stride=1, padding=0):
#         def rule(g):
#             to_x = conv2d_input(x.value.shape, weight.value, g, stride, padding)
#             return to_x, conv2d_weight(x.value, weight.value.shape, g, stride, padding)
#
#         return Tensor(conv2d(x.value, weight.value, stride, padding), (x, weight), rule)
#
# Try it with y = convolve(x, weight) and (y * y).sum().backward(), and compare one entry of weight.grad with a difference:
# change that weight by 0.001, compute the sum again, divide how much it grew by 0.001.
#
# ## In words
#
# Two questions, 5 points each. A few sentences are enough; a small example is worth more than a long text.

# %% [markdown] nbgrader={"grade": true, "grade_id": "order", "locked": false, "points": 5, "schema_version": 3, "solution": true, "task": false}
# A friend hands on each contribution at once, as soon as it arrives, instead of waiting for an order. Take b = a + a,
# c = b + b, d = c + c, and y = total(d). Say what happens when each arrival at a value hands on only what has just
# arrived, and what happens when it hands on all that has arrived so far. Which of the two is wrong, and what is the
# matter with the other?
#
# ### BEGIN SOLUTION
# Handing on only the new part is right: 8 ways lead from d to a, each brings 1, and a receives 8 (2 points). But it walks
# every way by itself, 2**n for n doublings, where the order asks n sums once (1 point). Handing on all that has arrived
# so far is wrong: c receives 1, hands on 1 to b twice, then holds 2 and hands on 2 twice, and so on, so that a receives
# more than 8 (2 points).
# ### END SOLUTION


# %% [markdown] nbgrader={"grade": true, "grade_id": "memory", "locked": false, "points": 5, "schema_version": 3, "solution": true, "task": false}
# Which arrays must be kept from the way forward until backward has run, in (p · q + r).sum() for three arrays of a million
# elements? Which need not be kept, and why does a network need so much more memory for training than for its answers?
#
# ### BEGIN SOLUTION
# p and q, for the rule of the product needs both (2 points). Neither r nor p · q + r nor their sum: the rules of sums
# need the shapes alone (2 points). In training what every layer saw is kept until backward comes back to it; for an
# answer each map may go as soon as the next one is there (1 point).
# ### END SOLUTION
