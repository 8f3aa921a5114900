"""The header of a control event's message that names its writer, so that the event's bytes are the same in a replay."""

WRITER = "rollguard-writer"
WRITER_MAX = 40  # Bytes of the header that are read.
