"""``balent select`` and ``balent score``: picks and scores from files, and what they answer."""

import csv
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import refused
from tqdm import tqdm

import balent
from balent import scoring
from balent.acquisition import catalog
from balent.cli import main
from balent.cli.pool import parse_options
from balent.errors import MethodError
from balent.pool import AGREEMENT, Pool
from balent.pool_files import read_array

ROOT = Path(__file__).parents[1]


def probabilities(n=20, k=6, c=4, seed=0):
    logits = np.random.default_rng(seed).normal(size=(n, k, c))
    return torch.softmax(torch.from_numpy(logits), dim=2).numpy()


@pytest.fixture
def pool(tmp_path, monkeypatch) -> np.ndarray:
    """Probabilities [20, 6, 4], lying in pool.npy of the working directory."""
    monkeypatch.chdir(tmp_path)
    np.save("pool.npy", probabilities())
    np.save("features.npy", np.random.default_rng(1).normal(size=(20, 3)))
    return probabilities()


def rows(text: str) -> tuple[list[int], list[float]]:
    """Columns of a CSV with index and score."""
    found = list(csv.DictReader(io.StringIO(text)))
    assert all(list(row) == ["index", "score"] for row in found)
    return [int(row["index"]) for row in found], [float(row["score"]) for row in found]


BALD = ("--probs", "pool.npy", "--method", "bald")


def test_scores_are_those_of_the_library(pool, capsys):
    main(["score", *BALD])
    indices, scores = rows(capsys.readouterr().out)
    assert indices == list(range(20))
    assert scores == balent.score("bald", pool).tolist()


def test_picks_are_those_of_the_library_with_their_scores(pool, capsys):
    main(["select", *BALD, "--size", "5", "--seed", "3"])
    indices, scores = rows(capsys.readouterr().out)
    assert indices == balent.select("bald", pool, 5, seed=3).tolist()
    assert scores == balent.score("bald", pool)[indices].tolist()


def test_seed_and_options_reach_the_method(pool, capsys):
    power_bald = ["--probs", "pool.npy", "--method", "power_bald"]
    main(["score", *power_bald, "--seed", "4", "--option", "gumbel_scale=2"])
    scores = rows(capsys.readouterr().out)[1]
    assert scores == balent.score("power_bald", pool, seed=4, gumbel_scale=2).tolist()


def test_a_batch_method_takes_features_and_gives_its_own_scores(pool, capsys):
    badge = ["--probs", "pool.npy", "--method", "badge", "--features", "features.npy"]
    main(["select", *badge, "--size", "20"])
    indices, scores = rows(capsys.readouterr().out)
    expected = scoring.choose("badge", Pool(pool, features=np.load("features.npy")), 20, 0, {})
    assert (indices, scores) == (expected[0].tolist(), expected[1].tolist())
    assert "badge builds batches" in refused(capsys, "score", *badge)


def test_infinite_scores_are_written_as_inf(pool, capsys):
    np.save("certain.npy", np.tile([1.0, 0.0], (3, 2, 1)))
    main(["score", "--probs", "certain.npy", "--method", "balentacq"])
    assert rows(capsys.readouterr().out)[1] == [-np.inf] * 3


def test_a_file_is_written_whole_and_nothing_else(pool, capsys):
    before = set(os.listdir())
    main(["select", *BALD, "--size", "4", "--out", "picks.csv"])
    assert capsys.readouterr().out == ""
    assert rows(Path("picks.csv").read_text())[0] == balent.select("bald", pool, 4).tolist()
    assert set(os.listdir()) - before == {"picks.csv"}


def test_an_error_leaves_the_old_file_alone(pool, capsys):
    Path("picks.csv").write_text("old")
    before = set(os.listdir())
    refused(capsys, "select", *BALD, "--size", "21", "--out", "picks.csv")
    assert Path("picks.csv").read_text() == "old"
    assert set(os.listdir()) == before


def test_a_failing_write_leaves_nothing(pool, capsys, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    before = set(os.listdir())
    monkeypatch.setattr(os, "replace", full)
    message = refused(capsys, "score", *BALD, "--out", "scores.csv")
    assert "scores.csv: cannot be written (No space left on device)" in message
    assert set(os.listdir()) == before


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("none/picks.csv", "none/picks.csv: the folder none does not exist; make it first"),
        (".", ".: is a folder; name a file"),
    ],
)
def test_a_target_that_cannot_be_written_is_refused_before_reading(pool, capsys, target, message):
    Path("pool.npy").unlink()
    assert message in refused(capsys, "score", *BALD, "--out", target)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_an_archive(pool, capsys, save):
    save("one.npz", probs=pool)
    save("two.npz", probs=pool, other=pool[:3])
    outputs = []
    for source in ("pool.npy", "one.npz", "one.npz:probs", "two.npz:probs"):
        main(["score", "--probs", source, "--method", "bald"])
        outputs.append(capsys.readouterr().out)
    assert len(set(outputs)) == 1
    assert "two.npz: holds 2 arrays (probs, other); give two.npz:NAME" in refused(
        capsys, "score", "--probs", "two.npz", "--method", "bald"
    )
    assert "two.npz: has no array 'prob', only probs, other" in refused(
        capsys, "score", "--probs", "two.npz:prob", "--method", "bald"
    )


