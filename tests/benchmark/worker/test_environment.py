"""A submission's own packages: wheels with hashes from one index, over the harness's own."""

import base64
import hashlib
import os
import socket
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from toy_runs import both, run, write

from retouch.benchmark.cli.main import main
from retouch.benchmark.worker import environment
from retouch.benchmark.worker.index import Gate

SHOWS = """
import filelock
import own_package


def edit(generator, task, budget):
    raise RuntimeError(f"{own_package.WORD} {filelock.__version__}")
"""


def wheel(folder, name, version, body):
    """Write a wheel and its page of an index; returns its line of requirements."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": body,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {one: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()) for one, text in files.items()}
    rows = [f"{one},sha256={digest.rstrip(b'=').decode()}," for one, digest in digests.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,\n"])
    file = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for one, text in files.items():
            archive.writestr(one, text)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    page = folder / name.replace("_", "-")
    page.mkdir()
    (page / "index.html").write_text(f'<a href="../{file.name}#sha256={digest}">{file.name}</a>')
    return f"{name}=={version} --hash=sha256:{digest}"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index of two packages, one of which the harness has too; its lines of requirements."""
    folder = tmp_path / "index"
    folder.mkdir()
    lines = [wheel(folder, "own_package", "1.0", "WORD = 'mine'\n"),
             wheel(folder, "filelock", "0.1", "__version__ = '0.1'\n")]  # fmt: skip
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("RETOUCH_INDEX", f"http://127.0.0.1:{server.server_port}")
    yield lines
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@both
def test_a_worker_imports_the_submissions_own_packages_first(submissions, index, sandboxed, monkeypatch):
    folder = write(submissions, "own", SHOWS)
    (folder / "requirements.txt").write_text("# written by a tool\n" + " \\\n    ".join(index[0].split(" ")) + "\n")
    assert environment.versions(folder) == {"own own_package": "1.0"}
    failed = run(folder, sandboxed=sandboxed)
    assert "mine " in failed.reason and "mine 0.1" not in failed.reason  # the harness's own filelock
    (folder / "requirements.txt").write_text("\n".join(index))
    assert "mine 0.1" in run(folder, sandboxed=sandboxed).reason
    monkeypatch.setenv("RETOUCH_INDEX", "http://127.0.0.1:9/gone")  # installed once: no index is asked again
    assert "mine 0.1" in run(folder, sandboxed=sandboxed).reason


@pytest.mark.slow
@both
def test_another_hash_or_a_missing_wheel_fails_the_run(submissions, index, sandboxed):
    folder = write(submissions, "own", SHOWS)
    name, _, digest = index[0].partition(" --hash=sha256:")
    for line, reason in {
        f"{name} --hash=sha256:{digest[::-1]}": "THESE PACKAGES DO NOT MATCH THE HASHES",
        f"absent==1.0 --hash=sha256:{digest}": "Could not find a version",
    }.items():
        (folder / "requirements.txt").write_text(line)
        record = run(folder, sandboxed=sandboxed)
        assert record.status == "failed" and reason in record.reason, record.reason
        assert "requirements.txt: pip: " in record.reason


@pytest.mark.parametrize(
    "line",
    ["numpy", "numpy>=2", "--extra-index-url https://elsewhere", "-e .", "git+https://x/y", "./own.whl", "a==1",
     "a==1 --hash=md5:12", "a==1 --hash=sha256:" + "0" * 64 + " --no-binary a"],
)  # fmt: skip
def test_only_wheels_with_hashes_are_taken(tmp_path, line):
    (tmp_path / "requirements.txt").write_text(f"# fine\n\n{line}\n")
    with pytest.raises(ValueError, match=r"requirements\.txt: .* is not name==version --hash=sha256:"):
        environment.build(tmp_path, False)


def test_a_submission_without_requirements_has_none(tmp_path, capsys):
    assert environment.build(tmp_path, False) is None and environment.versions(tmp_path) == {}
    folder = write(tmp_path, "own")
    (folder / "requirements.txt").write_text("a==1 --hash=sha256:" + "0" * 64)
    assert main(["apply", str(folder), "--base", "x", "--out", str(tmp_path / "y")]) == 2
    assert "packages of its own; install them" in capsys.readouterr().err


def test_another_process_may_install_them_first(tmp_path, cache, monkeypatch):
    def install(lines, draft, *_):
        for packages in (draft / environment.PACKAGES, draft.parent / environment.PACKAGES):
            packages.mkdir()
            (packages / "a.py").touch()

    monkeypatch.setattr(environment, "_install", install)
    (tmp_path / environment.FILE).write_text("a==1 --hash=sha256:" + "0" * 64)
    assert (environment.build(tmp_path, False) / "a.py").is_file()


def asked(place, request):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(place))
        client.sendall(request)
        return client.makefile("rb").read()


def test_the_gate_lets_through_to_the_index_alone(index, tmp_path):
    address = urlsplit(os.environ["RETOUCH_INDEX"])
    here = f"{address.hostname}:{address.port}"
    with Gate(tmp_path / "gate", environment._hosts(os.environ["RETOUCH_INDEX"])):
        page = asked(tmp_path / "gate", f"GET http://{here}/own-package/ HTTP/1.1\r\nHost: {here}\r\n\r\n".encode())
        assert b"own_package-1.0-py3-none-any.whl" in page
        tunnel = f"CONNECT {here} HTTP/1.1\r\n\r\nGET /filelock/ HTTP/1.0\r\n\r\n".encode()
        assert b"200 connected" in asked(tmp_path / "gate", tunnel) and b"filelock-0.1" in asked(
            tmp_path / "gate", tunnel
        )
        for request in (b"CONNECT elsewhere:443 HTTP/1.1\r\n\r\n", b"GET http://127.0.0.1:1/ HTTP/1.1\r\n\r\n",
                        b"GET file:///etc/passwd HTTP/1.1\r\n\r\n"):  # fmt: skip
            assert asked(tmp_path / "gate", request).startswith(b"HTTP/1.1 403")
        assert asked(tmp_path / "gate", b"nonsense\r\n\r\n") == b""
    assert environment._hosts(environment.PYPI) == {("pypi.org", 443), ("files.pythonhosted.org", 443)}
    assert environment._hosts("http://mirror/simple") == {("mirror", 80)}
