"""Images prepared for the weights that are fed with them: a data set under the mean and deviation of a network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minifcn.commands.looking import say
from minifcn.commands.options import Options
from minifcn.data import Dataset, Sample
from minifcn.models import Network
from minifcn.training import Card
from minifcn.weights import load_pretrained


class Prepared:
    """A data set whose images are normalised as the network was trained to expect, not by its own mean."""

    def __init__(self, dataset: Dataset, card: Card) -> None:
        self.dataset, self.classes, self.palette, self.name = dataset, dataset.classes, dataset.palette, dataset.name
        self.mean, self.std = np.array(card.mean, np.float32), np.array(card.std, np.float32)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int, /) -> Sample:
        return self.dataset[index]


def begun_with_weights(model: Network, card: Card, options: Options) -> Card:
    """Loads --weights into the fresh `model`, says so, and returns the card with the preparation of these weights.

    Raises as `load_pretrained` does.
    """
    if options.weights is None:
        if options.pretrained or options.train_only == "score":  # a score alone has to stand on what was learnt before
            say("train", f"{options.backbone} begins with nothing, where a trained one is meant; pass --weights FILE.")
        return card
    report = load_pretrained(model, options.weights, kind=options.weights_kind, inside=options.inside)
    print(f"weights: {report.summary()}")
    return replace(card, mean=report.mean, std=report.std)
