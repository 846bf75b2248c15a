"""The editor as a page on 127.0.0.1: the application, and the server that runs it until it is asked to close.

Starlette and uvicorn, the extra `editor`, are loaded here only.
"""

import contextlib
import json
import secrets
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final, final

from splinework.errors import ConfigError, FileError, SplineworkError
from splinework.report.editor.page import page, script, style
from splinework.report.editor.places import FileExists
from splinework.report.editor.service import EditorService

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route

    from splinework.report.editor.guard import Guard
except ImportError as error:
    raise ConfigError(
        "the editor needs Starlette and uvicorn; install them with: pip install 'splinework[editor]'"
    ) from error

HOST: Final = "127.0.0.1"
TOKEN_BYTES: Final = 24
CLOSING_SECONDS: Final = 5.0
"""Longest time that a refit may take to end when the server closes."""


def editor_app(service: EditorService, *, token: str, port: int, close: Callable[[], None]) -> Guard:
    """The application, behind its checks."""

    async def shown(request: Request) -> Response:
        return HTMLResponse(page(service.session.name))

    async def own_script(request: Request) -> Response:
        return Response(script("page"), media_type="text/javascript")

    async def own_style(request: Request) -> Response:
        return PlainTextResponse(style(), media_type="text/css")

    async def asked(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return JSONResponse({"error": "a request is of type application/json."}, 415)
        try:
            given = json.loads(await request.body() or b"{}")
        except (ValueError, RecursionError):
            return JSONResponse({"error": "the request is not JSON."}, 400)
        return await run_in_threadpool(_answer, service, str(request.path_params["name"]), given)

    async def closed(request: Request) -> Response:
        close()
        return JSONResponse({"closed": True})

    routes = [
        Route("/", shown, methods=["GET"]),
        Route("/editor.js", own_script, methods=["GET"]),
        Route("/editor.css", own_style, methods=["GET"]),
        Route("/api/close", closed, methods=["POST"]),
        Route("/api/{name}", asked, methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes), token, port)


def _answer(service: EditorService, name: str, given: Any) -> Response:
    """The answer to a request, or the sentence that says why there is none."""
    try:
        return JSONResponse(service.answer(name, given))
    except FileExists as error:
        return JSONResponse({"error": str(error), "exists": True}, 409)
    except FileError as error:
        return JSONResponse({"error": str(error)}, 403)
    except SplineworkError as error:
        return JSONResponse({"error": str(error)}, 400)
    except MemoryError:
        return JSONResponse({"error": "there is not enough memory for this."}, 500)


@final
class EditorServer:
    """The server of one session, on 127.0.0.1.

    Args:
        service: The service that answers the requests.
        port: The port; 0 takes a free one.

    Raises:
        ConfigError: If the port is taken.

    Attributes:
        url: The address of the page, with its secret token.
    """

    def __init__(self, service: EditorService, *, port: int = 0) -> None:
        self.service = service
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, port))
            self._socket.listen()  # a browser that comes before `run` waits instead of failing
        except OSError as error:
            self._socket.close()
            raise ConfigError(f"port {port} is not free ({error.strerror}); name another one, or none.") from error
        self.port = int(self._socket.getsockname()[1])
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        self.url = f"http://{HOST}:{self.port}/{self.token}/"
        app = editor_app(service, token=self.token, port=self.port, close=self.stop)
        self._server = _Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                lifespan="off",
                server_header=False,
                date_header=False,
                ws="none",
                timeout_graceful_shutdown=2,
            )
        )

    def run(self) -> None:
        """Serves the page until `stop` is called."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.close()
            if self.service.refit is not None:
                self.service.refit.cancel()
                self.service.refit.wait(CLOSING_SECONDS)

    def close(self) -> None:
        """Gives the port back, as `run` does at its end."""
        self._socket.close()

    def stop(self) -> None:
        """Ends `run` soon; may be called from a signal handler or another thread."""
        if self._server.should_exit:
            self._server.force_exit = True
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """A server that leaves signals to the program that it is part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
