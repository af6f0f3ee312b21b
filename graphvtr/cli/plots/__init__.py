"""The kinds of ``graphvtr plot``, a module each with ``add_parser`` and ``run``."""
