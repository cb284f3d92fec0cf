"""The store behind the cache, in a folder and in a bucket whose server errs, stalls and loses connections."""

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from retouch.benchmark import weights
from retouch.benchmark.support import store
from retouch.benchmark.support.cache import cache_folder, keep, kept

ARRAYS = {"images": np.arange(60_000, dtype=np.uint8).reshape(-1, 4), "cost_wall": np.array(1.5)}


class Faults:
    """A bucket's application that answers wrongly, or late, as often as `plan` says."""

    def __init__(self, application):
        self.application, self.plan, self.requests, self.lock = application, [], 0, threading.Lock()

    def __call__(self, environ, start_response):
        with self.lock:
            self.requests += 1
            fault = self.plan.pop(0) if self.plan else None
        if fault == "error":
            start_response("500 Internal Server Error", [])
            return [b"<Error><Code>InternalError</Code></Error>"]
        if fault == "cut":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return []
        if fault:
            time.sleep(fault)
        return self.application(environ, start_response)


@pytest.fixture(scope="module")
def server():
    """A bucket's server on this machine, with its faults."""
    pytest.importorskip("s3fs")
    backend = pytest.importorskip("moto.server")
    from werkzeug.serving import make_server

    faults = Faults(backend.DomainDispatcherApplication(backend.create_backend_app))
    web = make_server("127.0.0.1", 0, faults, threaded=True)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{web.server_port}", faults
    web.shutdown()


@pytest.fixture
def bucket(server, cache, monkeypatch):
    """An empty bucket as the store; returns its server's faults."""
    import s3fs

    url, faults = server
    names = {"ENDPOINT_URL": url, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1"}
    for name, value in names.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    name = f"b{time.monotonic_ns()}"
    s3fs.S3FileSystem().mkdir(name)
    monkeypatch.setenv("RETOUCH_STORE", f"s3://{name}/lab")
    return faults


def forgotten(file):
    """What is left of kept arrays once this machine's own copy is gone."""
    file.unlink()
    return kept(file)


def same(arrays):
    """Whether these are ARRAYS."""
    return arrays.keys() == ARRAYS.keys() and all(np.array_equal(ARRAYS[name], arrays[name]) for name in ARRAYS)


def test_another_machine_reads_what_one_has_kept(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("RETOUCH_STORE", str(tmp_path / "shared"))
    keep(cache_folder() / "answers/a.npz", ARRAYS)
    monkeypatch.setenv("RETOUCH_CACHE", str(tmp_path / "another"))
    assert same(kept(cache_folder() / "answers/a.npz")) and kept(cache_folder() / "answers/b.npz") is None
    assert store.names("answers") == {"a.npz"} and (tmp_path / "another/answers/a.npz").exists()


def test_a_damaged_object_counts_as_missing(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("RETOUCH_STORE", str(tmp_path / "shared"))
    file = cache_folder() / "answers/a.npz"
    keep(file, ARRAYS)
    whole = (tmp_path / "shared/answers/a.npz").read_bytes()
    for content in (b"", whole[: len(whole) // 2], whole[:5000] + b"?" + whole[5001:]):
        (tmp_path / "shared/answers/a.npz").write_bytes(content)
        assert forgotten(file) is None
    keep(file, ARRAYS)
    assert same(forgotten(file))


def test_a_base_in_the_store_is_copied_once_and_whole(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("RETOUCH_STORE", str(tmp_path / "shared"))
    far = shutil.copytree(weights.folder("digits-gan"), tmp_path / "shared/weights/lab-gan")
    (far / "card.json").rename(far / "late.json")
    with pytest.raises(weights.WeightsError, match="no weights 'lab-gan'"):
        weights.find("lab-gan")
    (far / "late.json").rename(far / "card.json")
    assert weights.find("lab-gan").sha256 == weights.find("digits-gan").sha256
    shutil.rmtree(far)
    assert weights.find("lab-gan").folder == cache_folder() / "weights/lab-gan"


@pytest.mark.parametrize("fault", ["error", "cut", 0.3])
def test_a_bucket_that_errs_loses_nothing(bucket, fault):
    file = cache_folder() / "answers/a.npz"
    bucket.plan = [fault] * 2
    keep(file, ARRAYS)
    bucket.plan = [fault] * 2
    assert same(forgotten(file)) and len(bucket.plan) < 2  # of those requests one at least met its fault


@pytest.mark.parametrize("address", ["/proc/down", "s3://no-such-bucket"])
def test_a_store_that_is_down_costs_the_copy_alone(bucket, monkeypatch, capsys, address):
    monkeypatch.setenv("RETOUCH_STORE", address)
    file = cache_folder() / "answers/a.npz"
    keep(file, ARRAYS)
    assert same(kept(file)) and f"writing answers/a.npz in {address} failed" in capsys.readouterr().err


UPLOAD = """
import numpy as np
from retouch.benchmark.support.cache import cache_folder, keep
noise = np.random.default_rng(0).integers(0, 256, 3 * 10**7, dtype=np.uint8)
keep(cache_folder() / "answers/big.npz", {"noise": noise})
"""


def test_an_upload_that_is_killed_leaves_no_object(bucket):
    before = bucket.requests
    process = subprocess.Popen([sys.executable, "-c", UPLOAD])
    while bucket.requests == before and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    file = cache_folder() / "answers/big.npz"
    assert file.exists() and store.names("answers") == set() and forgotten(file) is None
    keep(file, ARRAYS)
    assert same(forgotten(file))
