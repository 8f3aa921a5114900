"""Saved state as bytes, and read again: plain values, arrays and objects of registered classes, never code."""
