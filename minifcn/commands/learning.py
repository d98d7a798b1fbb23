"""What decides how a network learns, from the options of a run: optimiser, schedule, and pictures changed at random."""

from __future__ import annotations

from minifcn import data, optim
from minifcn.commands.options import Options
from minifcn.data import Dataset
from minifcn.data.transforms import ColorJitter, Compose, RandomCrop, RandomHorizontalFlip, RandomScale, Transform
from minifcn.machine.processes import ALONE, ProcessGroup
from minifcn.models import Network
from minifcn.training.groups import parameter_groups
from minifcn.training.objective import check_rate


def learning(
    options: Options, model: Network, training: Dataset, group: ProcessGroup = ALONE
) -> tuple[optim.Optimizer, optim.LRScheduler, data.DataLoader]:
    """Optimiser, schedule (one step per batch) and loader; that of a process gives its share of each batch."""
    learned = parameter_groups(model, options.lr, options.bias_lr, options.bias_decay)
    if options.optimizer == "sgd":
        optimizer: optim.Optimizer = optim.SGD(learned, options.lr, options.momentum, weight_decay=options.weight_decay)
    else:
        kind = optim.AdamW if options.optimizer == "adamw" else optim.Adam
        optimizer = kind(learned, options.lr, weight_decay=options.weight_decay)
    transform = augmentation(training, options.size) if options.augment else None
    loader = data.DataLoader(
        training, options.batch_size, shuffle=True, transform=transform, seed=options.seed, prefetch=True,
        rank=group.rank, num_replicas=group.size,
    )  # fmt: skip
    schedule = scheduled(options.schedule, optimizer, options.epochs * len(loader))
    return optimizer, schedule, loader


def warning_of_rate(options: Options, training: Dataset) -> str:
    """What `check_rate` says of these options; it takes all images to be as large as the first, and nothing as void."""
    if options.optimizer != "sgd":
        return ""  # Adam moves every weight by the learning rate, whatever the loss is multiplied by
    H, W = options.size or training[0].size
    images = min(options.batch_size * options.accumulate, len(training))
    return check_rate(options.reduction, options.lr, options.momentum, H * W * images)


def scheduled(name: str, optimizer: optim.Optimizer, steps: int) -> optim.LRScheduler:
    """How the learning rate falls over all steps of the run."""
    if name == "poly":
        return optim.PolynomialLR(optimizer, steps, power=0.9)
    if name == "cosine":
        return optim.CosineAnnealingLR(optimizer, steps)
    if name == "step":
        return optim.StepLR(optimizer, max(1, steps // 3), gamma=0.1)
    return optim.StepLR(optimizer, steps, gamma=1.0)


def augmentation(training: Dataset, size: tuple[int, int] | None) -> Compose:
    """Mirror, zoom and colour: what a road scene looks like under other circumstances."""
    steps: list[Transform] = [RandomHorizontalFlip(), ColorJitter(0.2, 0.2, 0.2)]
    if size is not None:
        steps[1:1] = [RandomScale(0.75, 1.5), RandomCrop(size, training.mean)]
    return Compose(steps)
