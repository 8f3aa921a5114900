"""What a gateway needs to obey rollguard: it installs and imports with msgspec alone."""
