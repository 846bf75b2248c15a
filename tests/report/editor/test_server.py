"""The server of the editor: who is refused, what requests are answered, and that it closes."""

import asyncio
import json
import socket
import threading

import pytest
import torch

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")

import splinework as sw  # noqa: E402
from splinework.errors import ConfigError  # noqa: E402
from splinework.report.editor.guard import HEADERS, MAX_BODY  # noqa: E402
from splinework.report.editor.server import EditorServer, editor_app  # noqa: E402
from splinework.report.editor.service import EditorService  # noqa: E402
from tests.report.editor.sessions import SHAPES, equal, files_of, run, session_of  # noqa: E402

TOKEN, PORT = "a-secret-of-some-length", 8123
HERE = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files_of(tmp_path, SHAPES["plain"])
    return tmp_path


@pytest.fixture
def service(folder):
    return EditorService(session_of(folder), folder)


@pytest.fixture
def closed():
    return []


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A client of a session that no test changes."""
    folder = tmp_path_factory.mktemp("kept")
    files_of(folder, SHAPES["plain"])
    service = EditorService(session_of(folder), folder)
    return Client(editor_app(service, token=TOKEN, port=PORT, close=lambda: None))


class Client:
    """Requests to an application without a server."""

    def __init__(self, app):
        self.app = app

    def request(self, method, path, **options):
        async def answered():
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
                return await client.request(method, path, **options)

        return asyncio.run(answered())

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)


@pytest.fixture
def client(service, closed):
    return Client(editor_app(service, token=TOKEN, port=PORT, close=lambda: closed.append(True)))


def ask(client, name, values=None, **options):
    return client.post(f"/{TOKEN}/api/{name}", json={} if values is None else values, **options)


def test_the_page_and_its_files_are_served_with_headers_that_allow_nothing_else(client):
    for path, kind in (("", "text/html"), ("editor.js", "text/javascript"), ("editor.css", "text/css")):
        answer = client.get(f"/{TOKEN}/{path}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        for name, value in HEADERS:
            assert answer.headers[name] == value
    assert "http" not in client.get(f"/{TOKEN}/").text.replace("https://", "")
    assert client.get(f"/{TOKEN}/nothing").status_code == 404


PATHS = [
    "/",
    "/api/state",
    f"/{TOKEN}",
    f"/{TOKEN}x/",
    f"/{TOKEN[:-1]}/",
    f"/{TOKEN.upper()}/api/state",
    "//",
    f"/x/{TOKEN}/",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_wrong_token_is_refused(kept, path, method):
    answer = kept.request(method, f"{HERE}{path}", json={} if method == "POST" else None)
    assert answer.status_code == 403
    assert TOKEN not in answer.text
    assert "steps" not in answer.text


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        f"example.org:{PORT}",
        "127.0.0.1",
        f"127.0.0.1:{PORT + 1}",
        f"127.0.0.1.example.org:{PORT}",
        "",
        "[::1]:8123",
    ],
)
def test_a_foreign_host_is_refused(kept, host):
    assert ask(kept, "state", headers={"host": host}).status_code == 403
    assert kept.get(f"/{TOKEN}/", headers={"host": host}).status_code == 403
    assert ask(kept, "state", headers={"host": f"localhost:{PORT}"}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.org",
        "http://127.0.0.1",
        f"https://127.0.0.1:{PORT}",
        f"http://127.0.0.1:{PORT}.example.org",
        "null",
        "",
    ],
)
def test_a_foreign_origin_is_refused(client, service, origin):
    before = service.session.position
    edit = {"name": "freeze", "arguments": {"edge": ["x1", "h1"]}, "at": 0}
    assert ask(client, "edit", edit, headers={"origin": origin}).status_code == 403
    assert client.get(f"/{TOKEN}/", headers={"origin": origin}).status_code == 403
    assert service.session.position == before
    assert ask(client, "edit", edit, headers={"origin": HERE}).status_code == 200


def test_a_request_from_another_site_is_refused(client, service):
    assert ask(client, "undo", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert ask(client, "state", headers={"sec-fetch-site": "same-origin"}).status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_forms_and_texts_are_refused(kept, kind):
    answer = kept.post(f"/{TOKEN}/api/undo", content=b"{}", headers={"content-type": kind})
    assert answer.status_code == 415


def test_an_upload_too_large_is_refused_however_it_is_sent(client, service):
    large = json.dumps({"name": "x" * MAX_BODY})
    head = {"content-type": "application/json"}
    assert client.post(f"/{TOKEN}/api/edit", content=large, headers=head).status_code == 413

    async def pieces():
        for start in range(0, len(large), 1000):
            yield large[start : start + 1000].encode()

    assert client.post(f"/{TOKEN}/api/edit", content=pieces(), headers=head).status_code == 413  # chunked, of no length
    for length in (str(10**15), "1e3", "-1", "٣"):
        wrong = {**head, "content-length": length.encode("utf-8")}
        assert client.post(f"/{TOKEN}/api/state", content=b"{}", headers=wrong).status_code == 413
    just = json.dumps({"x": "y" * (MAX_BODY - 10)})
    assert len(just) <= MAX_BODY
    assert client.post(f"/{TOKEN}/api/state", content=just, headers=head).status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 20_000, b'"edit"', b"1", b"null"])
def test_what_is_no_object_of_json_is_refused(kept, body):
    answer = kept.post(f"/{TOKEN}/api/edit", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_web_sockets_and_other_methods_are_refused(kept):
    for method in ("PUT", "DELETE", "PATCH"):
        assert kept.request(method, f"/{TOKEN}/api/state").status_code == 405
    assert kept.get(f"/{TOKEN}/api/state").status_code == 405
    sent = []

    async def send(message):
        sent.append(message)

    async def connect():
        await kept.app({"type": "websocket", "path": f"/{TOKEN}/", "headers": []}, None, send)

    asyncio.run(connect())
    assert sent == [{"type": "websocket.close", "code": 1008}]


# ---------------------------------------------------------------------------------------------------- files

OUTSIDE = [
    "../m.safetensors", "/tmp/m.safetensors", "a/../../m.safetensors", "link/m.safetensors", "..",
    "C:\\m.safetensors", "~/m.safetensors",
]  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        *OUTSIDE,
        "",
        ".",
        "m.txt",
        ".safetensors",
        "m\0.safetensors",
        "no/m.safetensors",
        "x" * 300 + ".safetensors",
        7,
        None,
    ],
)
def test_a_path_outside_the_folder_or_of_another_kind_is_refused(client, folder, path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (folder / "link").symlink_to(outside, target_is_directory=True)
    (folder / "pointer.safetensors").symlink_to(outside / "new.safetensors")
    before = sorted(each.name for each in folder.rglob("*"))
    for given in (path, "pointer.safetensors"):
        for replace in (False, True):
            answer = ask(client, "save", {"path": given, "replace": replace})
            assert answer.status_code == 403, answer.text
            assert answer.json()["error"]
    assert sorted(each.name for each in folder.rglob("*")) == before
    assert list(outside.iterdir()) == []


def test_nothing_is_replaced_unless_asked_to(client, folder, service):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.c").write_text("mine")
    (folder / "edits.py").write_text("mine")
    requests = [
        ("save", {"path": "model.safetensors"}),
        ("save", {"path": "edits.py", "what": "script"}),
        ("export", {"path": "model.c", "target": "c"}),
    ]
    ask(client, "edit", {"name": "widen", "arguments": {"layer": 1, "count": 1}, "at": 0})
    for name, values in requests:
        for replace in (None, False, 1, "yes"):
            answer = ask(client, name, {**values, "replace": replace})
            assert (answer.status_code, answer.json()["exists"]) == (409, True)
    assert (folder / "model.safetensors").read_bytes() == content
    assert {(folder / name).read_text() for name in ("model.c", "edits.py")} == {"mine"}
    for name, values in requests:
        assert ask(client, name, {**values, "replace": True}).status_code == 200
    assert equal(sw.load(folder / "model.safetensors"), service.session.model)
    assert "mine" not in (folder / "model.c").read_text()
    assert len(service.session.step.saved) == 2


def test_what_is_saved_is_the_present_model_and_the_script_that_makes_it(client, folder, service):
    for at, (name, arguments) in enumerate(
        [
            ("fix", {"edge": ["x1", "h1"], "function": "sin"}),
            ("split", {"node": "h2"}),
            ("remove_edge", {"edge": ["x2", "h1"]}),
        ]
    ):
        answer = ask(client, "edit", {"name": name, "arguments": arguments, "at": at})
        assert answer.status_code == 200, answer.text
    (folder / "sub").mkdir()
    assert ask(client, "save", {"path": "sub/new.safetensors"}).json()["written"] == "sub/new.safetensors"
    state = ask(client, "state").json()
    assert state["saved"] is True
    assert state["steps"][3]["saved"] == ['sw.save(model, "sub/new.safetensors")']
    saved = sw.load(folder / "sub" / "new.safetensors")
    assert equal(saved, service.session.model)
    (folder / "sub" / "new.safetensors").unlink()
    assert ask(client, "save", {"path": "edits.py", "what": "script"}).status_code == 200
    assert equal(run((folder / "edits.py").read_text()), saved)
    assert equal(sw.load(folder / "sub" / "new.safetensors"), saved)  # the script saves, too
    exported = ask(client, "export", {"path": "model.py", "target": "numpy"})
    assert exported.status_code == 200
    names: dict = {}
    exec((folder / "model.py").read_text().split('if __name__ == "__main__":')[0], names)
    x = torch.rand(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(torch.as_tensor(names["predict"](x.numpy())), saved(x), atol=1e-12)


# ------------------------------------------------------------------------------------------------- the server


def test_it_closes_when_asked(client, closed):
    assert ask(client, "close").json() == {"closed": True}
    assert closed == [True]


def test_a_real_server_answers_on_this_machine_only_and_ends(service):
    server = EditorServer(service)
    assert server.url == f"http://127.0.0.1:{server.port}/{server.token}/"
    assert len(server.token) >= 32
    thread = threading.Thread(target=server.run)
    thread.start()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        assert "editor.js" in client.get("").text
        assert client.post("api/state", json={}).json()["position"] == 0
        assert httpx.get(f"http://127.0.0.1:{server.port}/", timeout=60).status_code == 403
        assert client.post("api/close", json={}).json() == {"closed": True}
    thread.join(60)
    assert not thread.is_alive()
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", server.port)) != 0


def test_two_servers_have_other_tokens_and_a_taken_port_is_refused(service):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="is not free"):
            EditorServer(service, port=taken.getsockname()[1])
    servers = [EditorServer(service) for _ in range(2)]
    assert servers[0].token != servers[1].token
    for server in servers:
        server.stop()
        server.run()
