"""Batch normalisation whose batch is that of all processes; the name, and how to get it, are PyTorch's."""

from __future__ import annotations

from minifcn.errors import ArgumentTypeError
from minifcn.functional.synchronised import sync_batch_norm
from minifcn.machine.mpi import world
from minifcn.machine.processes import ProcessGroup
from minifcn.nn.module import Module
from minifcn.nn.normalization import BatchNorm2d
from minifcn.tensor import Tensor


class SyncBatchNorm(BatchNorm2d):
    """`BatchNorm2d` whose mean and variance, in training, are those of the batches of all processes together.

    process_group   whose; None: of all processes that were started together with this one

    In eval mode, and in a process alone, it is BatchNorm2d.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        *,
        process_group: ProcessGroup | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine)
        if process_group is not None and not isinstance(process_group, ProcessGroup):
            raise ArgumentTypeError(
                f"SyncBatchNorm: process_group must be a ProcessGroup or None, got {type(process_group).__name__}; "
                f"leave it out for all processes that were started together."
            )
        self.process_group = world() if process_group is None else process_group

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.process_group.size == 1:
            return super().forward(x)
        running, affine = (self.running_mean, self.running_var), (self.weight, self.bias)
        return sync_batch_norm(x, *running, *affine, self._share(), self.eps, self.process_group)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: ProcessGroup | None = None) -> Module:
        """`module` with every BatchNorm2d in it, itself included, in this class: the same parameters and buffers."""
        if type(module) is BatchNorm2d:
            C, affine = module.num_features, module.weight is not None
            made = cls(C, module.eps, module.momentum, affine, process_group=process_group)
            vars(made).update(vars(module))
            return made
        for name, value in vars(module).items():
            if isinstance(value, Module):
                setattr(module, name, cls.convert_sync_batchnorm(value, process_group))
            elif isinstance(value, dict):
                for key, each in value.items():
                    if isinstance(each, Module):
                        value[key] = cls.convert_sync_batchnorm(each, process_group)
            elif isinstance(value, list | tuple) and any(isinstance(each, Module) for each in value):
                made_of = (cls.convert_sync_batchnorm(v, process_group) if isinstance(v, Module) else v for v in value)
                setattr(module, name, type(value)(made_of))
        return module
