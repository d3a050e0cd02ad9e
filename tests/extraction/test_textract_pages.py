"""Recorded answers of Textract, and what they become: the contract's pages and tables."""

import io
import re

import pytest

from apps.extraction.adapters.spool import Spool
from apps.extraction.blocks.pages import page_from
from apps.extraction.blocks.shapes import BlockPage, blocks_of
from apps.extraction.results import Page
from tests.extraction.recorded import FOLDER, answer_of, block

WHOLE = [path.stem for path in FOLDER.glob("*.json") if path.stem not in ("failed", "in-progress")]
TAGS = re.compile(r"</?(?:title|header|list_element|table|key_value|key|value)>")


def pages(name: str) -> tuple[Page, ...]:
    """The pages of a recorded answer."""
    return pages_of(answer_of(name)["Blocks"])


def pages_of(blocks) -> tuple[Page, ...]:
    """The pages of blocks as the API gives them."""
    known = blocks_of(blocks)
    numbers = sorted({each.page for each in known})
    return tuple(page_from(BlockPage(number, tuple(b for b in known if b.page == number))) for number in numbers)


def test_an_invoice_in_two_columns_with_three_tables():
    (page,) = pages("sample-invoice")
    assert page.text == (
        "Sliced/Invoices\n\n"
        "<title>Invoice</title>\n\n"
        "<header>From:</header>\n\n"
        "DEMO - Sliced Invoices Suite 5A-1204 123 Somewhere Street Your City AZ 12345 admin@slicedinvoices.com\n\n"
        "<table>Invoice Number\tINV-3337\nOrder Number\t12345\nInvoice Date\tJanuary 25, 2016\n"
        "Due Date\tJanuary 31, 2016\nTotal Due\t$93.50</table>\n\n"
        "To: Test Business 123 Somewhere St Melbourne, VIC 3000 test@test.com\n\n"
        "<table>Hrs/Qty\tService\tRate/Price\tAdjust\tSub Total\n"
        "1.00\tWeb Design This is a sample description...\t$85.00\t0.00%\t$85.00</table>\n\n"
        "<table>Sub Total\t$85.00\nTax\t$8.50\nTotal\t$93.50</table>\n\n"
        "ANZ Bank ACC # 1234 1234 BSB # 4321 432"
    )
    assert page.tables == tuple(re.findall("<table>.*?</table>", page.text, re.DOTALL))
    assert "Page 1/1" not in page.text and "Payment is due" not in page.text  # page number and footer


def test_a_form_has_its_keys_with_their_values_and_its_check_boxes():
    (page,) = pages("form")
    for told in (
        "<title>ENERGY ASSISTANCE PROGRAM</title>",
        "<header>A. APPLICANT/HOUSEHOLD INFORMATION</header>",
        "<key>City</key> <value>Town</value>\n<key>State</key> <value>MN</value>\n<key>Zip</key> <value>12345</value>",
        "<key>YES</key> <value>[ ]</value>\n<key>NO</key> <value>[X]</value>",
        "<key>Mailing Address (If different from your home address.)</key> <value></value>",
        "<key_value><key>*List the names of non-citizen household members authorized as legal residents of the United States:"
        "</key> <value>Jane Doe</value></key_value>",
    ):
        assert told in page.text
    people, phones = page.tables
    assert "\nDoe John\tSELF\tM\t01/12/78\t44\t[X]\t[ ]\t[ ]\t[X]\t111-22-2333\n" in people
    assert (
        phones
        == "<table>Home Phone\tDay/Message/Cell Phone\tE-mail Address\n( ) 414-2285\t( ) 122-3453\tjohndoe@gmail.com</table>"
    )


def test_a_table_that_two_parts_of_a_page_share_stands_once_and_in_its_place():
    (page,) = pages("form")
    before, after = page.text.split("<table>Home Phone")
    assert "Mailing Address" in before and "*List the names" in after
    assert page.text.count("414-2285") == 1


def test_merged_cells_are_said_once_and_leave_the_others_empty():
    (page,) = pages("merged-cells")
    assert page.tables[2] == (
        "<table>Date\tWork Type\tWork Hours\tHourly Rate\tTotal\n"
        "Monday, February 28, 2022\t1\t3\t$ 40.00\t$ 120.00\n\t2\t5\t$ 10.00\t$ 50.00\n"
        "Tuesday, March 01, 2022\t1\t4\t$ 40.00\t$ 160.00\n\t3\t10\t$ 25.00\t$ 250.00\n"
        "Wednesday, March 02, 2022\t2\t9\t$ 10.00\t$ 90.00\n\t5\t6\t$ 33.00\t$ 198.00\n"
        "\t\t\tTOTAL\t$ 868.00</table>"
    )


def test_what_stands_under_a_table_in_its_part_of_the_page_is_kept():
    (page,) = pages("in-table-title")
    table, _, below = page.text.partition("</table>")
    assert table.startswith("<table>Balance Sheet\t\t\t\t\nDate\tDescription\tCredit\tDebit\tBalance\n2022\t\t\t\t\n")
    assert below.strip().endswith("Final available balance as of 2023-01-20 11,000")


