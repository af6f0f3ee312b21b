"""A checksum of a JSON text inside the text itself, so that any changed byte of it is noticed.

The text has a field ``"crc32"`` of eight hexadecimal digits: the CRC-32 of the bytes with zeros in their place.
"""

from __future__ import annotations

import re
import zlib

SEAL = "crc32"
EMPTY = "00000000"
_FIELD = re.compile(rb'"crc32": ?"([0-9a-f]{8})"')


def sealed(text: bytes) -> bytes:
    """``text``, which has the field with :data:`EMPTY` in it, with the checksum there."""
    (field,) = _FIELD.finditer(text)
    begin, end = field.span(1)
    return text[:begin] + f"{zlib.crc32(text):08x}".encode() + text[end:]


def is_intact(text: bytes) -> bool:
    """Whether a sealed text is as it was written; False for one without the field."""
    fields = list(_FIELD.finditer(text))
    if len(fields) != 1:
        return False
    begin, end = fields[0].span(1)
    return zlib.crc32(text[:begin] + EMPTY.encode() + text[end:]) == int(fields[0].group(1), 16)
