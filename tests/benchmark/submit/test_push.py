"""Pushing to a hub: a local server in the place of the real one, spoken to by huggingface_hub itself."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from retouch.benchmark import weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.support.files import write_json


class Hub(BaseHTTPRequestHandler):
    """What a hub answers to a commit: files of weights go to its large storage, all others with the commit itself."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        address, repository = f"http://{self.headers['host']}", self.server.repository
        table, code = {}, 403 if repository.closed else 200
        if self.path == "/api/repos/create":
            repository.asked, table = json.loads(body), {"url": f"{address}/me/eights"}
        elif "/preupload/" in self.path:
            table = {"files": [self.mode(one["path"]) for one in json.loads(body)["files"]]}
        elif self.path.endswith("/objects/batch"):
            links = [(one, {"upload": {"href": f"{address}/large"}}) for one in json.loads(body)["objects"]]
            table = {"objects": [{**one, "actions": actions} for one, actions in links], "transfer": "basic"}
        elif self.path == "/large":
            repository.large.append(body)
        elif "/commit/" in self.path:
            rows = [json.loads(line) for line in body.splitlines()]
            small = [row["value"] for row in rows if row["key"] == "file"]
            repository.files = {one["path"]: base64.b64decode(one["content"]) for one in small}
            table = {"commitOid": "0" * 40, "commitUrl": f"{address}/me/eights/commit/0", "hookOutput": ""}
        content = json.dumps(table).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(content)))
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(content)

    @staticmethod
    def mode(path: str) -> dict:
        large = path.endswith(".safetensors")
        return {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def repository(monkeypatch):
    """What the hub was asked for and holds: `asked`, `large`, `files`; `closed` refuses whoever comes."""
    pytest.importorskip("huggingface_hub")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.repository = SimpleNamespace(asked=None, large=[], files={}, closed=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    yield server.repository
    server.shutdown()
    server.server_close()


def test_a_pushed_folder_lies_on_the_hub_with_a_page(repository, capsys):
    folder = weights.folder("digits-gan")
    assert main(["push", str(folder), "--to", "me/eights"]) == 2
    assert "states no licence; --licence says" in capsys.readouterr().err and repository.asked is None
    assert main(["push", str(folder), "--to", "me/eights", "--licence", "MIT"]) == 0
    assert capsys.readouterr().out.strip().endswith("/me/eights")
    assert repository.asked["visibility"] == "private" and repository.asked["name"] == "eights"
    assert repository.large == [(folder / "model.safetensors").read_bytes()]
    assert json.loads(repository.files["card.json"]) == weights.card(folder)
    assert repository.files["README.md"].startswith(b"---\nlicense: mit\n")
    assert main(["push", str(folder), "--to", "me/eights", "--licence", "A licence of ours", "--public"]) == 0
    assert repository.asked["visibility"] == "public"
    assert b'license: other\ntags: [retouch, image-generation]\nlicense_name: "A lic' in repository.files["README.md"]


def test_a_hub_that_refuses_and_damaged_weights_are_one_line(repository, tmp_path, capsys):
    repository.closed = True
    folder = weights.folder("digits-gan")
    for name in ("me/eights", "no name/at all"):
        assert main(["push", str(folder), "--to", name, "--licence", "MIT"]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and f"{name}: the hub refuses" in error and "`hf auth login`" in error
    write_json(tmp_path / "card.json", {"name": "x", "family": "gan", "config": {}, "sha256": "0" * 64})
    (tmp_path / "model.safetensors").write_bytes(b"other")
    assert main(["push", str(tmp_path), "--to", "me/eights", "--licence", "MIT"]) == 2
    assert "the card says 0000" in capsys.readouterr().err and not repository.files
