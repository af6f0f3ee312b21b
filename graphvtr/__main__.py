"""``python -m graphvtr``."""

import sys

from graphvtr.cli.main import main

sys.exit(main())
