"""What the owner allows: words, faces, pictures, and what is written down of it."""
