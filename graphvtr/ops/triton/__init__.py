"""The Triton kernels, imported only when one runs.

Every kernel gives a program whole segments (a node's edges, a video's frames, a frame's regions), so that sums have one
owner and one order: no atomics, and two runs are equal to the last bit. Offsets into tensors are 64 bits wide.
"""
