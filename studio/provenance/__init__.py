"""Where a picture comes from, said in its pixels and in its file, and read again."""
