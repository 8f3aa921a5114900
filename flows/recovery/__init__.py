"""The recovery store of a worker: who holds it, whether it is complete, and which of its contents count."""
