"""What an invisible mark says, as bits that survive errors.

48 bits (version, id, checksum) are written by the convolutional code of rate 1/3 and constraint
length 7 with the generators 133, 171, 165 (octal), of free distance 15, and read by Viterbi's
algorithm with soft decisions (Viterbi, 1967; Proakis, Digital Communications, chapter 8).
"""

from __future__ import annotations

import binascii
from functools import cache

import numpy as np

VERSION = 1
ID_BITS = 28
CHECKED_BITS = 4 + 16
"""Of version and checksum: of so many all must be right."""
_BITS = CHECKED_BITS + ID_BITS
_MEMORY = 6
_GENERATORS = (0o133, 0o171, 0o165)
SYMBOLS = (_BITS + _MEMORY) * len(_GENERATORS)


def written(id: int) -> np.ndarray:
    """The id of a mark, 0 to 2 ** 28 − 1, as `SYMBOLS` values of 1.0 and −1.0."""
    head = (VERSION << ID_BITS | id).to_bytes(4, "big")
    bits = np.unpackbits(np.frombuffer(head + _checksum(head), np.uint8))
    state, symbols = 0, []
    for bit in (*bits.tolist(), *[0] * _MEMORY):
        state = (state << 1 | bit) & 0x7F
        symbols += [_sign(state & generator) for generator in _GENERATORS]
    return np.array(symbols)


def read(soft: np.ndarray) -> tuple[int | None, float]:
    """The id in `SYMBOLS` values of any scale, whose signs are those that `written` made, or noise:
    None where the checksum does not fit. With how well they agree with the nearest word of the
    code, 0 to 1: of pure noise about 0.45."""
    data = np.packbits(_most_likely(soft)).tobytes()
    head = int.from_bytes(data[:4], "big")
    id = head & (1 << ID_BITS) - 1
    if _checksum(data[:4]) != data[4:] or head >> ID_BITS != VERSION:
        return None, 0.0
    length = np.linalg.norm(soft) * np.sqrt(len(soft))
    return id, float(soft @ written(id) / length) if length else 0.0


def _most_likely(soft: np.ndarray) -> np.ndarray:
    """Viterbi's algorithm: the bits whose word lies nearest."""
    before, said = _trellis()
    metric = np.full(1 << _MEMORY, -np.inf)
    metric[0] = 0
    states = np.arange(len(metric))
    came_from = []
    for values in soft.reshape(-1, len(_GENERATORS)):
        ways = metric[before] + said @ values
        better = ways.argmax(axis=1)
        metric = ways[states, better]
        came_from.append(before[states, better])
    state, bits = 0, []
    for step in reversed(came_from):
        bits.append(state & 1)
        state = step[state]
    return np.array(bits[: _MEMORY - 1 : -1], np.uint8)


@cache
def _trellis() -> tuple[np.ndarray, np.ndarray]:
    """(64, 2) the states from which a state is reached, (64, 2, 3) the symbols on the way."""
    count = 1 << _MEMORY
    before = np.array([[state >> 1, state >> 1 | count >> 1] for state in range(count)])
    said = [
        [
            [_sign((int(was) << 1 | state & 1) & generator) for generator in _GENERATORS]
            for was in before[state]
        ]
        for state in range(count)
    ]
    return before, np.array(said)


def _sign(register: int) -> float:
    return 1.0 - 2.0 * (register.bit_count() & 1)


def _checksum(data: bytes) -> bytes:
    """CRC-16/CCITT-FALSE."""
    return binascii.crc_hqx(data, 0xFFFF).to_bytes(2, "big")
