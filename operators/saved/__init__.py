"""How saved state becomes bytes and is read again: plain values, arrays, and objects of registered classes, no code."""
