"""A small detector, what it learns from, and how well it finds things."""
