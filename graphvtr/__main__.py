"""``python -m graphvtr``."""

from graphvtr.cli.main import command

command()
