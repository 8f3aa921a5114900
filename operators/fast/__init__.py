"""Compiled kernels (Numba, the extra `fast`): the same results as without, sooner. README.md says how they are kept."""