def test_a_warning_is_one_line_too(pool, capsys):
    np.save("same.npy", np.repeat(pool[:, :1], 3, axis=1))
    main(["select", "--probs", "same.npy", "--method", "bald", "--size", "2"])
    captured = capsys.readouterr()
    assert len(rows(captured.out)[0]) == 2
    assert captured.err == f"balent: warning: {AGREEMENT.format(name='bald')}\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_reading_shows_a_bar_on_a_terminal_only(pool, capsys, monkeypatch):
    monkeypatch.setattr("balent.pool.tqdm", lambda **settings: tqdm(**settings | {"delay": 0}))
    main(["score", *BALD])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys, "stderr", Terminal())
    main(["score", *BALD])
    assert re.search(r"probs: 100%.* 20/20 ", sys.stderr.getvalue())


class Trap:
    """Unpickling this would write a file."""

    def __reduce__(self):
        return Path.touch, (Path("executed"),)


def test_pickles_are_refused_and_never_executed(pool, capsys):
    objects = np.array([Trap()], dtype=object)
    np.save("objects.npy", objects)
    np.savez("objects.npz", objects)
    objects.dump("pickle.npy")
    objects.dump("pickle.npz")
    for source in ("objects.npy", "objects.npz", "pickle.npy", "pickle.npz"):
        message = refused(capsys, "score", "--probs", source, "--method", "bald")
        assert f"{source}: cannot be read as {source[-4:]}" in message
    assert not Path("executed").exists()


def test_files_that_cannot_be_read_are_one_line(pool, capsys):
    whole = Path("pool.npy").read_bytes()
    Path("short.npy").write_bytes(whole[:-1])
    Path("empty.npy").write_bytes(b"")
    Path("empty.npz").write_bytes(b"")
    Path("pool.pt").write_bytes(whole)
    Path("folder.npy").mkdir()
    for source, message in {
        "none.npy": "none.npy: cannot be read as .npy (No such file or directory)",
        "none.npz": "none.npz: cannot be read as .npz (No such file or directory)",
        "none.npz:probs": "none.npz: cannot be read as .npz",
        "short.npy": "short.npy: cannot be read as .npy (mmap length is greater than file size)",
        "empty.npy": "empty.npy: cannot be read as .npy",
        "empty.npz": "empty.npz: cannot be read as .npz (File is not a zip file)",
        "folder.npy": "folder.npy: cannot be read as .npy (Is a directory)",
        "pool.pt": "pool.pt: is no .npy or .npz file; save the array by numpy.save",
    }.items():
        assert message in refused(capsys, "score", "--probs", source, "--method", "bald")


def test_an_npy_file_is_mapped_and_cannot_be_changed(pool):
    array = read_array("pool.npy")
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("select --probs pool.npy --method bald", "arguments are required: --size; see balent sel"),
        ("select --probs pool.npy --method bald --size x", "--size: invalid int value: 'x'"),
        ("select --probs pool.npy --method bald --size 0", "size=0 is not allowed; give 1 to 20"),
        ("score --probs pool.npy --method bald --seed -1", "seed=-1 is not allowed"),
        ("score --probs pool.npy --method bold", "unknown method 'bold'; did you mean 'bald'"),
        ("score --prob pool.npy --method bald", "arguments are required: --probs"),
        ("score --probs features.npy --method bald", "shape (20, 3) is not allowed; give [N, K"),
        ("select --size 3 --probs pool.npy --method badge", "badge needs features; give [N, D]"),
        (
            "score --probs pool.npy --method bald --validation-error 0.1",
            "bald uses no validation_error; leave it out",
        ),
        (
            "score --probs pool.npy --method bald --reference-probs pool.npy",
            "bald uses no reference_probs; leave it out",
        ),
        ("score --probs pool.npy --method bald --option x=1", "bald: unknown option 'x'"),
        ("guess", "invalid choice: 'guess'"),
        ("", "arguments are required: command; see balent --help"),
    ],
)
def test_wrong_arguments_are_one_line(pool, capsys, arguments, message):
    assert message in refused(capsys, *arguments.split())


