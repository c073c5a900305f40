"""Publishing to other remotes than the one in git: S3 (a server on loopback) and HTTP."""

import socket
import subprocess
import sys
import time
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from threading import Thread

import pytest

from .project import PUBLISHED

pytestmark = pytest.mark.workflow

NO_S3 = "needs the packages of envs/requirements-s3.txt"


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def http_folder(tmp_path):
    """A folder and the address under which a plain file server shows it."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_http(pulled, http_folder, tmp_path):
    """HTTP serves what was pushed into a folder of the server."""
    folder, address = http_folder
    pulled.dvc("remote", "add", "--local", "folder", str(folder))
    pulled.dvc("push", "--remote", "folder")
    clone = pulled.clone(tmp_path / "other")
    clone.dvc("remote", "add", "--local", "web", address)
    clone.dvc("remote", "modify", "--local", "web", "verify", "true")
    clone.balent("pull", "--remote", "web")
    assert clone.planned(*PUBLISHED) == set()


def test_http_objects_that_do_not_fit_are_refused(pulled, http_folder, tmp_path):
    folder, address = http_folder
    pulled.dvc("remote", "add", "--local", "folder", str(folder))
    pulled.dvc("push", "--remote", "folder")
    largest = max(folder.rglob("*"), key=lambda path: path.stat().st_size)
    largest.chmod(0o644)
    largest.write_bytes(b"wrong")
    clone = pulled.clone(tmp_path / "other")
    clone.dvc("remote", "add", "--local", "web", address)
    clone.dvc("remote", "modify", "--local", "web", "verify", "true")
    said = clone.balent("pull", "--remote", "web", fails=True)
    assert "is corrupted in remote 'web'" in said


@pytest.fixture
def s3(monkeypatch):
    """The address of an S3 server with the bucket ``results``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "--port", port],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for _ in range(100):
        try:
            urllib.request.urlopen(
                urllib.request.Request(f"{address}/results", method="PUT"), timeout=5
            ).close()
            break
        except OSError:
            time.sleep(0.2)
    yield address
    server.terminate()
    server.wait()


@pytest.mark.skipif(not (find_spec("moto") and find_spec("dvc_s3")), reason=NO_S3)
def test_s3(pulled, s3, tmp_path):
    """The one-liners of docs/dvc.md, against a server; the remote is the repository's default."""
    pulled.dvc("remote", "add", "--default", "team", "s3://results/balent")
    pulled.dvc("remote", "modify", "team", "endpointurl", s3)
    pulled.dvc("remote", "modify", "team", "verify", "true")
    pulled.run(sys.executable, "scripts/publish.py", "--remote", "team")
    pulled.commit("a remote for the team")
    clone = pulled.clone(tmp_path / "other")
    clone.balent("pull")
    assert clone.planned(*PUBLISHED) == set()
    clone.dvc("remote", "modify", "team", "endpointurl", "http://127.0.0.1:9")
    assert "cannot be reached: Connection refused" in clone.balent("pull", fails=True)
