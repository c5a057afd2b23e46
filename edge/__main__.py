"""`python -m edge`, the same as `bedside-edge`."""

import sys

from edge.cli import main

sys.exit(main())
