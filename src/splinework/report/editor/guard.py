"""Checks of every request to the editor: only its own page, on this machine, by the secret address, may use it.

An ASGI middleware. A request passes if its `Host` is the address that the server listens on (so that no foreign name can be
made to point here, which is DNS rebinding), its `Origin`, if it has one, is that address too, its path begins with the token,
and its body is small. All answers carry headers that allow the page nothing but its own files.
"""

import hmac
import json
from typing import Any, Final, final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 1 << 16
"""Most bytes of a request; the largest that the page sends has some hundred."""
HEADERS: Final = (
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
)
"""Headers of every answer. The address holds the token, so it must not leave the page as a referrer."""


@final
class Guard:
    """The application behind the checks."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self.app, self.token = app, token
        self.hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))
        self.origins = frozenset(f"http://{host}" for host in self.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page opens no web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        headers: list[tuple[str, str]] = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(send, *refusal)
            return
        body = await _body(receive)
        if body is None:
            await _refuse(send, 413, f"a request has at most {MAX_BODY} bytes.")
            return
        inner = {**scope, "path": scope["path"][len(self.token) + 1 :], "raw_path": None, "root_path": ""}
        await self.app(inner, _replayed(body), _with_headers(send))

    def _refusal(self, scope: Scope, headers: list[tuple[str, str]]) -> tuple[int, str] | None:
        """Status and reason for a request that may not pass."""
        given = {
            name: [v for k, v in headers if k == name]
            for name in ("host", "origin", "content-length", "sec-fetch-site")
        }
        if given["host"] not in [[host] for host in self.hosts]:
            return 403, "this address is for this machine only, by the name 127.0.0.1."
        if any(origin not in self.origins for origin in given["origin"]):
            return 403, "requests of other pages are refused."
        if any(site == "cross-site" for site in given["sec-fetch-site"]) and scope["method"] != "GET":
            return 403, "requests of other pages are refused."
        first, slash, _ = scope["path"].removeprefix("/").partition("/")
        if not slash or not hmac.compare_digest(first.encode("utf-8", "replace"), self.token.encode()):
            return 403, "the address is not complete; take the one that splinework open printed."
        length = given["content-length"]
        if length and not (length[0].isascii() and length[0].isdigit() and int(length[0][:12]) <= MAX_BODY):
            return 413, f"a request has at most {MAX_BODY} bytes."
        return None


async def _body(receive: Receive) -> bytes | None:
    """The body of a request; None if it is too large, however its length was declared."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        size += len(message.get("body", b""))
        if size > MAX_BODY:
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes) -> Receive:
    """The body once, and then nothing more."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(k.encode(), v.encode()) for k, v in HEADERS]
            message = {**message, "headers": [*message.get("headers", []), *own]}
        await send(message)

    return sent


async def _refuse(send: Send, status: int, reason: str) -> None:
    content = json.dumps({"error": reason}).encode()
    kept: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json"), (b"connection", b"close")]
    answer: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": kept}
    await _with_headers(send)(answer)
    await send({"type": "http.response.body", "body": content})
