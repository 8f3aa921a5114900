"""The request log: a row for every event, with its texts redacted and its users' ids hashed before they are stored."""
