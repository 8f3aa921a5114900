"""Personal data in texts is replaced by typed marks, what only looks like it stays, and no text takes long."""

import time

import pytest

from operators.archive.redaction import redact

FOUND = {
    "EMAIL": ["ann@example.org", "a.b+c_d%e@sub.example.co.uk", "müller@exämple.de", "o'neil@example.ie"],
    "CARD": ["4111 1111 1111 1111", "4111111111111111", "5500-0000-0000-0004", "3782 822463 10005", "6011000990139424"],
    "IBAN": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR14 2004 1010 0505 0001 3M02 606"],
    "IP": ["10.0.0.1", "255.255.255.255", "2001:db8::1", "fe80::1ff:fe23:4567:890a", "2001:db8:0:0:1:0:0:1"],
    "PHONE": [
        "+49 170 1234567", "+1 (555) 123-4567", "+14155552671", "(555) 123-4567", "555-123-4567", "020 7946 0958",
        "01 23 45 67 89", "0049 30 123456", "03012345678",
    ],
    "NATIONAL_ID": [
        "123-45-6789",          # United States
        "123-456-782",          # Canada
        "390.533.447-05",       # Brazil
        "44051401359",          # Poland
        "36 574 261 809",       # Germany
        "2 95 10 99 126 111 93",  # France
        "811228-9874",          # Sweden
        "85.07.30-033.28",      # Belgium
        "756.9217.0769.85",     # Switzerland
        "2341 2341 2346",       # India
        "RSSMRA85T10A562S",     # Italy
        "12345678Z", "X1234567L",  # Spain
        "AB 12 34 56 C",        # United Kingdom
        "131052-308T",          # Finland
        "BOXW310820HNERXN09",   # Mexico
    ],
    "KEY": [
        "sk-abcdefghijklmnopqrstuvwx", "sk-proj-Ab12_Ab12-Ab12Ab12", "rk_live_abcdefghijklmnop0123",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrstuvwxyz0123", "glpat-abcdefghijklmnopqrst", "xoxb-123456789012-abcdef",
        "AIzaSyA-abcdefghijklmnopqrstuvwxyz01234", "hf_abcdefghijklmnopqrstuvwx",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc-_", "Bearer abcdefghijklmnopqrstuvwxyz",
        "api_key=abc123def456", "password: hunter22",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc+/=\n-----END RSA PRIVATE KEY-----",
    ],
}  # fmt: skip
STAYS = [
    "order 4711, invoice 123456789", "2025-11-21 10:00:00", "01.02.2025 10", "1700000000000", "1700000000000000",
    "550e8400-e29b-41d4-a716-446655440000", "3.141592653589793", "1.234.567,89", "12:30:45", "version 1.2.3",
    "999.999.999.999", "4111 1111 1111 1112", "DE89 3704 0044 0532 0130 01", "x = a[1] @ b", "GET /v1/models HTTP",
    "sk-short", "abc4111111111111111def", "The quick brown fox: 42!", "", "日本語のテキスト",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in FOUND.items() for text in texts])
def test_each_kind_is_found_where_it_stands(kind: str, text: str) -> None:
    assert redact(text) == (f"[{kind}]", [kind])
    assert redact(f"call {text}, or {text} später") == (f"call [{kind}], or [{kind}] später", [kind] * 2)


@pytest.mark.parametrize("kind", ["EMAIL", "CARD", "IBAN", "IP", "PHONE", "NATIONAL_ID"])
def test_brackets_stay(kind: str) -> None:
    text = FOUND[kind][0]
    assert redact(f"({text})! [{text}].") == (f"([{kind}])! [[{kind}]].", [kind] * 2)


@pytest.mark.parametrize("text", STAYS)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redact(text) == (text, [])


def test_kinds_beside_each_other_are_told_apart() -> None:
    text = "ann@example.org 10.0.0.1 4111 1111 1111 1111, IBAN GB82 WEST 1234 5698 7654 32 THANKS"
    assert redact(text) == ("[EMAIL] [IP] [CARD], IBAN [IBAN] THANKS", ["EMAIL", "IP", "CARD", "IBAN"])


def test_a_number_among_other_digits_is_found() -> None:
    assert redact("items 42 4111 1111 1111 1111") == ("items 42 [CARD]", ["CARD"])


HOSTILE = [
    "1 ", "1-", "a.", "+", "a@", "A", "sk-", "eyJaaaaaaaaa.", "eyJaaaaaaaaa.bbbbbbbbb.c ", "1:", "::", "DE89 ", "4111 ",
    "1234567890", "(1", "0", "-----BEGIN PRIVATE KEY-----", "a@b.c", "a@b.", "password=", "bearer ", "AB12",
    "12 34 567 8 ", "::1", "ÿ", "0 1234567 ", "123-45-6789 ", "4111111111111111 ", "a@b.c.", "\x00",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_text_takes_long(piece: str) -> None:
    """Twenty times as much takes no more than about twenty times as long: 100 KB within 5 s on a busy machine."""
    short, long = piece * (5_000 // len(piece)), piece * (100_000 // len(piece))
    began = time.process_time()
    redact(short)
    once = time.process_time() - began
    redact(long)
    assert time.process_time() - began - once < max(60 * once, 0.5)
