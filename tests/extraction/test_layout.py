"""What the engine makes of pages whose layout is known."""

import textwrap
from io import BytesIO

import pytest

from apps.extraction.adapters.local import LocalEngine
from apps.extraction.names import Kind
from apps.extraction.results import Page
from tests.extraction.pdfs import Sheet, pdf

PROSE = (
    "The river runs past old mills and quiet gardens before it meets the sea where boats wait for the tide, and people "
    "mend their nets while children count the gulls above the harbour wall. In winter the path along the bank is closed, "
    "and only the ferryman still knows which of the stones are safe when the water rises over the lower steps. "
)


def read(*sheets: Sheet, **more) -> tuple[Page, ...]:
    return LocalEngine().extract(BytesIO(pdf(*sheets, **more)), Kind.PDF)


def elements(page: Page) -> list[str]:
    return [element for element in page.text.split("\n\n") if element.strip()]


def report(number: int) -> Sheet:
    sheet = Sheet().text(60, 40, "Annual Report", 8).text(60, 812, "Confidential", 8).text(520, 812, f"Page {number} of 3", 8)
    sheet.text(60, 90, f"Chapter {number}", 16, "F2")
    return sheet.lines(60, 120, textwrap.wrap(f"Paragraph {number}. {PROSE}", 88))


def test_titles_headers_and_paragraphs_are_told_apart():
    sheet = Sheet().text(60, 70, "Rivers of the North", 22, "F2").text(60, 110, "1. Mills", 13, "F2")
    sheet.lines(60, 130, textwrap.wrap(PROSE, 80)).text(60, 200, "Summary", 10, "F2").lines(60, 220, textwrap.wrap(PROSE, 80))
    assert elements(read(sheet)[0]) == [
        "<title>Rivers of the North</title>",
        "<header>1. Mills</header>",
        PROSE.strip(),
        "<header>Summary</header>",
        PROSE.strip(),
    ]


def test_paragraphs_are_parted_by_space_by_an_indent_and_by_a_short_last_line():
    sheet = Sheet().lines(60, 80, textwrap.wrap(PROSE * 2, 80))
    sheet.text(60, 200, "A last line that ends early.").text(60, 212, f"New: {PROSE[:70]}").text(60, 224, "goes on.")
    sheet.text(80, 236, f"Indented: {PROSE[:62]}").text(60, 248, "and on.")
    assert [element[:8] for element in elements(read(sheet)[0])] == ["The rive", "A last l", "New: The", "Indented"]


def test_two_columns_under_a_full_width_title_are_read_one_after_the_other():
    left, right = textwrap.wrap(PROSE * 2, 44), textwrap.wrap(PROSE.upper() * 2, 34)
    sheet = Sheet().text(90, 70, "A Title over the Whole Width of the Page", 20, "F2")
    sheet.lines(60, 120, left).lines(320, 125, right)
    sheet.text(60, 500, "Below both columns there is one more line, which is as wide as the page and belongs to neither.")
    assert elements(read(sheet)[0]) == [
        "<title>A Title over the Whole Width of the Page</title>",
        (PROSE * 2).strip(),
        (PROSE.upper() * 2).strip(),
        "Below both columns there is one more line, which is as wide as the page and belongs to neither.",
    ]


def test_list_items_have_an_opening_tag_and_keep_their_further_lines():
    sheet = Sheet().text(60, 80, "The steps of the work are these and no others:")
    sheet.text(60, 104, "• first").text(60, 116, f"• second, {PROSE[:70]}").text(68, 128, "which goes on").text(
        60, 140, "• third"
    )
    sheet.lines(60, 170, ["1. one", "2. two"])
    assert elements(read(sheet)[0])[1:] == [
        f"<list_element>• first\n<list_element>• second, {PROSE[:70]} which goes on\n"
        "<list_element>• third\n<list_element>1. one\n<list_element>2. two\n"
    ]


def test_a_ruled_table_has_tabs_between_cells_and_merged_cells_once():
    sheet = Sheet().text(60, 60, "A sentence before the table, long enough to be running text.")
    for y in (80, 100, 120, 140):
        sheet.rule(60, y, 360, y)
    for x in (60, 360):
        sheet.rule(x, 80, x, 140)
    sheet.rule(160, 100, 160, 140)
    sheet.text(65, 94, "Over both").text(65, 114, "A").text(165, 114, "B one").text(65, 134, "C").text(165, 134, "D")
    (page,) = read(sheet)
    assert page.tables == ("<table>Over both\t\nA\tB one\nC\tD</table>",)
    assert elements(page)[1] == page.tables[0]


