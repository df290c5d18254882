"""`trunkline serve http` as a process, and other programs that ask it."""

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.helpers import assert_bad_usage, command, run
from support.certificates import Certificates
from support.processes import Program
from support.programs import require
from support.timing import PATIENCE

processes = pytest.mark.slow  # each starts an interpreter


@contextlib.contextmanager
def serving_http(top: Path, *words: str) -> Iterator[tuple[Program, str]]:
    """Serve a directory, and yield the server and where it is; it has to end well."""
    with command("serve", "http", str(top), *words) as server:
        place = server.wait_for_line(r"^listening at (.+)$")[1]
        yield server, place
        server.terminate()
        assert server.wait() == 0
        assert "Traceback" not in server.output


def curl(*words: str) -> bytes:
    """Return what curl prints."""
    ended = subprocess.run(
        [require("curl"), "--silent", "--show-error", "--noproxy", "*", *words],
        capture_output=True,
        timeout=PATIENCE,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Return a directory to serve."""
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    (top / "sub" / "file.txt").write_text("hello\n" * 100_000)
    return top


@processes
@pytest.mark.needs_program("curl")
def test_curl_fetches_files_and_goes_on_with_them(top: Path, tmp_path: Path) -> None:
    whole, partly = (top / "sub" / "file.txt").read_bytes(), tmp_path / "partly"
    partly.write_bytes(whole[:1000])
    with serving_http(top, "127.0.0.1:0", "--workers", "2") as (server, place):
        url = f"http://{place}/sub"
        assert b"file.txt" in curl("--location", url)
        assert curl(f"{url}/file.txt") == whole
        curl("--continue-at", "-", "--output", str(partly), f"{url}/file.txt")
        assert partly.read_bytes() == whole
        several = curl("--range", "0-4,6-10", f"{url}/file.txt")
        assert several.count(b"\r\n\r\nhello\r\n") == 2
        assert b"405" in curl("--upload-file", str(partly), f"{url}/new.txt")
        assert not (top / "sub" / "new.txt").exists()
        server.wait_for_line(
            r' 127\.0\.0\.1:\d+ "PUT /sub/new\.txt HTTP/1\.1" 405, .* in [\d.]+ ms'
        )


@processes
@pytest.mark.needs_program("curl")
def test_curl_by_tls(top: Path, certificates: Certificates) -> None:
    paths = certificates.server
    options = ("--tls-cert", str(paths.certificate), "--tls-key", str(paths.key))
    with serving_http(top, "127.0.0.1:0", *options) as (_, place):
        url = f"https://localhost:{place.rpartition(':')[2]}/sub/file.txt"
        trust = ("--cacert", str(certificates.authority.certificate), "--ipv4")
        assert curl(*trust, url, url) == (top / "sub" / "file.txt").read_bytes() * 2


@processes
@pytest.mark.needs_program("curl")
def test_curl_at_a_local_socket(top: Path, tmp_path: Path) -> None:
    with serving_http(top, f"unix:{tmp_path / 'socket'}") as (_, place):
        page = curl("--unix-socket", place, "http://anybody/sub/")
    assert b"file.txt" in page


FRAME = """<!DOCTYPE html>
<title>nothing</title>
<iframe src="/sub/" width="390" height="800" onload="look(this.contentDocument)"></iframe>
<script>
function look(page) {
  document.title = `${page.documentElement.scrollWidth} pixels`
  for (const link of page.links) {
    document.body.appendChild(document.createElement("p")).textContent = link.href
  }
}
</script>
"""


@processes
@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium here")
def test_a_browser_on_a_phone(top: Path, tmp_path: Path) -> None:
    """The page of a directory is as wide as the screen, and its links lead to what they say."""
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu",
               f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]  # fmt: skip
    (top / "sub" / ("x" * 200)).touch()
    (top / "frame.html").write_text(FRAME)
    with serving_http(top, "127.0.0.1:0") as (_, place):
        ended = subprocess.run(
            [*browser, f"http://{place}/frame.html"], capture_output=True, timeout=4 * PATIENCE
        )
    assert ended.returncode == 0
    shown = ended.stdout.decode()
    assert "<title>390 pixels</title>" in shown
    assert f"<p>http://{place}/sub/file.txt</p>" in shown


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["http"], "http what? Say trunkline serve http DIR."),
        (["http", "no such directory"], "no directory to serve: No such file or directory"),
        (["http", "/dev/null"], "Not a directory"),
        (["echo", "0", "--hidden"], "--hidden is for trunkline serve http DIR"),
    ],
)
def test_what_cannot_be_meant_is_told(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_bad_usage(["serve", *words], why, capsys)


@processes
def test_the_help_says_where_it_is_by_default() -> None:
    assert re.search(rb"http DIR .*localhost:8000", run("serve", "--help").output, re.S)
