"""FCN-8s: inference, and one step of training."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import minifcn
import minifcn.functional as F
from benchmarks.contender import Arrays
from benchmarks.on_gpu.convolutions import convolution
from benchmarks.on_gpu.precision import FP32
from benchmarks.on_gpu.side import OURS, THEIRS, Count, Side
from benchmarks.opponents.fcn_in_torch import HEADS, STAGES, fcn
from benchmarks.opponents.pytorch import CHANNELS_LAST
from benchmarks.ours import OPTIMIZERS
from benchmarks.works import NetworkJob, learned, training_step
from minifcn import Tensor


class Network:
    """The steps of benchmarks/ours.py and benchmarks/opponents/pytorch.py, on a GPU.

    There is one network of ours, as to draw 134 million weights takes seconds; it is loaded anew for everybody.
    """

    def __init__(self, job: NetworkJob) -> None:
        self.job, self.parts = job, job.parts
        self.net = job.network()
        self.start = {name: value.numpy().copy() for name, value in self.net.state_dict().items()}
        self.names = [name for name, _ in learned(self.net)]

    def limits(self, precision: str) -> dict[str, float]:
        """As in benchmarks/works.py, but for AdamW, whose first step is nearly lr·sign(g): one wrong sign among 16
        numbers moves them by 0.5, and no step at all by 1.

        In TF32 every layer adds 3e-4 to the scores. Of a gradient more is lost: where a score of the layer is so near
        to 0 that its sign changes, ReLU passes a whole gradient on or none, so a share s of changed signs moves it by
        √s. With the factors of all convolutions rounded to TF32, a VGG16 of half the channels was off by 5e-2.
        """
        if precision != FP32:
            return {"scores": 5e-3, "loss": 5e-3, "gradient": 0.15, "update": 0.5}
        return self.job.limits | ({"gradient": 5e-2, "update": 0.9} if self.job.optimizer == "adamw" else {})

    def counts(self) -> list[list[Count]]:
        return [operations(self.job)]

    def reference(self, device: Any) -> Arrays:
        """float64 by im2col, where the network is."""
        with minifcn.use_algorithm("im2col"):
            return self.ours(device, np.float64).results()

    # Ours -----------------------------------------------------------------------------------------------------------

    def load(self, place: str, dtype: Any) -> None:
        """The one network as it was drawn, on `place`."""
        self.net.zero_grad()
        if next(self.net.parameters()).dtype != dtype:
            self.net.to(dtype)
        self.net.to(place)
        self.net.load_state_dict(self.start)

    def unload(self) -> None:
        """To the CPU: only memory that counts is left on the GPU."""
        self.load("cpu", np.float32)

    def ours(self, device: Any, dtype: Any = np.float32) -> Side:
        xp, net, job = device.xp, self.net, self.job
        self.load(device.place, dtype)
        images = Tensor(job.images, dtype=dtype, device=device.place)
        if not job.optimizer:

            def infer(number: int) -> Any:
                with minifcn.no_grad():
                    return net(images)

            return Side("minifcn", [infer], lambda made: {"scores": made[0].data}, OURS)
        labels = Tensor(job.labels, device=device.place)
        optimizer = OPTIMIZERS[job.optimizer]([value for _, value in learned(net)], **job.options)

        def arrays(made: list[Any]) -> Arrays:
            found = {"loss": xp.asarray(made[0])}
            for name, value in learned(net):
                found[f"gradient of {name}"] = value.grad.data
                found[f"update of {name}"] = value.data - xp.asarray(self.start[name], dtype=dtype)
            return found

        def reset() -> None:
            self.load(device.place, dtype)
            optimizer.state.clear()

        return Side("minifcn", [training_step(net, optimizer, F.cross_entropy, images, labels)], arrays, OURS, reset)

    # Theirs ---------------------------------------------------------------------------------------------------------

    def theirs(self, device: Any, variant: str) -> Side:
        torch, xp, job = device.torch, device.xp, self.job
        order = torch.channels_last if variant == CHANNELS_LAST else torch.contiguous_format
        net = fcn(job.backbone, job.classes, job.width)
        with torch.no_grad():
            for theirs, name in zip(net.parameters(), self.names, strict=True):
                theirs.copy_(torch.from_numpy(self.start[name]))
        net = net.to(device.their_place).to(memory_format=order).train(bool(job.optimizer))
        images = torch.from_numpy(job.images).to(device.their_place).contiguous(memory_format=order)
        if not job.optimizer:

            def infer(number: int) -> Any:
                with torch.inference_mode():
                    return net(images)

            return Side(variant, [infer], lambda made: {"scores": xp.asarray(made[0].detach())}, THEIRS)
        labels = torch.from_numpy(job.labels.astype(np.int64)).to(device.their_place)
        optimizer = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}[job.optimizer](net.parameters(), **job.options)

        loss = partial(torch.nn.functional.cross_entropy, ignore_index=255)

        def arrays(made: list[Any]) -> Arrays:
            found = {"loss": xp.asarray(made[0])}
            for value, name in zip(net.parameters(), self.names, strict=True):
                found[f"gradient of {name}"] = xp.asarray(value.grad.detach())
                found[f"update of {name}"] = xp.asarray(value.detach()) - xp.asarray(self.start[name])
            return found

        return Side(variant, [training_step(net, optimizer, loss, images, labels)], arrays, THEIRS)


def operations(job: NetworkJob) -> list[Count]:
    """The convolutions, with bias and ReLU as part of them, and what an optimiser reads and writes.

    In training a convolution stands for three, of the same operations and bytes each; the first has no gradient of its
    input. Poolings, additions and the loss are left out: it is a floor.
    """
    (N, H, W), training = job.shape, bool(job.optimizer)
    made: list[Count] = []
    weights = 0

    def add(C: int, O: int, H: int, W: int, kernel: int, first: bool = False) -> None:
        nonlocal weights
        one = convolution((N, C, H, W), (O, C, kernel, kernel), (N, O, H, W))
        made.extend([one] * (1 if not training else 2 if first else 3))
        weights += O * C * kernel**2

    def scaled(C: int) -> int:
        return max(1, round(C * job.width))

    before, pools = 3, []
    for channels in STAGES[job.backbone]:
        for C in map(scaled, channels):
            add(before, C, H, W, 3, first=not made)
            before = C
        H, W = -(-H // 2), -(-W // 2)
        pools.append((before, H, W))
    wide, kernel = scaled(HEADS[job.backbone][0]), HEADS[job.backbone][1]
    add(before, wide, H, W, kernel)
    add(wide, wide, H, W, 1)
    for C, rows, columns in ((wide, H, W), pools[3], pools[2]):
        add(C, job.classes, rows, columns, 1)
    if training:  # SGD with momentum reads weight, gradient and velocity, and writes two; AdamW has one more of each
        made.append((0.0, 4.0 * weights * (5 if job.optimizer == "sgd" else 7)))
    return made
