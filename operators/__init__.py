"""The reusable parts of rollguard; everything but `guard` and `connectors` is engine-free."""
