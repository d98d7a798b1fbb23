"""`python -m minifcn` is the command line."""

import sys

from minifcn.cli import main

sys.exit(main())
