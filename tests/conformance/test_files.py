"""What every store of files promises, and what its upload and download URLs allow."""

import asyncio
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.test import AsyncClient, Client

from foundation import adapters
from foundation.adapters.aws.files import adapter
from foundation.adapters.embedded.files import DiskFiles
from foundation.errors import Invalid, NotFound, TooLarge, Unavailable
from foundation.manifest import Folder
from foundation.ports import Files
from foundation.settings import CHOSEN
from tests.conformance.processes import at_once, kill, outputs, python
from tests.running import wait_for
from tests.servers.moto import BUCKET, CREDENTIALS, REGION, Moto, files_of

MEGABYTE = 2**20
SIGNED = ("Algorithm", "Credential", "Date", "Expires", "Signature", "SignedHeaders")
STORES: dict[str, Callable[[pytest.FixtureRequest], Files]] = {
    "embedded": lambda request: adapters.files,
    "aws": lambda request: files_of(request.getfixturevalue("moto")),
}


@pytest.fixture
def files(request: pytest.FixtureRequest) -> Files:
    return STORES[request.param](request)


@dataclass(frozen=True)
class Got:
    """An answer, from whichever server."""

    status_code: int
    content: bytes
    headers: Mapping[str, str]


@pytest.fixture
def folder(caller: object) -> str:
    """A folder that no other test writes into."""
    return f"uploads/{caller.application}"  # type: ignore[attr-defined]


def path_of(url: str) -> str:
    return urlsplit(url).path


def is_ours(url: str) -> bool:
    """Whether the platform itself answers there, which these tests ask in process."""
    return url.startswith(f"{CHOSEN.public_url}/")


def put(url: str, content: bytes, kind: str = "") -> Any:
    return asked("put", url, content, kind)


def asked(method: str, url: str, content: bytes = b"", kind: str = "") -> Any:
    """Ask with any method, as the contract's clients do: no header but the Content-Type, where one is given."""
    if is_ours(url):
        return getattr(Client(), method)(path_of(url), **({"data": content, "content_type": kind} if method != "head" else {}))
    headers = {"Content-Type": kind} if kind else {}
    sent = content if method in ("put", "post", "patch") else None
    return requests.request(method, url, data=sent, headers={**headers, "Connection": "close"}, timeout=30)


def is_over(url: str) -> bool:
    """Whether a download URL is good no more."""
    return (Client().get(path_of(url)) if is_ours(url) else requests.get(url, timeout=30)).status_code == 403


async def got(url: str) -> Got:
    if not is_ours(url):
        there = requests.get(url, timeout=30)
        return Got(there.status_code, there.content, there.headers)
    answer = await AsyncClient().get(path_of(url))
    content = b"".join([part async for part in answer]) if answer.streaming else answer.content
    return Got(answer.status_code, content, answer.headers)


