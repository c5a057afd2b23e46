"""`python -m deploy`: the same as `bedside-deploy`."""

import sys

from deploy.cli import main

sys.exit(main())
