"""balent pull and publish on a repository of one stage: what goes wrong, in one line."""

import io
import os
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml
from dvc.exceptions import UploadError
from dvc.repo import Repo

from balent.errors import DataError
from balent.provenance import publish
from balent.provenance.pull import CACHE, find_remote, open_repo, pull, run_shown

FILES = {"results/small/a/history.csv": "a", "results/small/b/history.csv": "b"}
LEFTOVER = ".AbCdEfGhIjKlMnOpQrSt_-.tmp"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A repository whose outputs are in its remote, and neither here nor in its cache."""
    root = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        subprocess.run(["git", "init", "--quiet"], check=True)
        repo = Repo.init()
        stage = {"cmd": "true", "outs": [{"results/small": {"persist": True}}]}
        Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"results": stage}}))
        for name, text in FILES.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text)
        with repo.config.edit("repo") as config:
            config["core"] = {"remote": "published"}
            config["remote"] = {"published": {"url": ".dvc/published", "verify": True}}
        repo = Repo()
        repo.reproduce()
        repo.push()
        shutil.rmtree("results")
        shutil.rmtree(".dvc/cache")
    return root


@pytest.fixture
def here(published, tmp_path, monkeypatch):
    """A copy of it, in which commands run."""
    root = tmp_path / "copy"
    shutil.copytree(published, root)
    monkeypatch.chdir(root)
    return root


def add_remote(url: str) -> None:
    with Repo().config.edit("local") as config:
        config["remote"] = {"other": {"url": url}}


def remote_object(text: str) -> Path:
    (found,) = (
        p for p in Path(".dvc/published").rglob("*") if p.is_file() and p.read_text() == text
    )
    return found


def test_everything_is_pulled(here):
    pull([])
    assert {name: Path(name).read_text() for name in FILES} == FILES


def test_a_bar_shows_the_bytes_that_arrive(here, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    program = (
        "import pathlib, sys, time; "
        f"place = pathlib.Path({str(CACHE)!r}, 'ab'); place.mkdir(parents=True); "
        "(place / 'c').write_bytes(bytes(600)); time.sleep(2); sys.exit('done')"
    )
    monkeypatch.setattr("balent.provenance.pull.INTERVAL", 0.2)
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    assert run_shown([sys.executable, "-c", program], 1000) == (1, "done\n")
    assert "600/1.00k" in shown.getvalue()


@pytest.mark.parametrize("place", ["results/small", "results/small/a"])
def test_unfinished_copies_of_a_killed_pull_are_no_changes(here, place):
    pull([])
    os.unlink("results/small/b/history.csv")
    (here / place / LEFTOVER).write_text("half")
    pull([])
    assert {name: Path(name).read_text() for name in FILES} == FILES
    assert not (here / place / LEFTOVER).exists()


def test_a_damaged_index_of_dvc_is_dropped(here):
    pull([])
    (database,) = Path(Repo().site_cache_dir, "index", "data").glob("*.db")
    database.write_text("damaged")
    os.unlink("results/small/b/history.csv")
    pull([])
    assert {name: Path(name).read_text() for name in FILES} == FILES


def test_files_of_the_user_stay(here):
    pull([])
    Path("results/small/mine.tmp").write_text("mine")
    os.unlink("results/small/b/history.csv")
    with pytest.raises(DataError, match="a file was changed here"):
        pull([])
    assert Path("results/small/mine.tmp").read_text() == "mine"


def test_another_process_of_dvc_is_not_disturbed(here):
    with Repo().lock, pytest.raises(DataError, match="another DVC process works here"):
        pull([])


def test_a_part_of_an_output_can_be_pulled_and_its_reason_said(here):
    remote_object("a").unlink()
    pull(["results/small/b"])
    with pytest.raises(DataError, match=r"^results/small/a/history.csv: its object .* is missing"):
        pull(["results/small/a/"])


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("gs://bucket/x", r"gs is supported, but requires 'dvc-gs' to be installed"),
        ("azure://bucket/x", r"azure is supported, but requires 'dvc-azure' to be installed"),
        ("file:///data", r"DVC knows no addresses file://; give the path alone"),
        ("/nonexistent", r"cannot be reached: there is no such folder"),
        ("http://127.0.0.1:9/data", r"cannot be reached: Connection refused; try again later"),
    ],
)
def test_remotes_that_can_not_be_asked(here, url, message):
    add_remote(url)
    with pytest.raises(DataError, match=message):
        pull([], "other")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, r"cannot be read \(403.*Forbidden"),
        (500, r"cannot be read \(500"),
        (404, "is missing"),
    ],
)
def test_what_a_server_answers_is_said(here, status, message):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(status)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    add_remote(f"http://127.0.0.1:{server.server_port}")
    with pytest.raises(DataError, match=message):
        pull([], "other")
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("command", [pull, lambda _: publish.publish()])
def test_outside_a_repository(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no DVC repository: run this in the folder of dvc"):
        command([])


def test_without_a_lock(here):
    os.unlink("dvc.lock")
    with pytest.raises(DataError, match=r"^dvc.lock: is not here"):
        pull([])


def test_a_damaged_configuration_of_dvc(here):
    Path(".dvc/config").write_text("[core")
    with pytest.raises(DataError, match="config"):
        pull([])


@pytest.mark.parametrize(
    "command", [lambda: pull([], "nowhere"), lambda: publish.publish("nowhere")]
)
def test_an_unknown_remote(here, command):
    with pytest.raises(DataError, match="no remote 'nowhere': there are published"):
        command()


def test_the_default_remote(here):
    assert find_remote(open_repo(), None)[0] == "published"


def test_what_the_folder_in_git_held_is_replaced(here):
    pull([])
    Path(".dvc/published/stray").write_text("old")
    publish._replace_folder()
    assert not Path(".dvc/published/stray").exists()
    assert remote_object("a").is_file()


def test_a_failing_push_leaves_the_old_folder(here, monkeypatch):
    def fail(repo, remote):
        os.makedirs(publish.NEW)
        raise UploadError(1)

    monkeypatch.setattr(Repo, "push", fail)
    with pytest.raises(
        DataError, match=r"^dvc push: 1 files failed to upload; nothing was changed"
    ):
        publish._replace_folder()
    assert remote_object("a").is_file()


@pytest.mark.parametrize(
    ("printed", "refused"), [("Nothing to be done", False), ("job count", True)]
)
def test_only_what_snakemake_would_not_make_again_is_published(here, monkeypatch, printed, refused):
    """Own data and own methods are unknown to DVC."""
    pull([])
    monkeypatch.setattr(publish, "SNAKEMAKE", (sys.executable, "-c", f"print({printed!r})"))
    monkeypatch.setattr(publish, "_entries_of", lambda files: [])
    if refused:
        with pytest.raises(DataError, match="would make some again; run snakemake results"):
            publish.publish()
    else:
        assert "in remote 'published'; now commit" in publish.publish()
