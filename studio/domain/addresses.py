"""Addresses that people see and pass on."""

from __future__ import annotations

import re

PAGE = re.compile(r"/(?:picture/[\w-]{1,100})?", re.ASCII)
"""Paths at which the page answers: its own, and that of each picture."""
