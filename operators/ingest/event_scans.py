"""How the events of an input become columns: by kernels, from a columnar format, or by likeness to earlier ones."""

from operators.ingest.familiar_reads import familiar_reads_for
from operators.ingest.formats.format import EventScan
from operators.ingest.formats.registry import FORMATS
from operators.ingest.own_dimensions import own_dimensions
from operators.ingest.scanned_reads import scanned_reads
from operators.ingest.scanning import scanner_for
from operators.policy.policy import Policy


def event_scan_for(form: str, policy: Policy) -> EventScan | None:
    """Return the reader of a format's messages as columns, None where they have to be decoded."""
    if own_dimensions(policy):
        return None
    if form == "native":
        scanner = scanner_for(policy)
        return familiar_reads_for(policy) if scanner is None else lambda *given: scanned_reads(scanner, *given)
    scan = FORMATS[form].scan
    return None if scan is None else scan()
