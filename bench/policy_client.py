"""One kept-alive connection to a policy API, with Basic authentication."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
import urllib.parse
from pathlib import Path
from typing import Any

BASE = "/policy/api/v1"


class Client:
    """The administrator's; `authority` is the file of the certificate to trust."""

    def __init__(self, url: str, authority: Path, password: str) -> None:
        trusting = ssl.create_default_context(cafile=str(authority))
        self._http = http.client.HTTPSConnection(urllib.parse.urlsplit(url).netloc, context=trusting)
        token = base64.b64encode(f"admin:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> float:
        """Seconds that a successful call takes.

        Raises:
            RuntimeError: the answer is a refusal.
        """
        return self._call(method, path, body)[0]

    def ask(self, path: str) -> Any:
        """The body of the answer to a GET.

        Raises:
            RuntimeError: the answer is a refusal.
        """
        return json.loads(self._call("GET", path, None)[1])

    def until_realized(self, intent: str, seconds: float = 60.0, again: float = 0.01) -> None:
        """Ask for the realised entity of an intent, as cloud controllers do, until it is REALIZED.

        Raises:
            TimeoutError: it is not after so many seconds.
        """
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            answer = self.ask(f"{BASE}/infra/realized-state/realized-entities?intent_path={intent}")
            if [entity["state"] for entity in answer["results"]] == ["REALIZED"]:
                return
            time.sleep(again)
        raise TimeoutError(f"{intent} is not realised after {seconds} s")

    def _call(self, method: str, path: str, body: Any) -> tuple[float, bytes]:
        sent = None if body is None else json.dumps(body)
        start = time.perf_counter()
        self._http.request(method, path, sent, self._headers)
        response = self._http.getresponse()
        answer = response.read()
        took = time.perf_counter() - start
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {response.status} {answer[:300]!r}")
        return took, answer
