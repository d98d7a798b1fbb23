"""What decides how a network learns, from the options of a run: optimiser, schedule, and pictures changed at random."""

from __future__ import annotations

from minifcn import data, optim
from minifcn.commands.options import Options
from minifcn.data import Dataset
from minifcn.data.transforms import ColorJitter, Compose, RandomCrop, RandomHorizontalFlip, RandomScale, Transform
from minifcn.models import FCN


def learning(
    options: Options, model: FCN, training: Dataset
) -> tuple[optim.Optimizer, optim.LRScheduler, data.DataLoader]:
    """Optimiser, schedule (one step per batch) and loader."""
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if options.optimizer == "sgd":
        optimizer: optim.Optimizer = optim.SGD(learned, options.lr, options.momentum, weight_decay=options.weight_decay)
    else:
        kind = optim.AdamW if options.optimizer == "adamw" else optim.Adam
        optimizer = kind(learned, options.lr, weight_decay=options.weight_decay)
    transform = augmentation(training, options.size) if options.augment else None
    loader = data.DataLoader(
        training, options.batch_size, shuffle=True, transform=transform, seed=options.seed, prefetch=True
    )
    schedule = scheduled(options.schedule, optimizer, options.epochs * len(loader))
    return optimizer, schedule, loader


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
