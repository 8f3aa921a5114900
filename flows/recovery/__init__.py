"""The recovery store of a worker: who holds it, whether it is whole, and what of it counts."""
