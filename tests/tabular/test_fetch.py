"""Downloads, through a server that drops connections and serves wrong bytes."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.tabular import Table, download, embedded, fetch
from nasbench_sim.tabular.__main__ import IMPORTERS, main
from tests.tabular import tfrecord_files
from tests.tabular.server import Server, serving

CONTENT = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "figures.bin"


@pytest.fixture
def server():
    with serving(CONTENT) as server:
        yield server


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 5.0)


def get(server: Server, folder: Path, *, size: int | None = None, sha256: str | None = SHA256, url: str = "") -> str:
    wanted = download.Wanted(NAME, url or server.url, size, sha256)
    return download.download(wanted, folder, pause=lambda attempt: None)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def check_whole(folder: Path, content: bytes = CONTENT) -> None:
    assert (folder / NAME).read_bytes() == content
    assert left(folder) == {NAME, f"{NAME}.sha256"}
    assert (folder / f"{NAME}.sha256").read_text() == f"{hashlib.sha256(content).hexdigest()}  {NAME}\n"


def test_one_request_brings_it(server, tmp_path):
    assert get(server, tmp_path / "new") == SHA256
    check_whole(tmp_path / "new")
    assert get(server, tmp_path / "new") == SHA256
    assert server.requests == [None]


def test_a_dropped_connection_is_taken_up_where_it_ended(server, tmp_path):
    server.behaviours = [{"drop": count} for count in (100_000, 0, 1, 65_536, 0, 0)]
    get(server, tmp_path)
    check_whole(tmp_path)
    begins = [100_000, 100_000, 100_001, 165_537, 165_537, 165_537]
    assert server.requests == [None, *(f"bytes={begin}-" for begin in begins)]
    assert server.sent == len(CONTENT)


def test_connections_that_are_reset(server, tmp_path):
    server.behaviours = [{"drop": 50_000, "block": 1000, "pause": 0.001, "reset": True}] * 8
    get(server, tmp_path)
    check_whole(tmp_path)
    assert server.sent < len(CONTENT) + 8 * 50_000


def test_a_server_that_ignores_ranges_is_believed(server, tmp_path):
    server.behaviours = [{"drop": 200_000}, {"ranges": False}]
    get(server, tmp_path)
    check_whole(tmp_path)


def test_it_gives_up_and_goes_on_later(server, tmp_path):
    server.behaviours = [{"drop": 150_000, "block": 1000}]
    server.usual = {"status": 503}
    with pytest.raises(UserError, match=r"answers 503 .*; [\d,]+ bytes are kept, the same command goes on from there"):
        get(server, tmp_path)
    assert len(server.requests) == 1 + download.ATTEMPTS
    kept = (tmp_path / f".{NAME}.part").stat().st_size
    assert 0 < kept <= 150_000
    server.usual = {}
    get(server, tmp_path)
    check_whole(tmp_path)
    assert server.requests[-1] == f"bytes={kept}-"


def test_nobody_there(tmp_path):
    with serving(CONTENT) as server:
        url = server.url
    with pytest.raises(UserError, match=r"the connection failed \(.*[Rr]efused") as refused:
        get(server, tmp_path, url=url)
    assert "\n" not in str(refused.value)
    assert left(tmp_path) == set()


WRONG = CONTENT[:1000] + b"?" + CONTENT[1001:]


def test_wrong_bytes_are_not_kept(server, tmp_path):
    server.usual = {"content": WRONG}
    with pytest.raises(UserError, match=f"has the sha256 [0-9a-f]{{64}}, where {SHA256} is expected; nothing was kept"):
        get(server, tmp_path)
    assert left(tmp_path) == set()


def test_a_start_of_wrong_bytes_is_fetched_anew(server, tmp_path):
    """With a checksum at the end the whole is tried once more from nothing, without it never joined."""
    server.behaviours = [{"content": WRONG, "drop": 100_000, "block": 5000, "etag": None}]
    get(server, tmp_path)
    check_whole(tmp_path)
    server.requests.clear()
    server.behaviours = [{"content": WRONG, "drop": 100_000, "block": 5000, "etag": None}]
    get(server, tmp_path / "b", sha256=None)
    check_whole(tmp_path / "b")
    assert server.requests == [None, None]


def test_a_file_that_changes_in_between(server, tmp_path):
    """The server's own mark differs, so the rest of the new file is not put behind the start of the old."""
    server.behaviours = [{"content": WRONG, "drop": 100_000, "block": 5000, "etag": '"old"'}]
    get(server, tmp_path, sha256=None)
    check_whole(tmp_path)


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1])
@pytest.mark.parametrize("sha256", [None, SHA256])
def test_another_length_than_stated(server, tmp_path, size, sha256):
    with pytest.raises(UserError, match=f"it has 300,000 bytes, where {size:,} are expected"):
        get(server, tmp_path, size=size, sha256=sha256)
    assert left(tmp_path) == set()


