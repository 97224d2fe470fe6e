"""Sessions of one manager node: a cookie and the token that must accompany it, both forgotten after some idle time."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable

_COOKIE = re.compile(r"(?:^|;)\s*JSESSIONID=([0-9A-Za-z]+)")
_MOST = 10_000


class Session:
    """Who logged in, and what proves that the requests are theirs."""

    def __init__(self, user: str, now: float) -> None:
        self.id = secrets.token_hex(16).upper()
        self.token = secrets.token_hex(16)
        self.user, self.used = user, now

    @property
    def cookie(self) -> str:
        """The value of `Set-Cookie`; clients look for the name at its very beginning."""
        return f"JSESSIONID={self.id}; Path=/; Secure; HttpOnly"


class Sessions:
    """The live sessions; `clock` answers monotonic seconds."""

    def __init__(self, timeout: float, clock: Callable[[], float]) -> None:
        self.timeout, self._clock = timeout, clock
        self._sessions: dict[str, Session] = {}

    def create(self, user: str) -> Session:
        """A new session for a user who has proven to be one."""
        if len(self._sessions) >= _MOST:
            self._sweep()
        session = Session(user, self._clock())
        self._sessions[session.id] = session
        return session

    def find(self, cookies: str) -> Session | None:
        """The live session that a `Cookie` header names; asking keeps it alive."""
        match = _COOKIE.search(cookies)
        session = self._sessions.get(match[1]) if match else None
        if session is None or self._clock() - session.used > self.timeout:
            return None
        session.used = self._clock()
        return session

    def destroy(self, session: Session) -> None:
        """End a session."""
        self._sessions.pop(session.id, None)

    def destroy_all(self, user: str) -> None:
        """End every session of a user."""
        self._sessions = {key: session for key, session in self._sessions.items() if session.user != user}

    def _sweep(self) -> None:
        live = {key: one for key, one in self._sessions.items() if self._clock() - one.used <= self.timeout}
        # All of them alive: the longest unused one gives way.
        self._sessions = dict(sorted(live.items(), key=lambda item: item[1].used)[-(_MOST - 1) :])


def matches(session: Session, token: str) -> bool:
    """Whether the X-XSRF-TOKEN header belongs to the session."""
    return hmac.compare_digest(session.token.encode(), token.encode())
