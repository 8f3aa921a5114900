"""OpenTelemetry's protocol: batches of spans and of log records, as protobuf or as JSON."""