def test_false_lengths(server, tmp_path):
    """Too long is found out when the rest is asked for, too short by the checksum."""
    server.behaviours = [{"length": len(CONTENT) + 500}]
    get(server, tmp_path)
    check_whole(tmp_path)
    server.usual = {"length": len(CONTENT) - 500}
    with pytest.raises(UserError, match="nothing was kept"):
        get(server, tmp_path / "a")
    assert left(tmp_path / "a") == set()
    server.usual = {"length": "many"}
    with pytest.raises(UserError, match="does not say how long"):
        get(server, tmp_path / "b", sha256=None)


def test_no_length_at_all(server, tmp_path):
    server.usual = {"length": None}
    get(server, tmp_path)
    check_whole(tmp_path)
    with pytest.raises(UserError, match="does not say how long the file is, so its end cannot be told"):
        get(server, tmp_path / "b", sha256=None)
    server.usual = {"chunked": True}
    get(server, tmp_path / "c", sha256=None)
    check_whole(tmp_path / "c")


def test_more_than_was_stated_without_a_length(server, tmp_path):
    server.usual = {"chunked": True, "content": CONTENT * 20}
    with pytest.raises(UserError, match="it has more than 300,000 bytes; nothing was kept"):
        get(server, tmp_path, size=len(CONTENT))
    assert left(tmp_path) == set()


def test_parts_that_were_not_asked_for(server, tmp_path):
    server.behaviours = [{"drop": 100_000, "block": 1000}, {"shift": 10}]
    get(server, tmp_path)
    check_whole(tmp_path)
    server.usual = {"status": 206, "headers": {"Content-Range": "bytes 5-9/10"}}
    with pytest.raises(UserError, match="another part than was asked for"):
        get(server, tmp_path / "b")


def test_all_was_there_but_the_name(server, tmp_path):
    """Killed between the last byte and the renaming."""
    server.behaviours = [{"drop": 100_000, "block": 1000}] + [{"status": 503}] * download.ATTEMPTS
    with pytest.raises(UserError, match="503"):
        get(server, tmp_path)
    (tmp_path / f".{NAME}.part").write_bytes(CONTENT)
    get(server, tmp_path)
    check_whole(tmp_path)
    assert server.requests[-1] == "bytes=300000-"


def test_a_start_longer_than_the_file(server, tmp_path):
    server.behaviours = [{"drop": 100_000, "block": 1000}] + [{"status": 503}] * download.ATTEMPTS
    with pytest.raises(UserError, match="503"):
        get(server, tmp_path)
    (tmp_path / f".{NAME}.part").write_bytes(CONTENT * 2)
    get(server, tmp_path)
    check_whole(tmp_path)


@pytest.mark.parametrize("note", [b"", b"[", b"[1]", b'{"url": 5}', b'{"url": "http://elsewhere/"}'])
def test_a_start_of_unknown_origin_is_not_used(server, tmp_path, note):
    (tmp_path / f".{NAME}.part").write_bytes(WRONG[:5000])
    (tmp_path / f".{NAME}.part.json").write_bytes(note)
    get(server, tmp_path)
    check_whole(tmp_path)
    assert server.requests == [None]


def test_redirects(server, tmp_path):
    server.behaviours = [{"status": 302, "headers": {"Location": f"{server.url}/elsewhere"}}, {"drop": 70_000}]
    get(server, tmp_path)
    check_whole(tmp_path)
    server.usual = {"status": 302, "headers": {"Location": server.url}}
    with pytest.raises(UserError, match="the server answers 302") as refused:
        get(server, tmp_path / "b")
    assert "\n" not in str(refused.value)
    secret = tmp_path / "secret"
    secret.write_text("x")
    for target in (secret.as_uri(), "ftp://127.0.0.1/x", "data:,x", "javascript:x"):
        server.usual = {"status": 302, "headers": {"Location": target}}
        with pytest.raises(UserError, match=r"is not (followed|allowed)"):
            get(server, tmp_path / "c")
        assert left(tmp_path / "c") == set()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204])
def test_refusals(server, tmp_path, status):
    server.usual = {"status": status}
    with pytest.raises(UserError, match=f"the server answers {status}"):
        get(server, tmp_path)
    assert left(tmp_path) == set()
    assert len(server.requests) == 1


