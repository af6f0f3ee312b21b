"""Scripts that measure; README.md lists them, run.py runs them."""

import sys
from pathlib import Path

# Python puts a script's own folder first on the path: beside this file, graphvtr.py would hide the library there
sys.path[:] = [place for place in sys.path if Path(place).resolve() != Path(__file__).resolve().parent]
