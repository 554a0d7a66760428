"""How sharp a picture is: the width of its strong edges."""

import numpy as np

LEAST = 64  # grey levels, of 255: outlines, and no texture
STEEP = 8  # grey levels from one pixel to the next: no sky that grows lighter towards the horizon


def edge_width(picture):
    """The median width in pixels of the strong edges of `picture`, uint8 (height, width, 3); NaN
    where it has none.

    An edge is a run of pixels in a row or a column along which the grey rises or falls by LEAST or
    more, by STEEP somewhere; its width is the whole step over the steepest part of it: 1 where that
    is all of it.
    """
    grey = np.asarray(picture, np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    widths = np.concatenate([_widths(grey), _widths(grey.T)])
    return float(np.median(widths)) if len(widths) else float("nan")


def _widths(grey):
    """The widths of the strong edges that the rows of `grey` (height, width) run across."""
    # A column of zeros ends every row, so that no run goes on in the next.
    slopes = np.pad(np.diff(grey, axis=1), ((0, 0), (0, 1))).ravel()
    starts = np.flatnonzero(np.diff(np.sign(slopes), prepend=0) != 0)
    if not len(starts):
        return np.empty(0, np.float32)
    steps = np.abs(np.add.reduceat(slopes, starts))
    steepest = np.maximum.reduceat(np.abs(slopes), starts)
    strong = (steps >= LEAST) & (steepest >= STEEP)
    return steps[strong] / steepest[strong]
