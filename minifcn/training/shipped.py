"""Small trained networks that come with the package, and the record of how each was made.

An FCN-8s, an FCN-16s and an FCN-32s of generated scenes: enough to look at real score maps, and of no use for
photographs. Each file is what one `minifcn train` wrote; the commands stand beside them, in weights/shipped/README.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from minifcn.errors import ArgumentError
from minifcn.models import FCN
from minifcn.text import nearest
from minifcn.training.network import Card, load_network

FOLDER = Path(__file__).parents[1] / "weights" / "shipped"
PRETRAINED = ("fcn8s-scenes", "fcn16s-scenes", "fcn32s-scenes")


def pretrained(name: str = "fcn8s-scenes") -> tuple[FCN, Card]:
    """(network, card) of a trained network that comes with the package, in eval mode: as `load_network`, by name.

    name   one of `PRETRAINED`: "fcn8s-scenes", "fcn16s-scenes", "fcn32s-scenes". All have the backbone "small" at
           width 0.5, and were trained on generated scenes of 96x128 pixels

    The card has `mean`, `std`, `classes` and `palette`; `predict(model, image, card.mean, card.std)` labels an image.
    Raises ArgumentError for another name.

    >>> model, card = pretrained()
    >>> model.stride, card.classes[:3]
    (8, ('background', 'disc', 'box'))
    """
    model, card = load_network(FOLDER / f"{_checked(name)}.safetensors")
    return cast(FCN, model), card


def pretrained_record(name: str = "fcn8s-scenes") -> dict[str, Any]:
    """How `pretrained(name)` was made, and what it and its siblings of other seeds reached.

    command    what was typed; `options` holds every setting, `versions` on what it ran
    losses     of the first steps, which the command gives again
    ships      the seed that comes with the package: the first, whatever it reached
    seeds      one entry for each seed: `seed`, `val_mean_iu` (of the epoch that was kept), `test`: the four metrics and
               those of each class, and `confusion`, on 200 scenes of that seed, which training never saw
    learned_upsampling    of FCN-8s only: the same for networks whose bilinear kernels were learned, which do not ship

    >>> pretrained_record("fcn32s-scenes")["options"]["width"]
    0.5
    """
    return dict(json.loads((FOLDER / f"{_checked(name)}.json").read_text(encoding="utf-8")))


def _checked(name: str) -> str:
    if name not in PRETRAINED:
        meant = nearest(str(name), PRETRAINED)
        hint = f"did you mean {meant}?" if meant else f"choose one of {', '.join(PRETRAINED)}."
        raise ArgumentError(f"pretrained: there are no weights {name!r}; {hint}")
    return name