def test_answers_that_are_no_file(server, tmp_path):
    server.usual = {"extra": {"Content-Type": "text/html; charset=utf-8"}, "content": b"<html>quota</html>"}
    with pytest.raises(UserError, match=r"answers with a web page instead of figures\.bin"):
        get(server, tmp_path, sha256=None)
    server.usual = {"extra": {"Content-Encoding": "gzip"}}
    with pytest.raises(UserError, match="compressed, which was not asked for"):
        get(server, tmp_path)
    server.usual = {"garbage": b"SSH-2.0-OpenSSH_9.6\r\n"}
    with pytest.raises(UserError, match="the connection failed"):
        get(server, tmp_path)
    server.usual = {"garbage": b""}
    with pytest.raises(UserError, match="the connection failed"):
        get(server, tmp_path)
    assert left(tmp_path) == set()


def test_what_is_there_already(server, tmp_path):
    (tmp_path / NAME).write_bytes(b"mine")
    with pytest.raises(UserError, match=r"is there already, but has the sha256 .*; move it away"):
        get(server, tmp_path)
    assert (tmp_path / NAME).read_bytes() == b"mine"
    assert server.requests == []


def test_without_a_stated_hash_the_first_one_counts(server, tmp_path):
    get(server, tmp_path, sha256=None)
    check_whole(tmp_path)
    (tmp_path / NAME).unlink()
    server.usual = {"content": WRONG}
    with pytest.raises(UserError, match=r"other than the first download's in figures\.bin\.sha256; nothing was kept"):
        get(server, tmp_path, sha256=None)
    assert left(tmp_path) == {f"{NAME}.sha256"}


def test_whatever_the_server_does(tmp_path):
    """At most a line; a file under its name is the file."""
    draw = random.Random(1)
    outcomes = []
    with serving(CONTENT) as server:
        for number in range(60):
            kinds = [
                {"drop": draw.randrange(300_000)}, {"drop": draw.randrange(300_000), "block": 1000}, {"ranges": False},
                {"content": WRONG}, {"content": CONTENT[: draw.randrange(300_000)]}, {"content": CONTENT + b"x"},
                {"length": draw.randrange(400_000)}, {"status": draw.choice([404, 500, 503, 416])}, {"shift": 1},
                {"etag": draw.choice(['"two"', None, 'W/"weak"'])}, {"garbage": draw.randbytes(50)}, {"chunked": True},
            ]  # fmt: skip
            server.behaviours = [draw.choice(kinds) for _ in range(draw.randrange(6))]
            folder = tmp_path / str(number % 10)
            try:
                get(server, folder, size=draw.choice([None, 300_000]))
            except UserError as error:
                outcomes.append("refused")
                (message,) = str(error).splitlines()
                print(message)
            else:
                outcomes.append("there")
                check_whole(folder)
                (folder / NAME).unlink()
            assert not (folder / NAME).exists()
    assert min(outcomes.count("refused"), outcomes.count("there")) > 10


# --- the command -----------------------------------------------------------------------------------------------------


def manifest(folder: Path, url: str, name: str = "nasbench_only108.tfrecord", more: str = "") -> Path:
    path = folder / "addresses.toml"
    path.write_text(
        f'[nasbench101]\ntitle = "x"\nlicence = "y"\nimport = "nasbench101"\n[[nasbench101.files]]\nname = "{name}"\n'
        f'url = "{url}"\n{more}\n'
    )
    return path


def test_from_the_server_to_a_table(tmp_path, capsys):
    """Two dropped connections, wrong bytes at first, then the table."""
    codes = NASBench101().sample(np.random.default_rng(0), 60)
    content, figures = tfrecord_files.rows(codes, (108,))
    good = tfrecord_files.framed(tfrecord_files.encoded(content))
    with serving(good) as server:
        path = manifest(tmp_path, server.url, more=f'sha256 = "{hashlib.sha256(good).hexdigest()}"')
        command = ["fetch", "nasbench101", "-o", str(tmp_path / "raw"), "--manifest", str(path)]
        server.behaviours = [{"content": good[:-1] + b"?"}]
        assert main(command) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: http://127.0.0.1")
        assert said.err.count("\n") == 1
        server.behaviours = [{"drop": 20_000, "block": 1000}, {"drop": 30_000, "block": 1000}]
        assert main(command) == 0
    said = capsys.readouterr()
    source = tmp_path / "raw" / "nasbench_only108.tfrecord"
    assert said.out.splitlines()[0].startswith(f"{source}: {len(good):,} bytes, sha256 ")
    assert said.out.splitlines()[1] == "next: python -m nasbench_sim.tabular import nasbench101 FILE -o DIR"
    assert main(["import", "nasbench101", str(source), "-o", str(tmp_path / "tables"), "--sample"]) == 0
    table = Table.open(tmp_path / "tables" / "nasbench101_sample.h5")
    rows = table.index(NASBench101()).rows(NASBench101().key(codes))
    np.testing.assert_array_equal(table.array("cifar10/validation")[rows][:, 0], 1 - figures[:, 0, :, 1, 1])


