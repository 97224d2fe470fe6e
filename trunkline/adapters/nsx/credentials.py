"""The ways in which a policy manager lets a client in, as authentications of the HTTP library.

A secret is asked for whenever it is needed, so a password or token that is replaced in its file is used from the next request
on.  Nothing here has a representation that shows one.  A client certificate needs nothing here: it is part of the TLS context.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import httpx2

from trunkline.kit import problems

UNREADABLE = problems.register("TRK-0722", "A file with a secret for the policy manager cannot be used.")

Secret = Callable[[], str]
"""Answers the present password or token."""


def in_file(path: str) -> Secret:
    """The secret in a file: its text without the line end.

    The answer raises IntentError when the file cannot be read or is empty.
    """

    def read() -> str:
        try:
            text = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            problem = problems.Problem(code=UNREADABLE, object=f"file {path}", found=error.__class__.__name__)
            raise problems.IntentError(problems=[problem]) from error
        if not text:
            raise problems.IntentError(
                problems=[problems.Problem(code=UNREADABLE, object=f"file {path}", found="nothing in it")]
            )
        return text

    return read


class Basic(httpx2.Auth):
    """User and password with every request."""

    def __init__(self, user: str, password: Secret) -> None:
        self._user, self._password = user, password

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        yield from httpx2.BasicAuth(self._user, self._password()).auth_flow(request)


class Bearer(httpx2.Auth):
    """A token with every request, in both headers that managers read it from."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        token = self._token()
        request.headers["Authorization"] = f"Bearer {token}"
        request.headers["csp-auth-token"] = token
        yield request


class Session(httpx2.Auth):
    """One login, then its cookie and XSRF token; a session that has ended (the manager answers 403) is begun anew once."""

    def __init__(self, user: str, password: Secret) -> None:
        self._user, self._password = user, password
        self._headers: dict[str, str] = {}
        self._logging_in = asyncio.Lock()

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Log in if need be, send the request, and once more after another login if the session has ended."""
        for _ in range(2):
            async with self._logging_in:
                if not self._headers:
                    response = yield self._login(request.url)
                    if not self._opened(response):
                        return
            used = self._headers
            request.headers.update(used)
            response = yield request
            if response.status_code not in (401, 403):
                return
            if self._headers is used:
                self._headers = {}

    def _login(self, url: httpx2.URL) -> httpx2.Request:
        form = {"j_username": self._user, "j_password": self._password()}
        return httpx2.Request("POST", url.copy_with(raw_path=b"/api/session/create"), data=form)

    def _opened(self, response: httpx2.Response) -> bool:
        cookie = response.cookies.get("JSESSIONID")
        if response.status_code >= 400 or cookie is None:
            return False
        self._headers = {
            "Cookie": f"JSESSIONID={cookie};",
            "X-XSRF-TOKEN": response.headers.get("X-XSRF-TOKEN", ""),
        }
        return True
