"""POST requests that follow no redirect."""

import http.client
import urllib.request
from typing import IO


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: a POST would go on as a GET without the body, and send its key to somebody else."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        return None