def test_options_are_read_by_the_type_of_their_default(monkeypatch):
    defaults = {"count": 1, "scale": 1.0, "votes": False, "priority": "P2"}
    [entry] = [entry for entry in catalog.catalog().values() if entry.spec.name == "bald"]
    monkeypatch.setattr(catalog, "find", lambda name: replace(entry, options=defaults))
    texts = ["count=3", "scale=1e-3", "votes=true", "priority=P1"]
    assert parse_options("bald", texts) == {
        "count": 3,
        "scale": 0.001,
        "votes": True,
        "priority": "P1",
    }
    assert parse_options("bald", ["scale=2", "votes=False"]) == {"scale": 2.0, "votes": False}
    assert type(parse_options("bald", ["scale=2"])["scale"]) is float
    for wrong, message in {
        "count=1.5": "bald: count='1.5' is str; give a whole number",
        "scale=big": "bald: scale='big' is str; give a number",
        "votes=1": "bald: votes='1' is str; give true or false",
        "votes": "--option 'votes' is not allowed; write NAME=VALUE",
        "vote=true": "unknown option 'vote'; did you mean 'votes'",
    }.items():
        with pytest.raises(MethodError, match=re.escape(message)):
            parse_options("bald", [wrong])
    with pytest.raises(MethodError, match="--option votes is given twice"):
        parse_options("bald", ["votes=true", "votes=false"])


COMMAND = [sys.executable, "-c", "from balent.cli import main; main()"]


def test_a_reader_that_has_seen_enough_is_no_error(pool):
    np.save("many.npy", np.tile(probabilities(n=1), (50_000, 1, 1)))
    run = subprocess.Popen(
        [*COMMAND, "score", "--probs", "many.npy", "--method", "bald"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert run.stdout.readline() == b"index,score\n"
    run.stdout.close()
    assert run.stderr.read() == b""
    assert run.wait() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_standard_output_that_is_full_is_one_line(pool):
    with open("/dev/full", "w") as full:
        run = subprocess.run([*COMMAND, "score", *BALD], stdout=full, stderr=subprocess.PIPE)
    assert run.returncode == 2
    assert run.stderr == (b"balent: standard output: cannot be written (No space left on device)\n")


PAGE = (ROOT / "docs" / "cli.md").read_text()


def test_the_page_shows_how_to_get_from_a_model_to_picks(tmp_path, monkeypatch, capsys):
    """Its Python blocks and commands are executed as they stand, for a small model."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)

    def network(dropout):
        return torch.nn.Sequential(torch.nn.Linear(5, 16), dropout, torch.nn.Linear(16, 10))

    space = {
        "model": network(torch.nn.Dropout(0.5)),
        "models": [network(torch.nn.Dropout(0.5)) for _ in range(4)],
        "pool": torch.randn(250, 5),
    }
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S):
        exec(block, space)
        assert len(set(space["picks"].tolist())) == 10
    shared = network(space["SharedDropout"](0.5))
    copies = space["pool"][:1].repeat(6, 1)
    probs = space["joint_samples"](shared, copies.split(4), 3)
    assert probs.shape == (6, 3, 10)
    assert torch.allclose(probs, probs[:1].expand(6, 3, 10))
    assert not torch.allclose(probs[:, 0], probs[:, 1])
    [commands] = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    for command in commands.splitlines():
        main(command.split()[1:])
    picks = balent.select("balentacq", np.load("pool.npy"), 10).tolist()
    assert rows(Path("picks.csv").read_text())[0] == picks
    assert len(rows(Path("scores.csv").read_text())[0]) == 250


@pytest.mark.parametrize("line", re.findall(r"^balent: (.*)$", PAGE, re.M))
def test_the_errors_of_the_page_are_real(tmp_path, monkeypatch, capsys, line):
    monkeypatch.chdir(tmp_path)
    probs = probabilities(n=500, k=1 if "K = 1" in line else 4, c=10)
    if "row [17, 3]" in line:
        probs[17, 3] *= 2
    np.save("pool.npy", probs)
    method = next(name for name in ("balentac", "badge", "bald") if name in line + " bald")
    message = refused(capsys, "select", "--size", "3", "--probs", "pool.npy", "--method", method)
    assert message.startswith(f"balent: {line.partition('…')[0]}")


@pytest.mark.parametrize("name", ["pool.npy", "other.npz", "picks.NPY"])
def test_an_array_is_never_the_target(pool, capsys, name):
    before = Path("pool.npy").read_bytes()
    assert "is the name of an array; the output is CSV" in refused(
        capsys, "select", *BALD, "--size", "2", "--out", name
    )
    assert Path("pool.npy").read_bytes() == before


def test_an_input_under_another_name_is_never_the_target(pool, capsys):
    os.link("pool.npy", "link.csv")
    os.symlink("pool.npy", "symlink.csv")
    for name in ("link.csv", "symlink.csv"):
        error = refused(capsys, "select", *BALD, "--size", "2", "--out", name)
        assert "is an input of this command" in error


def test_a_device_is_never_replaced(pool, capsys):
    error = refused(capsys, "select", *BALD, "--size", "2", "--out", "/dev/null")
    assert "is no regular file" in error
    assert Path("/dev/null").is_char_device()


def test_what_a_method_logs_is_a_line_of_the_command(pool, capsys):
    certain = np.tile([1.0, 0.0], (3, 2, 1))
    certain[0, 1] = [0.0, 1.0]
    np.save("certain.npy", certain)
    arguments = ["--probs", "certain.npy", "--method", "balentacq", "--option", "precision=1"]
    main(["score", *arguments])
    assert capsys.readouterr().err.startswith("balent: warning: balentacq: 3 of 3 points rank last")
