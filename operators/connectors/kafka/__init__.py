"""Kafka: the only importers of its client."""
