"""Documents that need an engine: kinds, pictures, and the process in which each is read."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO

import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont

from apps.extraction.adapters.local import LocalEngine
from apps.extraction.names import Kind
from apps.extraction.results import Unreadable
from tests.extraction.pdfs import Sheet, pdf
from tests.running import wait_for


def picture(*lines: tuple[int, int, str], size: tuple[int, int] = (1000, 600), mode: str = "L") -> Image.Image:
    """A picture with lines of text in it."""
    drawn = Image.new("L", size, 255)
    for x, y, text in lines:
        ImageDraw.Draw(drawn).text((x, y), text, 0, ImageFont.load_default(28))
    return drawn.convert(mode)


def saved(drawn: Image.Image, form: str, **more) -> BytesIO:
    content = BytesIO()
    drawn.save(content, form, **more)
    return BytesIO(content.getvalue())


@pytest.mark.parametrize(
    ("form", "kind", "mode"),
    [("PNG", Kind.PNG, "1"), ("PNG", Kind.PNG, "RGBA"), ("JPEG", Kind.JPEG, "L"), ("TIFF", Kind.TIFF, "1")],
)
def test_the_text_in_a_picture_is_read(form, kind, mode):
    drawn = picture((60, 100, "Harbour office hours"), mode=mode)
    (page,) = LocalEngine().extract(saved(drawn, form), kind)
    assert (page.number, page.text) == (1, "Harbour office hours")


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_picture_that_lies_on_its_side_or_its_head_is_turned(angle):
    drawn = picture(
        (60, 100, "Harbour office hours are from"), (60, 150, "nine to five on every weekday,"), (60, 200, "closed in May.")
    )
    (page,) = LocalEngine().extract(saved(drawn.rotate(angle, expand=True), "PNG"), Kind.PNG)
    assert page.text == "Harbour office hours are from nine to five on every weekday, closed in May."


def test_each_page_of_a_tiff_is_a_page():
    second = picture((60, 100, "Second page"))
    content = saved(picture((60, 100, "First page")), "TIFF", save_all=True, append_images=[second])
    assert [(page.number, page.text) for page in LocalEngine().extract(content, Kind.TIFF)] == [
        (1, "First page"),
        (2, "Second page"),
    ]


def test_a_scanned_page_of_a_pdf_is_read_like_a_picture():
    drawn = picture((60, 100, "A scanned letter"), size=(1190, 1684))
    content = pdf(Sheet().text(60, 80, "A page of text."), Sheet().picture(), image=(1190, 1684, drawn.tobytes()))
    pages = LocalEngine().extract(BytesIO(content), Kind.PDF)
    assert [page.text for page in pages] == ["A page of text.", "A scanned letter"]


def test_two_columns_in_a_picture_are_read_one_after_the_other():
    left = [
        "The river runs past old mills",
        "and quiet gardens before it",
        "meets the sea where the boats",
        "wait for the tide to turn",
        "and carry them out.",
    ]
    right = [
        "In winter the path along it",
        "is closed and the ferryman",
        "alone knows which of stones",
        "are safe when water rises",
        "over the lower steps.",
    ]
    lines = [(60, 100 + 44 * place, text) for place, text in enumerate(left)]
    lines += [(620, 100 + 44 * place, text) for place, text in enumerate(right)]
    (page,) = LocalEngine().extract(saved(picture(*lines, size=(1200, 600)), "PNG"), Kind.PNG)
    assert page.text.split() == " ".join(left + right).split()


def test_a_reader_that_takes_too_long_is_killed_and_nothing_of_it_is_left():
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    drawn = picture((60, 100, "Slow"), size=(3000, 3000))
    with pytest.raises(Unreadable, match="takes longer than"):
        LocalEngine(wall_seconds=0.3).extract(saved(drawn, "PNG"), Kind.PNG)
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def test_the_reader_sees_nothing_of_the_environment_of_the_worker(monkeypatch):
    monkeypatch.setenv("CANARY", "a secret of the worker")
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(LocalEngine().extract, saved(picture((60, 100, "Text")), "PNG"), Kind.PNG)
        seen = wait_for(environments, every=0.001)
        reading.result()
    assert seen and all(names <= {"PATH", "LANG", "LC_CTYPE"} for names in seen)


def environments() -> list[set[str]]:
    """The names of the environment variables of every reader that runs now."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if "apps.extraction.adapters.child" in child.cmdline():
                found.append(set(child.environ()))
    return found
