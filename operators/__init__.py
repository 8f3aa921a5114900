"""The reusable parts of rollguard; `steps`, `sources` and `connectors` alone know the engine or a client."""
