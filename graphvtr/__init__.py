"""graphvtr: graph learning for video-text retrieval on PyTorch Geometric."""

from graphvtr._version import __version__

__all__ = ["__version__"]
