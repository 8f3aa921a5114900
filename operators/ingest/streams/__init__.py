"""The streams, a file each: what becomes of the items of a partition once they are placed."""
