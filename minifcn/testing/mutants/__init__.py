"""Wrong implementations, one file for each family of operations. Importing this package fills `MUTANTS`."""

from minifcn.testing.mutants import adam as adam
from minifcn.testing.mutants import averaging as averaging
from minifcn.testing.mutants import convolution as convolution
from minifcn.testing.mutants import dice as dice
from minifcn.testing.mutants import engine as engine
from minifcn.testing.mutants import groups as groups
from minifcn.testing.mutants import loss as loss
from minifcn.testing.mutants import loss_gradient as loss_gradient
from minifcn.testing.mutants import metrics as metrics
from minifcn.testing.mutants import nll as nll
from minifcn.testing.mutants import normalization as normalization
from minifcn.testing.mutants import normalization_gradient as normalization_gradient
from minifcn.testing.mutants import numeric_losses as numeric_losses
from minifcn.testing.mutants import optimisers as optimisers
from minifcn.testing.mutants import pooling as pooling
from minifcn.testing.mutants import rmsprop as rmsprop
from minifcn.testing.mutants import scores as scores
from minifcn.testing.mutants import second_order as second_order
from minifcn.testing.mutants import sizes as sizes
from minifcn.testing.mutants import transposed as transposed
from minifcn.testing.mutants import unpooling as unpooling
from minifcn.testing.mutants import upsampling as upsampling
from minifcn.testing.mutants import weight as weight
from minifcn.testing.version import MUTANTS as MUTANTS
