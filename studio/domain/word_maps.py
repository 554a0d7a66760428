"""Where the words of a prompt acted on a picture, as maps over it."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

MOST_WORDS = 255
"""Of a prompt; those that follow are not told of."""
LONGEST_SIDE = 64
"""Of a map, in cells: as fine as a U-Net tells."""


@dataclass(frozen=True, eq=False)
class WordMap:
    """One word of a picture.

    word        as it was typed
    start, end  where it stands in the prompt, `end` left out
    share       of the attention that is paid to all the words, 0 to 1
    peak        its strongest place beside that of the strongest word, 0 to 1: times this, maps of
                several words are on one scale
    image       L, of the shape of the picture: 255 is its own strongest place, 0 nothing
    """

    word: str
    start: int
    end: int
    share: float
    peak: float
    image: Image.Image
