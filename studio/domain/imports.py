"""The one lock under which diffusers and transformers are first imported."""

from __future__ import annotations

import threading

IMPORTING = threading.RLock()
"""Held around each import that may be the first in its process to reach them. Their modules import
each other in circles; where two threads begin at different ends, Python breaks the deadlock by
handing one of them a module that is half there: "cannot import name 'AutoencoderKL'"."""