async def fetched(url: str) -> tuple[int, bytes]:
    answer = await got(url)
    return answer.status_code, answer.content


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
        assert files.seal(f"{folder}/{name}", f"{folder}/sealed/{name}", limit=MEGABYTE).size == 1

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
            lambda path: files.seal(path, "uploads/x", limit=1),
            lambda path: files.seal("uploads/x", path, limit=1),
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
    def test_the_file_is_there_too_and_its_source_stays_until_it_is_deleted(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/in", b"content")
        sealed = files.seal(f"{folder}/in", f"{folder}/job/out", limit=7)
        assert (sealed.path, sealed.size) == (f"{folder}/job/out", 7)
        assert files.read(f"{folder}/in") == files.read(f"{folder}/job/out") == b"content"
        files.delete(f"{folder}/in")
        assert files.seal(f"{folder}/in", f"{folder}/job/out", limit=7) == sealed
        assert files.read(f"{folder}/job/out") == b"content"

    def test_what_is_written_to_the_source_afterwards_changes_nothing(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/in", b"content")
        sealed = files.seal(f"{folder}/in", f"{folder}/out", limit=7)
        files.write(f"{folder}/in", b"more than it may have")
        assert files.seal(f"{folder}/in", f"{folder}/out", limit=7) == sealed
        assert files.read(f"{folder}/out") == b"content"

    def test_a_repeat_returns_the_target_as_it_is(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/in", b"content")
        first = files.seal(f"{folder}/in", f"{folder}/out", limit=MEGABYTE)
        assert files.seal(f"{folder}/in", f"{folder}/out", limit=MEGABYTE) == first
        assert files.read(f"{folder}/out") == b"content"

    def test_what_was_never_uploaded_is_not_found_and_can_be_uploaded_still(self, files: Files, folder: str) -> None:
        with pytest.raises(NotFound):
            files.seal(f"{folder}/in", f"{folder}/out", limit=MEGABYTE)
        assert put(files.upload_url(f"{folder}/in", limit=10), b"late").status_code == 200

    def test_no_upload_url_changes_it_any_more_and_a_repeat_does_not_either(self, files: Files, folder: str) -> None:
        before = files.upload_url(f"{folder}/in", limit=100)
        assert put(before, b"first").status_code == 200
        first = files.seal(f"{folder}/in", f"{folder}/out", limit=MEGABYTE)
        for url in (before, files.upload_url(f"{folder}/in", limit=100)):
            assert put(url, b"second").status_code == (403 if is_ours(url) else 200)
            assert files.read(f"{folder}/out") == b"first"
        assert files.seal(f"{folder}/in", f"{folder}/out", limit=MEGABYTE) == first
        assert files.read(f"{folder}/out") == b"first"

    def test_one_byte_over_its_limit_is_refused_and_nothing_moves(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/in", b"x" * 11)
        for _ in range(2):
            with pytest.raises(TooLarge):
                files.seal(f"{folder}/in", f"{folder}/out", limit=10)
        assert files.find(f"{folder}/out") is None
        files.delete(f"{folder}/in")
        with pytest.raises(NotFound):
            files.seal(f"{folder}/in", f"{folder}/out", limit=10)

    def test_of_many_that_seal_at_once_one_content_stays(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/in", b"0" * 1000)
        url = files.upload_url(f"{folder}/in", limit=MEGABYTE)

        def step(number: int) -> Any:
            if number % 2:
                return put(url, bytes([number]) * 1000).status_code
            sealed = files.seal(f"{folder}/in", f"{folder}/out", limit=MEGABYTE)
            return (sealed, files.read(f"{folder}/out"))

        told = [each for each in at_once(8, step) if not isinstance(each, int)]
        assert len(set(told)) == 1, "the sealed file changed after a seal returned it"

    def test_what_is_sealed_while_it_is_uploaded_is_one_whole_content(self, files: Files, folder: str) -> None:
        for round_ in range(5):
            source, target = f"{folder}/{round_}", f"{folder}/sealed/{round_}"
            url = files.upload_url(source, limit=MEGABYTE)
            files.write(source, b"0" * 1000)

            def step(number: int, url: str = url, source: str = source, target: str = target) -> int:
                if number == 3:
                    files.seal(source, target, limit=MEGABYTE)
                    return 0
                return put(url, bytes([number]) * 1000).status_code

            assert set(at_once(7, step)) <= {0, 200, 403}
            content = files.read(target)
            assert content == content[:1] * 1000
            assert not is_ours(url) or files.read(source) == content, "an upload came after the seal"


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
            assert put(url, b"not json", kind).status_code == 200
        assert files.read(f"{folder}/a") == b"not json"

    def test_it_is_for_put_alone(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a", b"kept")
        url = files.upload_url(f"{folder}/a", limit=10)
        statuses = [asked(method, url).status_code for method in ("get", "head", "post", "delete", "patch")]
        assert statuses in ([403] * 5, [403, 403, 405, 405, 405])
        assert files.read(f"{folder}/a") == b"kept"

    def test_it_ends_after_its_lifetime(self, files: Files, folder: str) -> None:
        url = files.upload_url(f"{folder}/a", limit=10, lifetime=2)
        assert put(url, b"in time").status_code == 200
        wait_for(lambda: put(files.upload_url(f"{folder}/b", limit=1), b"") and put(url, b"in time").status_code == 403, 10)
        assert put(url, b"late").status_code == 403
        assert files.read(f"{folder}/a") == b"in time"


@pytest.mark.parametrize("files", list(STORES), indirect=True)
class TestDownloadUrl:
    async def test_it_gives_the_whole_file(self, files: Files, folder: str) -> None:
        content = bytes(range(256)) * 20_000
        files.write(f"{folder}/a.bin", content)
        assert await fetched(files.download_url(f"{folder}/a.bin")) == (200, content)

    async def test_an_empty_file_is_empty(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a.bin", b"")
        assert await fetched(files.download_url(f"{folder}/a.bin")) == (200, b"")

    async def test_results_are_json_and_all_else_is_bytes_that_no_browser_runs(self, files: Files, folder: str) -> None:
        for name, kind in (
            ("a.json", "application/json"),
            ("a.html", "application/octet-stream"),
            ("a", "application/octet-stream"),
        ):
            files.write(f"{folder}/{name}", b"1")
            headers = (await got(files.download_url(f"{folder}/{name}"))).headers
            assert headers["Content-Type"] == kind
            assert headers.get("X-Content-Type-Options") == "nosniff" or headers["Content-Disposition"] == "attachment"

    async def test_what_is_not_there_is_404(self, files: Files, folder: str) -> None:
        assert (await fetched(files.download_url(f"{folder}/none")))[0] == 404

    def test_it_is_for_get_alone(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a", b"kept")
        assert put(files.download_url(f"{folder}/a"), b"new").status_code == 403
        assert files.read(f"{folder}/a") == b"kept"

    async def test_it_ends_after_its_lifetime(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a", b"content")
        url = files.download_url(f"{folder}/a", lifetime=2)
        assert await fetched(url) == (200, b"content")
        await asyncio.to_thread(wait_for, lambda: is_over(url), 10)
        assert (await fetched(url))[0] == 403


@pytest.mark.parametrize("files", ["embedded"], indirect=True)
class TestEmbeddedUrls:
    """What S3 has otherwise: see TestS3."""

    def test_a_body_at_its_limit_goes_and_one_byte_more_is_413(self, files: Files, folder: str) -> None:
        url = files.upload_url(f"{folder}/a", limit=10)
        assert put(url, b"x" * 10).status_code == 200
        assert put(url, b"y" * 11).status_code == 413
        assert files.read(f"{folder}/a") == b"x" * 10

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

    def test_a_cursor_or_other_signed_text_is_no_grant(self, files: Files, folder: str) -> None:
        from foundation.records import seal_cursor

        assert Client().put(f"/files/{seal_cursor('x', ['PUT'])}/a", b"", content_type="").status_code == 403

    def test_head_tells_the_size_without_the_content(self, files: Files, folder: str) -> None:
        files.write(f"{folder}/a.json", b"12345")
        answer = Client().head(path_of(files.download_url(f"{folder}/a.json")))
        assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, "5", b"")

    def test_sealed_means_that_an_upload_is_refused(self, files: Files, folder: str) -> None:
        before = files.upload_url(f"{folder}/in", limit=100)
        assert put(before, b"first").status_code == 200
        files.seal(f"{folder}/in", f"{folder}/out", limit=100)
        files.delete(f"{folder}/in")
        assert put(before, b"second").status_code == 403


class TestS3:
    """What only S3's URLs are and do, as far as AWS documents it; tests/servers/s3_front.py holds every request to that."""

    @pytest.fixture
    def store(self, moto: Moto) -> Files:
        return files_of(moto)

    def test_a_url_signs_its_method_its_key_its_end_and_no_header_but_the_host(self, store: Files, folder: str) -> None:
        signed = parse_qs(urlsplit(store.upload_url(f"{folder}/a", limit=1, lifetime=77)).query)
        assert signed["X-Amz-SignedHeaders"] == ["host"]
        assert signed["X-Amz-Expires"] == ["77"]
        assert set(signed) == {f"X-Amz-{name}" for name in SIGNED}

    def test_a_url_leads_to_the_region_of_the_bucket(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Elsewhere S3 answers for a bucket of its first hours by sending on, and the signature is for one host alone."""
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name, value)
        url = adapter(Moto("http://nowhere").settings()).upload_url("uploads/a/b", limit=1)
        assert urlsplit(url).netloc == f"{BUCKET}.s3.{REGION}.amazonaws.com"

    def test_a_url_for_one_key_is_good_for_no_other(self, store: Files, folder: str) -> None:
        url = store.upload_url(f"{folder}/a", limit=1)
        for other in (f"{folder}/b", f"{folder}/a/b", folder):
            assert put(url.replace(f"{folder}/a", other), b"new").status_code == 403
        for name, value in (("Expires", "604800"), ("Date", "20990101T000000Z"), ("SignedHeaders", "host%3Bx")):
            changed = re.sub(f"(X-Amz-{name}=)[^&]*", rf"\g<1>{value}", url)
            assert changed != url
            assert put(changed, b"new").status_code == 403
        assert put(url.partition("?")[0], b"new").status_code == 403
        assert store.find(f"{folder}/a") is None

    def test_a_type_or_a_place_for_the_browser_cannot_be_changed_in_a_download_url(self, store: Files, folder: str) -> None:
        store.write(f"{folder}/a.html", b"<script>")
        url = store.download_url(f"{folder}/a.html")
        assert asked("get", url.replace("application%2Foctet-stream", "text%2Fhtml")).status_code == 403
        assert asked("get", url).status_code == 200

    def test_a_body_over_the_limit_is_taken_and_refused_by_the_seal(self, store: Files, folder: str) -> None:
        assert put(store.upload_url(f"{folder}/a", limit=10), b"y" * 11).status_code == 200
        with pytest.raises(TooLarge):
            store.seal(f"{folder}/a", f"{folder}/b", limit=10)

    def test_a_body_without_a_length_is_refused(self, store: Files, folder: str) -> None:
        answer = requests.put(store.upload_url(f"{folder}/a", limit=10), data=iter([b"x"]), timeout=30)
        assert answer.status_code == 501

    def test_a_file_of_many_parts_is_written_in_several_requests_and_is_one(self, store: Files, folder: str) -> None:
        parts = [bytes([number]) * MEGABYTE for number in range(20)]
        store.write(f"{folder}/a", iter(parts))
        assert store.read(f"{folder}/a") == b"".join(parts)
        with store.open(f"{folder}/a") as stream:
            assert b"".join(iter(lambda: stream.read(100_000), b"")) == b"".join(parts)

    def test_a_write_of_many_parts_that_breaks_off_leaves_nothing_behind(self, store: Files, folder: str, moto: Moto) -> None:
        def broken() -> Iterator[bytes]:
            yield b"x" * (20 * MEGABYTE)
            raise RuntimeError("the source broke")

        with pytest.raises(RuntimeError):
            store.write(f"{folder}/a", broken())
        client: Any = moto.client("s3")
        begun = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        assert [each for each in begun if each["Key"].startswith(folder)] == []
        assert store.find(f"{folder}/a") is None

    def test_what_is_written_has_a_checksum(self, store: Files, folder: str, moto: Moto) -> None:
        store.write(f"{folder}/a", b"content")
        client: Any = moto.client("s3")
        assert client.head_object(Bucket=BUCKET, Key=f"{folder}/a", ChecksumMode="ENABLED")["ChecksumCRC32"]

    def test_names_that_a_library_would_fold_together_stay_apart(self, store: Files, folder: str) -> None:
        names = ["a\\b", "a%5Cb", "a%255Cb", "A", "a"]
        for name in names:
            store.write(f"{folder}/{name}", name.encode())
        assert [store.read(f"{folder}/{name}").decode() for name in names] == names
        assert store.find(f"{folder}/a/b") is None

    def test_a_bucket_that_is_not_there_or_does_not_answer_is_unavailable(self, moto: Moto) -> None:
        for store in (files_of(moto, "no-such-bucket"), files_of(Moto("http://127.0.0.1:1"))):
            with pytest.raises(Unavailable):
                store.write("a", b"")
        with pytest.raises(Unavailable):
            store.find("a")


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
        files.seal(f"in/{number}", f"out/{number}", limit=9)
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
            assert files.read(f"in/{number}") == files.read(f"out/{number}")
            assert files.read(f"out/{number}") in (b"0", b"1")
