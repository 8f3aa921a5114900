"""Templates and static files, read once; the contents of events are text, never markup."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound
from markupsafe import Markup

from flows.page import small_svg, words
from flows.page.asked import segment
from flows.page.svg import svg
from operators.policy.policy import RUNBOOKS

HERE = Path(__file__).resolve().parent
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("clock", "brief", "stamp", "iso", "span", "count", "percent", "points", "odds", "number"):
        made.filters[name] = getattr(words, name)
    made.filters["segment"] = segment
    made.filters["page_link"] = page_link
    made.filters["svg"] = lambda chart: Markup(svg(chart))  # noqa: S704  # Its texts are escaped there.
    made.globals["spark"] = lambda lines, label: Markup(small_svg.spark(lines, label))  # noqa: S704
    made.globals["bounds_bar"] = lambda *given: Markup(small_svg.bounds_bar(*given))  # noqa: S704
    made.globals["share_bar"] = lambda rows, label: Markup(  # noqa: S704
        small_svg.share_bar([(row["kind"], row["share"]) for row in rows], label)
    )
    made.globals["bar"] = lambda kind, share, widest, label: Markup(  # noqa: S704
        small_svg.share_bar([(kind, (share or 0.0) / widest)], f"{label}: {words.percent(share)}", 80)
    )
    made.globals["static"] = lambda name: f"/static/{static_hash()}/{name}"
    return made


def page_link(runbook: str) -> str:
    """Return the link to a runbook; empty where its name is not an address.

    >>> page_link("infra/runbooks/rollback.md"), page_link("https://wiki/x"), page_link("javascript:alert(1)")
    ('/runbook/rollback.md', 'https://wiki/x', '')
    """
    if runbook.startswith(("https://", "http://")):
        return runbook
    folder, _, name = runbook.rpartition("/")
    return f"/runbook/{segment(name)}" if folder == RUNBOOKS else ""


def page(name: str, **shown: Any) -> str:
    """Return a page."""
    return environment().get_template(f"{name}.html").render(**shown)


@cache
def static(name: str) -> tuple[bytes, str]:
    """Return a file and its type. TemplateNotFound."""
    known = {path.name: path for path in (HERE / "static").iterdir()}
    if name not in known:
        raise TemplateNotFound(name)
    return known[name].read_bytes(), KINDS[known[name].suffix]


@cache
def static_hash() -> str:
    """Return a hash of all static files, which changes when any of them does."""
    files = sorted((HERE / "static").iterdir())
    return hashlib.blake2b(b"".join(path.read_bytes() for path in files), digest_size=6).hexdigest()
