"""The catalogue of laws, one file for each family of operations. Importing this package fills `LAWS`."""

from minifcn.testing.law import LAWS as LAWS
from minifcn.testing.laws import adam as adam
from minifcn.testing.laws import averaging as averaging
from minifcn.testing.laws import convolution as convolution
from minifcn.testing.laws import dice as dice
from minifcn.testing.laws import engine as engine
from minifcn.testing.laws import groups as groups
from minifcn.testing.laws import loss as loss
from minifcn.testing.laws import loss_gradient as loss_gradient
from minifcn.testing.laws import metrics as metrics
from minifcn.testing.laws import nll as nll
from minifcn.testing.laws import normalization as normalization
from minifcn.testing.laws import normalization_gradient as normalization_gradient
from minifcn.testing.laws import numeric_losses as numeric_losses
from minifcn.testing.laws import optimisers as optimisers
from minifcn.testing.laws import places as places
from minifcn.testing.laws import pooling as pooling
from minifcn.testing.laws import pooling_gradient as pooling_gradient
from minifcn.testing.laws import rmsprop as rmsprop
from minifcn.testing.laws import scores as scores
from minifcn.testing.laws import second_order as second_order
from minifcn.testing.laws import sizes as sizes
from minifcn.testing.laws import transposed as transposed
from minifcn.testing.laws import unpooling as unpooling
from minifcn.testing.laws import upsampling as upsampling
from minifcn.testing.laws import weight as weight
