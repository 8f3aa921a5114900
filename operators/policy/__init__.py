"""The policy: everything that changes results, as typed values, and how each value is read."""
