"""What every store of files promises, and what its upload and download URLs allow."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse
from django.test import AsyncClient, Client

from foundation import adapters
from foundation.adapters.embedded.files import DiskFiles
from foundation.errors import Invalid, NotFound, TooLarge, Unavailable
from foundation.manifest import Folder
from foundation.ports import Files
from tests.conformance.processes import at_once, kill, outputs, python
from tests.running import wait_for

MEGABYTE = 2**20
STORES: dict[str, Callable[[], Files]] = {"embedded": lambda: adapters.files}


@pytest.fixture
def files(request: pytest.FixtureRequest) -> Files:
    return STORES[request.param]()


@pytest.fixture
def folder(caller: object) -> str:
    """A folder that no other test writes into."""
    return f"uploads/{caller.application}"  # type: ignore[attr-defined]


def path_of(url: str) -> str:
    return urlsplit(url).path


def put(url: str, content: bytes, **headers: str) -> HttpResponse:
    return Client().put(path_of(url), content, content_type="", **headers)  # type: ignore[arg-type,return-value]


async def fetched(url: str) -> tuple[int, bytes]:
    answer = await AsyncClient().get(path_of(url))
    if not answer.streaming:
        return answer.status_code, answer.content
    return answer.status_code, b"".join([part async for part in answer])


@pytest.mark.parametrize("files", list(STORES), indirect=True)
class TestContent:
    @pytest.mark.parametrize("content", [b"", b"text", bytes(range(256)) * 5000])
    def test_what_was_written_is_read(self, files: Files, folder: str, content: bytes) -> None:
        files.write(f"{folder}/a.bin", content)
        assert files.read(f"{folder}/a.bin") == content
        with files.open(f"{folder}/a.bin") as stream:
            assert stream.read() == content

    def test_parts_become_one_file(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a.bin", (bytes([number]) * 3 for number in range(3)))
        assert files.read(f"{folder}/a.bin") == b"\0\0\0\1\1\1\2\2\2"

    def test_a_write_goes_over_what_was_there(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a", b"a long first content")
        files.write(f"{folder}/a", b"second")
        assert files.read(f"{folder}/a") == b"second"

    def test_a_write_that_breaks_off_leaves_what_was_there(self, files: Files, folder: str) -> None:
        def broken() -> Iterator[bytes]:
            yield b"x" * MEGABYTE
            raise RuntimeError("the source broke")

        files.write(f"{folder}/a", b"first")
        for name in ("a", "new"):
            with pytest.raises(RuntimeError):
                files.write(f"{folder}/{name}", broken())
        assert files.read(f"{folder}/a") == b"first"
        assert files.find(f"{folder}/new") is None

    def test_find_tells_size_and_time(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a", b"12345")
        found = files.find(f"{folder}/a")
        assert found is not None
        assert (found.path, found.size, found.modified.tzinfo is not None) == (f"{folder}/a", 5, True)

    def test_what_is_not_there_is_not_found(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/inner/a", b"")
        for path in (f"{folder}/none", f"{folder}/inner", f"{folder}/inner/a/b"):
            assert files.find(path) is None
            with pytest.raises(NotFound):
                files.read(path)
            with pytest.raises(NotFound):
                files.open(path)

    def test_delete_removes_that_file_alone_and_may_be_repeated(self, files: Files, folder: str) -> None:
        for name in ("a", "a.b", "b"):
            files.write(f"{folder}/{name}", b"")
        for _ in range(2):
            files.delete(f"{folder}/a")
        assert [files.find(f"{folder}/{name}") is None for name in ("a", "a.b", "b")] == [True, False, False]
        files.delete(folder)
        assert files.find(f"{folder}/b") is not None

    @pytest.mark.parametrize(
        "name", ["a b.pdf", "ž你👩‍👩‍👧.pdf", "%2e%2e", "a'\"\\b", "CON", "x" * 240, "a.sealed", "-rf", "~"]
    )
    def test_strange_names_are_names_like_others(self, files: Files, folder: str, name: str) -> None:
        files.write(f"{folder}/{name}", b"1")
        assert files.read(f"{folder}/{name}") == b"1"
        assert files.seal(f"{folder}/{name}", f"{folder}/sealed/{name}").size == 1

    @pytest.mark.parametrize(
        "path",
        [
            *(
                "../x",
                "a/../../x",
                "/etc/passwd",
                "a//b",
                "",
                "a/",
                ".",
                "a/.hidden",
                "a/b\0c",
                "a\nb",
                "\u202egpj.exe",
                "\ud800",
            ),
            *("x" * 241, "ž" * 121, "a/" * 2000 + "a"),
        ],
    )
    def test_a_path_that_is_none_is_refused_by_every_verb(self, files: Files, path: str) -> None:
        for use in (
            files.read,
            files.open,
            files.find,
            files.delete,
            files.download_url,
            lambda path: files.write(path, b""),
            lambda path: files.upload_url(path, limit=1),
            lambda path: files.seal(path, "uploads/x"),
            lambda path: files.seal("uploads/x", path),
        ):
            with pytest.raises(Invalid):
                use(path)  # type: ignore[operator]

    def test_writers_at_once_leave_one_whole_content(self, files: Files, folder: str) -> None:
        contents = [bytes([number]) * MEGABYTE for number in range(8)]
        at_once(8, lambda number: files.write(f"{folder}/a", contents[number]))
        assert files.read(f"{folder}/a") in contents

    def test_a_reader_sees_a_whole_content_while_it_is_overwritten(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a", b"0" * MEGABYTE)
        done = threading.Event()

        def overwrite() -> None:
            for number in range(20):
                files.write(f"{folder}/a", bytes([number]) * MEGABYTE)
            done.set()

        writer = threading.Thread(target=overwrite)
        writer.start()
        while not done.is_set():
            content = files.read(f"{folder}/a")
            assert content == content[:1] * MEGABYTE
        writer.join()


@pytest.mark.parametrize("files", list(STORES), indirect=True)
class TestSeal:
    def test_the_file_moves(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/in", b"content")
        sealed = files.seal(f"{folder}/in", f"{folder}/job/out")
        assert (sealed.path, sealed.size) == (f"{folder}/job/out", 7)
        assert files.read(f"{folder}/job/out") == b"content"
        assert files.find(f"{folder}/in") is None

    def test_a_repeat_returns_the_target_as_it_is(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/in", b"content")
        first = files.seal(f"{folder}/in", f"{folder}/out")
        assert files.seal(f"{folder}/in", f"{folder}/out") == first
        assert files.read(f"{folder}/out") == b"content"

    def test_what_was_never_uploaded_is_not_found_and_can_be_uploaded_still(self, files: Files, folder: str) -> None:
        with pytest.raises(NotFound):
            files.seal(f"{folder}/in", f"{folder}/out")
        assert put(files.upload_url(f"{folder}/in", limit=10), b"late").status_code == 200

    def test_from_then_on_every_upload_url_answers_403_and_the_content_is_intact(self, files: Files, folder: str) -> None:
        before = files.upload_url(f"{folder}/in", limit=100)
        assert put(before, b"first").status_code == 200
        files.seal(f"{folder}/in", f"{folder}/out")
        for url in (before, files.upload_url(f"{folder}/in", limit=100)):
            assert put(url, b"second").status_code == 403
        files.delete(f"{folder}/in")
        assert put(before, b"second").status_code == 403
        assert files.find(f"{folder}/in") is None
        assert files.read(f"{folder}/out") == b"first"

    def test_uploads_while_it_is_sealed_are_whole_before_it_or_refused(self, files: Files, folder: str) -> None:
        for round_ in range(5):
            source, target = f"{folder}/{round_}", f"{folder}/sealed/{round_}"
            url = files.upload_url(source, limit=MEGABYTE)
            files.write(source, b"0" * 1000)

            def step(number: int, url: str = url, source: str = source, target: str = target) -> int:
                if number == 3:
                    files.seal(source, target)
                    return 0
                return put(url, bytes([number]) * 1000).status_code

            assert set(at_once(7, step)) <= {0, 200, 403}
            content = files.read(target)
            assert content == content[:1] * 1000
            assert files.find(source) is None, "an upload came after the seal"


@pytest.mark.parametrize("files", list(STORES), indirect=True)
class TestUploadUrl:
    def test_it_takes_the_file_and_answers_exactly_200(self, files: Files, folder: str) -> None:
        url = files.upload_url(f"{folder}/a.pdf", limit=100)
        assert put(url, b"first").status_code == 200
        assert put(url, b"again").status_code == 200
        assert files.read(f"{folder}/a.pdf") == b"again"

    def test_an_empty_file_is_a_file(self, files: Files, folder: str) -> None:
        assert put(files.upload_url(f"{folder}/a", limit=100), b"").status_code == 200
        assert files.read(f"{folder}/a") == b""

    def test_a_declared_content_type_does_not_matter(self, files: Files, folder: str) -> None:
        url = files.upload_url(f"{folder}/a", limit=100)
        for kind in ("application/json", "multipart/form-data", "text/plain; charset=latin-1", "nonsense"):
            assert Client().put(path_of(url), b"not json", content_type=kind).status_code == 200
        assert files.read(f"{folder}/a") == b"not json"

    def test_a_body_at_its_limit_goes_and_one_byte_more_is_413(self, files: Files, folder: str) -> None:
        url = files.upload_url(f"{folder}/a", limit=10)
        assert put(url, b"x" * 10).status_code == 200
        assert put(url, b"y" * 11).status_code == 413
        assert files.read(f"{folder}/a") == b"x" * 10

    def test_it_is_for_put_alone(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a", b"kept")
        path = path_of(files.upload_url(f"{folder}/a", limit=10))
        client = Client()
        assert [client.get(path).status_code, client.head(path).status_code] == [403, 403]
        for ask in (client.post, client.delete, client.patch, client.options):
            assert ask(path).status_code == 405
        assert files.read(f"{folder}/a") == b"kept"

    def test_the_name_at_its_end_cannot_lead_it_to_another_file(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/b", b"kept")
        path = path_of(files.upload_url(f"{folder}/a", limit=10))
        assert Client().put(path.rpartition("/")[0] + "/b", b"new", content_type="").status_code == 200
        assert (files.read(f"{folder}/a"), files.read(f"{folder}/b")) == (b"new", b"kept")
        assert Client().put(path.rpartition("/")[0] + "/../b", b"new", content_type="").status_code == 404

    def test_an_altered_url_is_refused(self, files: Files, folder: str) -> None:
        good = path_of(files.upload_url(f"{folder}/a", limit=10)).split("/")
        other = path_of(files.upload_url(f"{folder}/b", limit=10)).split("/")
        payload, _, seal = good[2].partition(":")
        for grant in ("x", good[2][:-1], good[2] + "x", f"{other[2].partition(':')[0]}:{seal}", f"{payload}:x:y", "é:é:é"):
            assert Client().put(f"/files/{grant}/a", b"new", content_type="").status_code == 403
        assert files.find(f"{folder}/a") is files.find(f"{folder}/b") is None

    def test_it_ends_after_its_lifetime(self, files: Files, folder: str) -> None:
        url = files.upload_url(f"{folder}/a", limit=10, lifetime=2)
        assert put(url, b"in time").status_code == 200
        wait_for(lambda: put(files.upload_url(f"{folder}/b", limit=1), b"") and put(url, b"in time").status_code == 403, 10)
        assert put(url, b"late").status_code == 403
        assert files.read(f"{folder}/a") == b"in time"

    def test_a_cursor_or_other_signed_text_is_no_grant(self, files: Files, folder: str) -> None:
        from foundation.records import seal_cursor

        assert Client().put(f"/files/{seal_cursor('x', ['PUT'])}/a", b"", content_type="").status_code == 403


@pytest.mark.parametrize("files", list(STORES), indirect=True)
class TestDownloadUrl:
    async def test_it_gives_the_whole_file(self, files: Files, folder: str) -> None:
        content = bytes(range(256)) * 20_000
        files.write(f"{folder}/a.bin", content)
        assert await fetched(files.download_url(f"{folder}/a.bin")) == (200, content)

    async def test_an_empty_file_is_empty(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a.bin", b"")
        assert await fetched(files.download_url(f"{folder}/a.bin")) == (200, b"")

    def test_head_tells_the_size_without_the_content(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a.json", b"12345")
        answer = Client().head(path_of(files.download_url(f"{folder}/a.json")))
        assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, "5", b"")

    async def test_results_are_json_and_all_else_is_bytes_that_no_browser_runs(self, files: Files, folder: str) -> None:
        for name, kind in (
            ("a.json", "application/json"),
            ("a.html", "application/octet-stream"),
            ("a", "application/octet-stream"),
        ):
            files.write(f"{folder}/{name}", b"1")
            answer = await AsyncClient().get(path_of(files.download_url(f"{folder}/{name}")))
            assert answer.headers["Content-Type"] == kind
            assert answer.headers["X-Content-Type-Options"] == "nosniff"

    async def test_what_is_not_there_is_404(self, files: Files, folder: str) -> None:
        assert (await fetched(files.download_url(f"{folder}/none")))[0] == 404

    def test_it_is_for_get_alone(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a", b"kept")
        assert put(files.download_url(f"{folder}/a"), b"new").status_code == 403
        assert files.read(f"{folder}/a") == b"kept"

    async def test_it_ends_after_its_lifetime(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a", b"content")
        assert (await fetched(files.download_url(f"{folder}/a", lifetime=-1)))[0] == 403


class TestEmbeddedFiles:
    """What the store on this machine's disk promises between processes."""

    def test_a_writer_that_is_killed_leaves_whole_files_only(self, tmp_path: Path) -> None:
        work = """
from pathlib import Path
from foundation.adapters.embedded.files import DiskFiles
files = DiskFiles(Path(sys.argv[1]), "http://here")
for number in range(10**9):
    files.write(f"uploads/{number}", (bytes([65 + number % 26]) * 2**18 for _ in range(4)))
    print(number, flush=True)
"""
        files = DiskFiles(tmp_path / "files", "http://here")
        writer = python(work, str(tmp_path / "files"))
        wait_for(lambda: files.find("uploads/20"))
        acknowledged = kill(writer).split()
        assert len(acknowledged) >= 20
        for number in acknowledged:
            assert files.read(f"uploads/{number}") == bytes([65 + int(number) % 26]) * MEGABYTE
        unfinished = files.find(f"uploads/{len(acknowledged)}")
        assert unfinished is None or unfinished.size == MEGABYTE

    def test_an_upload_that_breaks_off_leaves_nothing(self, tmp_path: Path) -> None:
        files = DiskFiles(tmp_path / "files", "http://here")
        grant = files.grant(path_of(files.upload_url("uploads/a", limit=100)).split("/")[2], "PUT")

        def broken() -> Iterator[bytes]:
            yield b"x"
            raise ConnectionResetError("gone")

        with pytest.raises(Unavailable):
            files.receive(grant, broken())
        with pytest.raises(TooLarge):
            files.receive(grant, [b"x" * 60, b"x" * 60])
        assert [each for each in (tmp_path / "files").rglob("*") if each.is_file()] == []

    def test_a_draft_that_a_killed_writer_left_is_swept_a_day_later(self, tmp_path: Path) -> None:
        files = DiskFiles(tmp_path / "files", "http://here")
        files.write("uploads/a", b"content")
        for name, age in (("young", 3600), ("old", 25 * 3600)):
            draft = tmp_path / "files" / ".drafts" / name
            draft.touch()
            os.utime(draft, (time.time() - age,) * 2)
        os.utime(tmp_path / "files" / "uploads" / "a", (0, 0))
        assert (files.sweep(), files.sweep()) == (1, 0)
        assert [each.name for each in (tmp_path / "files" / ".drafts").iterdir()] == ["young"]
        assert files.read("uploads/a") == b"content"

    def test_what_has_lain_in_a_folder_for_its_days_is_swept(self, tmp_path: Path) -> None:
        files = DiskFiles(tmp_path / "files", "http://here")
        folders = [Folder("batches", writes=True, days=31), Folder("uploads", writes=True)]
        for path, days in (("batches/a/old", 32), ("batches/a/b/old", 32), ("batches/a/young", 30), ("uploads/a/old", 400)):
            files.write(path, b"content")
            os.utime(tmp_path / "files" / path, (time.time() - days * 24 * 3600,) * 2)
        assert (files.sweep(folders), files.sweep(folders)) == (2, 0)
        left = {path for path in ("batches/a/old", "batches/a/b/old", "batches/a/young", "uploads/a/old") if files.find(path)}
        assert left == {"batches/a/young", "uploads/a/old"}

    def test_only_this_user_can_read_the_files(self, tmp_path: Path) -> None:
        files = DiskFiles(tmp_path / "files", "http://here")
        files.write("uploads/a/b", b"content")
        for place in (tmp_path / "files", tmp_path / "files" / "uploads", tmp_path / "files" / "uploads" / "a"):
            assert place.stat().st_mode & 0o077 == 0

    def test_processes_that_seal_and_upload_at_once_agree(self, tmp_path: Path) -> None:
        work = """
from pathlib import Path
from foundation.adapters.embedded.files import DiskFiles
from foundation.errors import Forbidden
files = DiskFiles(Path(sys.argv[1]), "http://here")
for number in range(50):
    if sys.argv[2] == "seal":
        files.write(f"in/{number}", b"0")
        files.seal(f"in/{number}", f"out/{number}")
        continue
    grant = files.grant(files.upload_url(f"in/{number}", limit=9).split("/")[4], "PUT")
    try:
        files.receive(grant, [b"1"])
    except Forbidden:
        pass
"""
        outputs([python(work, str(tmp_path / "files"), kind) for kind in ("seal", "upload", "upload")])
        files = DiskFiles(tmp_path / "files", "http://here")
        for number in range(50):
            assert files.find(f"in/{number}") is None
            assert files.read(f"out/{number}") in (b"0", b"1")
