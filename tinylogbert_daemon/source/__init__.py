"""Which files exist, and one path as one endless stream of blocks."""
