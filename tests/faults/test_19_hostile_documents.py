"""Fault 19: bombs and broken documents fail by themselves, with a reason for their owner, and take nothing else along."""

import struct
import zlib
from io import BytesIO

import psutil
import pytest
from PIL import Image

from apps.extraction import services
from tests.extraction.documents import counts, extracted, file_of
from tests.extraction.pdfs import Sheet, assembled, pdf


def png(width: int, height: int, rows: bytes) -> bytes:
    """A PNG that declares a size, whatever its rows hold."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def picture(form: str) -> bytes:
    content = BytesIO()
    Image.new("L", (400, 300), 255).save(content, form)
    return content.getvalue()


def pdf_of_many_pages(count: int) -> bytes:
    """A PDF whose page tree names one page many times."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 10 10] >>"
    kids = " ".join(["3 0 R"] * count)
    return assembled([b"<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Count {count} /Kids [{kids}] >>".encode(), page])


def pdf_bomb() -> bytes:
    """A small PDF whose one page decompresses, twice, to far more than the memory that a document may have."""
    layer = zlib.compressobj(9)
    block = layer.compress(b"(aaaaaaaaaaaaaaaa) Tj \n" * 2**16) + layer.flush(
        zlib.Z_FULL_FLUSH
    )  # can stand any number of times
    outer = zlib.compress(block[:2] + block[2:] * 3000, 9)
    content = f"<< /Filter [/FlateDecode /FlateDecode] /Length {len(outer)} >>\nstream\n".encode() + outer + b"\nendstream"
    return assembled(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << >> >>",
            content,
        ]
    )


TEXT = pdf(Sheet().text(60, 80, "A good document."))
BAD = {
    "empty.pdf": (b"", "The file is empty."),
    "empty.txt": (b"", "The file is empty."),
    "word.pdf": (b"PK\x03\x04 a zip", "By its name the file is a PDF; its content is not"),
    "picture.pdf": (picture("PNG"), "but a PNG"),
    "photo.png": (picture("JPEG"), "but a JPEG"),
    "text.tiff": (b"just text", "By its name the file is a TIFF; its content is not"),
    "pdf.txt": (TEXT + b"\xff", "is not UTF-8 text"),
    "cut.pdf": (TEXT[:60], "damaged or cut off"),
    "cut.png": (png(400, 300, b"\x00" * 100)[:-30], "damaged or cut off"),
    "cut.jpg": (picture("JPEG")[:300], "damaged or cut off"),
    "junk.tiff": (b"II*\x00" + b"\xff" * 200, "damaged or cut off"),
    "encrypted.pdf": (pdf(Sheet().text(60, 80, "Secret"), encrypt=True), "encrypted"),
    "blank.pdf": (pdf(Sheet()), "No text was found"),
    "blank.png": (picture("PNG"), "No text was found"),
    "pages.pdf": (pdf_of_many_pages(100_000), "pages; at most 3,000 are read"),
    "bomb.png": (png(100_000, 100_000, b"\x00" * 2**20), "at most 100 million are read"),
}


@pytest.mark.parametrize("name", BAD)
def test_19_a_bad_document_fails_with_a_reason_and_the_job_completes(caller, name):
    content, reason = BAD[name]
    job = extracted(caller, {name: content, "good.txt": b"good"})
    assert reason in (file_of(caller, job, name).reason or "")
    assert counts(caller, job) == ("COMPLETED_WITH_ERRORS", 2, 1, 1)


def test_19_a_bomb_in_a_pdf_ends_its_reader_and_not_the_worker(caller):
    before = psutil.Process().memory_info().rss
    job = extracted(caller, {"bomb.pdf": pdf_bomb(), "good.pdf": TEXT})
    assert file_of(caller, job, "bomb.pdf").status.value == "FAILED"
    assert any(word in (file_of(caller, job, "bomb.pdf").reason or "") for word in ("memory", "characters", "longer"))
    assert services.pages(caller.application, job, "good.pdf")[0].text == "A good document."
    assert psutil.Process().memory_info().rss - before < 300 * 2**20


def test_19_markup_and_nesting_stay_text(caller):
    entity = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><p>&e;</p>'
    nested = b"[" * 100_000 + b"]" * 100_000
    job = extracted(caller, {"a.html": entity, "b.json": nested})
    assert services.pages(caller.application, job, "a.html")[0].text == entity.decode()
    assert services.pages(caller.application, job, "b.json")[0].text == nested.decode()
