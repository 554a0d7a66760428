"""ICC profiles (version 2) made byte by byte: of RGB values with their own primaries and gamma, of
gray values, of inks."""

from __future__ import annotations

import struct

WHITE = (0.9642, 1.0, 0.8249)
P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))
"""Display P3's red, green and blue, as XYZ under D50."""


def rgb(gamma: float = 2.2, primaries=P3, more: int = 0) -> bytes:
    """Values in `primaries`; `more` bytes of padding."""
    tags = [(name, _xyz(each)) for name, each in zip(_PRIMARIES, primaries, strict=True)]
    tags += [(name, _curve(gamma)) for name in (b"rTRC", b"gTRC", b"bTRC")]
    tags += [(b"wtpt", _xyz(WHITE)), (b"cprt", b"text\0\0\0\0" + bytes(more + 4))]
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def gray(gamma: float) -> bytes:
    return _profile(b"mntr", b"GRAY", b"XYZ ", [(b"wtpt", _xyz(WHITE)), (b"kTRC", _curve(gamma))])


def black_ink_alone() -> bytes:
    """CMYK to Lab, for which only black ink darkens the paper."""
    identity = struct.pack(">9i", *(65536 * (place % 4 == 0) for place in range(9)))
    curve = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + curve * 4
    table += bytes([255, 128, 128, 0, 128, 128]) * 8 + curve * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", [(b"A2B0", table)])


_PRIMARIES = (b"rXYZ", b"gXYZ", b"bXYZ")


def _xyz(values) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))


def _profile(kind: bytes, space: bytes, to: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    at, index, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags:
        data += bytes(-len(data) % 4)
        index += struct.pack(">4sII", name, at + len(body), len(data))
        body += data
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"", 0x02400000, kind, space, to)
    head += struct.pack(">6H4s28x3i", 2026, 1, 1, 0, 0, 0, b"acsp", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + index + body
