"""Networks by name: `minifcn.models.FCN("small", num_classes=8, stride=8)`."""

from minifcn.models.alignment import Alignment, Trace, align
from minifcn.models.backbones import BACKBONES, Backbone, small, vgg16
from minifcn.models.fcn import FCN
from minifcn.models.staging import Carried, from_coarser

__all__ = ["BACKBONES", "FCN", "Alignment", "Backbone", "Carried", "Trace", "align", "from_coarser", "small", "vgg16"]
