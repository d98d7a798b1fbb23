"""Right implementations by other ways, one file for each family of operations. Importing this fills `VARIANTS`."""

from minifcn.testing.variants import adaptive as adaptive
from minifcn.testing.variants import assembling as assembling
from minifcn.testing.variants import bicubic as bicubic
from minifcn.testing.variants import contours as contours
from minifcn.testing.variants import convolution as convolution
from minifcn.testing.variants import engine as engine
from minifcn.testing.variants import fitting as fitting
from minifcn.testing.variants import groups as groups
from minifcn.testing.variants import loss as loss
from minifcn.testing.variants import metrics as metrics
from minifcn.testing.variants import normalization as normalization
from minifcn.testing.variants import optimisers as optimisers
from minifcn.testing.variants import pooling as pooling
from minifcn.testing.variants import shuffling as shuffling
from minifcn.testing.variants import sizes as sizes
from minifcn.testing.variants import unfolding as unfolding
from minifcn.testing.variants import upsampling as upsampling
from minifcn.testing.variants import younger_losses as younger_losses
from minifcn.testing.version import VARIANTS as VARIANTS
