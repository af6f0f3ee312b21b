"""Scripts that measure; README.md lists them, run.py runs them."""