def test_what_needs_no_importing_says_what_comes_next(tmp_path, capsys):
    with serving(CONTENT) as server:
        path = manifest(tmp_path, server.url)
        path.write_text(path.read_text().replace('import = "nasbench101"', 'use = "look at it"'))
        assert main(["fetch", "nasbench101", "-o", str(tmp_path / "raw"), "--manifest", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "next: look at it"


def test_killed_half_way_and_resumed(tmp_path):
    """Kill -9 while the file arrives; the same command brings the rest and asks for no byte twice."""
    content = CONTENT * 10
    with serving(content) as server:
        path = manifest(tmp_path, server.url, NAME, f'sha256 = "{hashlib.sha256(content).hexdigest()}"')
        command = [sys.executable, "-m", "nasbench_sim.tabular", "fetch", "nasbench101"]
        command += ["-o", str(tmp_path / "raw"), "--manifest", str(path)]
        server.usual = {"pause": 0.05, "block": 2**16}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        part = tmp_path / "raw" / f".{NAME}.part"
        until = time.monotonic() + 60
        while (not part.exists() or part.stat().st_size < 500_000) and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kept = part.stat().st_size
        assert 500_000 <= kept < len(content)
        assert content.startswith(part.read_bytes())
        assert not (tmp_path / "raw" / NAME).exists()
        server.usual = {}
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert server.requests == [None, f"bytes={kept}-"]
    check_whole(tmp_path / "raw", content)


def test_interrupted(tmp_path, monkeypatch, capsys):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "download", interrupted)
    assert main(["fetch", "nasbench_macro", "-o", str(tmp_path)]) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_a_place_that_cannot_be_written(server, tmp_path, capsys):
    (tmp_path / "taken").write_text("x")
    path = manifest(tmp_path, server.url)
    assert main(["fetch", "nasbench101", "-o", str(tmp_path / "taken"), "--manifest", str(path)]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1


# --- the addresses ---------------------------------------------------------------------------------------------------


def test_the_manifest_is_sound(capsys):
    path = embedded() / "MANIFEST.toml"
    for name, benchmark in tomllib.loads(path.read_text()).items():
        assert "use" in benchmark or benchmark["import"] in IMPORTERS
        for file in benchmark["files"]:
            assert file["known"]
            address = file.get("url") or file["page"]
            assert urlsplit(address).scheme in ("http", "https")
            assert file.get("sha256") or "bytes" not in file
        assert name
    assert main(["fetch"]) == 0
    assert "nasbench101_full  NAS-Bench-101, trainings of 4, 12, 36 and 108 epochs\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["natsbench", "nasbench201"])
def test_a_file_without_an_address_is_one_line(name, tmp_path, capsys):
    assert main(["fetch", name, "-o", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "has no direct address: get it in a browser from https://drive.google.com/" in said.err
    assert "python -m nasbench_sim.tabular import natsbench FILE -o DIR" in said.err
    assert left(tmp_path) == set()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "lists nothing"),
        ("x", "is no TOML"),
        ("x = 1", "is no table"),
        ("[x]", "title is missing"),
        ('[x]\ntitle = "a"\nlicence = "b"\nimport = "c"', "files are missing"),
        ('[x]\ntitle = "a"\nlicence = "b"\nimport = "c"\nfiles = [1]', "files are missing"),
    ],
)
def test_another_manifest_is_checked(tmp_path, capsys, text, match):
    path = tmp_path / "other.toml"
    path.write_text(text)
    assert main(["fetch", "--manifest", str(path)]) == 2
    said = capsys.readouterr()
    assert match in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "url", "more", "match"),
    [
        ("../up", "http://x/", "", "is no name of a file"),
        ("a/b", "http://x/", "", "is no name of a file"),
        (".hidden", "http://x/", "", "is no name of a file"),
        ("a", "file:///etc/passwd", "", "is not an address of http or https"),
        ("a", "http://x/", "bytes = -1", "bytes is no count"),
        ("a", "http://x/", 'sha256 = "12"', "sha256 is not 64 hexadecimal digits"),
        ("a", "http://x/", "unpack = 1", "unpack is no command"),
        ("a", "http://x/", 'page = "http://x/"', "needs one of url and page"),
    ],
)
def test_addresses_in_another_manifest_are_checked(tmp_path, capsys, name, url, more, match):
    path = manifest(tmp_path, url, name, more)
    assert main(["fetch", "nasbench101", "-o", str(tmp_path / "raw"), "--manifest", str(path)]) == 2
    said = capsys.readouterr()
    assert match in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "raw").exists()


def test_unknown_names(tmp_path, capsys):
    assert main(["fetch", "natsbenc"]) == 2
    assert "did you mean natsbench?" in capsys.readouterr().err
    assert main(["fetch", "x", "--manifest", str(tmp_path / "nothing.toml")]) == 2
    assert "nothing.toml: no such file" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
