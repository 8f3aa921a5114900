"""The header of a control event's message that says which worker wrote it: the event's bytes are those of a replay."""

WRITER = "rollguard-writer"
WRITER_MAX = 40  # Bytes of it that are believed.