@pytest.mark.parametrize("ruled", [True, False])
def test_a_table_without_lines_between_its_columns_is_a_table(ruled):
    rows = [("Method", "Precision", "F1"), ("Ours", "0.91", "0.89"), ("Theirs", "0.70", "0.65"), ("Third one", "0.50", "0.45")]
    sheet = Sheet().lines(60, 60, textwrap.wrap(PROSE, 80))
    for place, row in enumerate(rows):
        for x, cell in zip((65, 200, 300), row, strict=True):
            sheet.text(x, 160 + place * 14, cell)
    if ruled:
        for y in (148, 164, 208):
            sheet.rule(60, y, 400, y)
    assert read(sheet)[0].tables == ("<table>" + "\n".join("\t".join(row) for row in rows) + "</table>",)


def test_headers_stay_and_footers_and_page_numbers_go():
    pages = read(report(1), report(2), report(3))
    for number, page in enumerate(pages, 1):
        assert (page.number, elements(page)[0]) == (number, "Annual Report")
        assert "Confidential" not in page.text and f"Page {number} of" not in page.text
        assert f"Paragraph {number}. The river" in page.text
    assert elements(pages[0])[1] == "<title>Chapter 1</title>"
    assert elements(pages[1])[1] == "<header>Chapter 2</header>"


def test_text_that_comes_again_at_the_end_of_a_full_page_is_no_footer():
    full = [f"Line {place} of the page, which is full of text from its top to its very end." for place in range(61)]
    for page in read(Sheet().lines(60, 60, full), Sheet().lines(60, 60, full)):
        assert "Line 60 of" in page.text and "Line 0 of" in page.text


def test_a_word_broken_at_the_end_of_a_line_is_whole_again():
    sheet = Sheet().lines(60, 80, [f"{PROSE[:60]} hyphen-", "ated words are joined, and the hyphens between lines are gone."])
    assert "hyphenated words" in read(sheet)[0].text


def test_a_page_whose_text_is_turned_is_read_upright_and_a_stamp_across_it_apart():
    sheet = Sheet(842, 595, rotate=90)
    sheet.operators.append("q 0 1 -1 0 400 60 cm BT /F1 12 Tf 0 0 Td (Turned text on a turned page) Tj ET")
    sheet.operators.append("BT /F1 12 Tf 0 -16 Td (with a second line.) Tj ET Q")
    sheet.operators.append("q .7 .7 -.7 .7 300 60 cm BT /F2 60 Tf 0 0 Td (Paid) Tj ET Q")
    assert elements(read(sheet)[0]) == ["Turned text on a turned page with a second line.", "Paid"]


def test_an_empty_page_between_others_is_an_empty_page():
    pages = read(Sheet().text(60, 80, "One page."), Sheet(), Sheet().text(60, 80, "Another page."))
    assert [page.text for page in pages] == ["One page.", "", "Another page."]


def test_the_same_document_gives_the_same_pages():
    assert read(report(1), report(2)) == read(report(1), report(2))


def test_three_columns_of_unequal_length_are_read_one_after_the_other():
    columns = [textwrap.wrap(f"{name} {PROSE * 5}", 28)[:count] for name, count in (("One", 20), ("Two", 30), ("Three", 12))]
    sheet = Sheet().text(60, 60, "Newsletter", 24, "F2")
    for x, lines in zip((50, 220, 390), columns, strict=True):
        sheet.lines(x, 100, lines, 9, 11)
    assert elements(read(sheet)[0]) == ["<title>Newsletter</title>", *(" ".join(lines) for lines in columns)]


def test_a_table_inside_a_column_stays_between_the_paragraphs_around_it():
    left, right = textwrap.wrap(f"Left {PROSE * 3}", 40)[:24], textwrap.wrap(f"Right {PROSE * 3}", 40)[:24]
    sheet = Sheet().lines(60, 100, left).lines(320, 100, right[:12]).lines(320, 340, right[12:])
    for y in (260, 274, 316):
        sheet.rule(320, y, 540, y)
    for place, row in enumerate([("Run", "Time"), ("one", "1.5"), ("two", "2.5"), ("three", "3.5")]):
        sheet.text(325, 271 + place * 14, row[0]).text(420, 271 + place * 14, row[1])
    assert elements(read(sheet)[0]) == [
        " ".join(left),
        " ".join(right[:12]),
        "<table>Run\tTime\none\t1.5\ntwo\t2.5\nthree\t3.5</table>",
        " ".join(right[12:]),
    ]


def test_no_word_is_lost_but_those_of_footers_and_page_numbers():
    for number, page in enumerate(read(report(1), report(2), report(3)), 1):
        expected = f"Annual Report Chapter {number} Paragraph {number}. {PROSE}".split()
        assert page.text.replace("<", " <").replace(">", "> ").split() == [
            *expected[:2],
            "<title>" if number == 1 else "<header>",
            *expected[2:4],
            "</title>" if number == 1 else "</header>",
            *expected[4:],
        ]
