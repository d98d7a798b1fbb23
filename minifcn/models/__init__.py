"""Networks by name: `minifcn.models.FCN("small", num_classes=8, stride=8)`."""

from minifcn.models.alexnet import alexnet, alexnet_torchvision
from minifcn.models.alignment import Alignment, Trace, align
from minifcn.models.atrous import aspp, dilated
from minifcn.models.backbones import Backbone, small, vgg16, vgg16_bn
from minifcn.models.classifiers import classifier, image_size
from minifcn.models.deconvnet import DeconvNet
from minifcn.models.fcn import FCN
from minifcn.models.googlenet import googlenet, googlenet_torchvision
from minifcn.models.heads import HEADS, Network, network
from minifcn.models.named import BACKBONES
from minifcn.models.staging import Carried, from_coarser

__all__ = [
    "BACKBONES",
    "FCN",
    "HEADS",
    "Alignment",
    "Backbone",
    "Carried",
    "DeconvNet",
    "Network",
    "Trace",
    "alexnet",
    "alexnet_torchvision",
    "align",
    "aspp",
    "classifier",
    "dilated",
    "from_coarser",
    "googlenet",
    "googlenet_torchvision",
    "image_size",
    "network",
    "small",
    "vgg16",
    "vgg16_bn",
]