def test_cells_whose_words_stand_in_several_lines_keep_their_order():
    (page,) = pages("reading-order")
    assert page.text.startswith(
        "This is a sample test for the word ordering in Textract.\n\n<table>Are those Words in order?\t"
    )


def test_each_page_of_a_document_has_its_own_tables():
    first, second = pages("multipage")
    assert (first.number, second.number) == (1, 2)
    assert "Page (1)" in first.text and "Page (2)" in second.text
    assert len(first.tables) == len(second.tables) == 1
    assert first.tables[0] == (
        "<table>Cell 1\tCell 2\tCell 3\tCell 4\tCell 5\nCell 6\tCell 7\tCell 8\tCell 9\tCell 10\n"
        "Cell 11\tCell 12\tCell 13\tCell 14\tCell 15</table>"
    )
    assert "[X] Selected Checkbox [ ] Un-Selected Checkbox" in first.text


def test_without_a_layout_two_columns_are_read_one_after_the_other():
    (page,) = pages("twocol")
    text = page.text
    assert 0 < text.index("the intended reading order is typically") < text.index("read the next")
    left, right = "However due to the broad possibilities", text.index("A section heading")
    assert text.index(left) > right


def test_without_a_layout_check_boxes_stand_before_their_words():
    (page,) = pages("gib")
    assert len(page.tables) == 3
    assert page.text.startswith("Date: 2020-03-27\n\nName: SomeName\n\nKey1: value1\n\nKey2:value2\n\n<table>Value 1.1.1\t")


def test_a_list_has_one_element_for_each_item():
    lines = [block(1, "LINE", (0.1, top / 10, 0.9, top / 10 + 0.05), Text=text) for top, text in enumerate(["• a", "b", "• c"])]
    items = [
        block(1, "LAYOUT_TEXT", (0.1, 0, 0.9, 0.2), [lines[0]["Id"], lines[1]["Id"]]),
        block(1, "LAYOUT_TEXT", (0.1, 0.2, 0.9, 0.3), [lines[2]["Id"]]),
    ]
    whole = block(1, "LAYOUT_LIST", (0.1, 0, 0.9, 0.3), [item["Id"] for item in items])
    (page,) = pages_of([*lines, whole, *items])
    assert page.text == "<list_element>• a b\n<list_element>• c\n"
    bare = block(1, "LAYOUT_LIST", (0.1, 0, 0.9, 0.3), [line["Id"] for line in lines])
    assert pages_of([*lines, bare])[0].text == page.text


def test_a_line_that_is_in_no_part_of_the_page_is_kept_in_its_place():
    above, stray, below = (block(1, "LINE", (0.1, top, 0.9, top + 0.05), Text=str(top)) for top in (0.1, 0.2, 0.3))
    parts = [
        block(1, "LAYOUT_TEXT", (0.1, line["Geometry"]["BoundingBox"]["Top"], 0.9, 0.4), [line["Id"]])
        for line in (above, below)
    ]
    (page,) = pages_of([above, stray, below, *parts])
    assert page.text == "0.1\n\n0.2\n\n0.3"


@pytest.mark.parametrize("name", WHOLE)
def test_every_word_that_is_not_dropped_is_written_once(name):
    answer = answer_of(name)
    blocks = {each["Id"]: each for each in answer["Blocks"]}

    def under(each) -> list[str]:
        related = [child for link in each.get("Relationships") or () if link["Type"] == "CHILD" for child in link["Ids"]]
        return [
            word for child in related for word in ([child] if blocks[child]["BlockType"] == "WORD" else under(blocks[child]))
        ]

    dropped = ("LAYOUT_FIGURE", "LAYOUT_FOOTER", "LAYOUT_PAGE_NUMBER")
    gone = {word for each in blocks.values() if each["BlockType"] in dropped for word in under(each)}
    expected = sorted(each["Text"] for each in blocks.values() if each["BlockType"] == "WORD" and each["Id"] not in gone)
    told = " ".join(TAGS.sub(" ", page.text) for page in pages(name)).replace("[X]", " ").replace("[ ]", " ")
    assert sorted(told.split()) == sorted(" ".join(expected).split())


@pytest.mark.parametrize("name", ["multipage", "form"])
def test_blocks_on_disk_give_the_pages_that_blocks_in_memory_give(name):
    blocks = answer_of(name)["Blocks"]
    spool = Spool(io.BytesIO())
    for first in range(0, len(blocks), 70):
        spool.add({"Blocks": blocks[first : first + 70]})
    assert tuple(map(page_from, spool.pages(1))) == pages(name)


def test_a_page_without_any_block_is_an_empty_page():
    spool = Spool(io.BytesIO())
    spool.add({"Blocks": [block(3, "LINE", (0.1, 0.1, 0.9, 0.2), Text="third")]})
    assert [(page.number, page.text) for page in map(page_from, spool.pages(4))] == [(1, ""), (2, ""), (3, "third"), (4, "")]
