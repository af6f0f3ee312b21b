"""Files as somebody hostile, or a broken disk, would write them: each with what reads it.

``CASES`` is name -> function of an empty folder that writes the file and returns the reader. Every reader has to raise
:class:`~graphvtr.errors.GraphVTRError`, in little time and memory.
"""

from benchmarks.lib.hostile import documents, hdf5, names, sizes  # noqa: F401 - they file their cases
from benchmarks.lib.hostile.case import CASES, Reader, checkpoint, model_folder, small_model

__all__ = ["CASES", "Reader", "checkpoint", "model_folder", "small_model"]
