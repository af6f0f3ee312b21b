"""Kernels in C for CPUs, compiled at first use where a C compiler is at hand.

What they win over PyTorch's own kernels is one pass over the rows of an edge while they lie in the cache, for many
tiny graphs, forward and backward.
"""
