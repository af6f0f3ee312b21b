"""Feature stores from and to the formats that features are published in."""

from graphvtr.video.store.convert import bigfile, bottom_up_tsv, hgr, per_video, vsrnet_h5
from graphvtr.video.store.convert.base import (
    FORMATS,
    ClipSource,
    ConvertOptions,
    ConvertReport,
    Format,
    from_store,
    to_store,
)

__all__ = [
    "FORMATS",
    "ClipSource",
    "ConvertOptions",
    "ConvertReport",
    "Format",
    "bigfile",
    "bottom_up_tsv",
    "from_store",
    "hgr",
    "per_video",
    "to_store",
    "vsrnet_h5",
]
