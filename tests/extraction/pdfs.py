"""A small writer of PDFs, for documents whose layout a test knows exactly. Points, from the top left corner."""

import zlib
from dataclasses import dataclass, field

WIDTH, HEIGHT = 595.0, 842.0
FONTS = {"F1": "Helvetica", "F2": "Helvetica-Bold", "F3": "Times-Roman"}


@dataclass
class Sheet:
    """One page being written."""

    width: float = WIDTH
    height: float = HEIGHT
    rotate: int = 0
    operators: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, size: float = 10, font: str = "F1") -> "Sheet":
        """Text whose baseline begins at x, y."""
        spelled = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        self.operators.append(f"BT /{font} {size} Tf {x} {self.height - y} Td ({spelled}) Tj ET")
        return self

    def lines(self, x: float, y: float, texts: list[str], size: float = 10, step: float = 12, font: str = "F1") -> "Sheet":
        """Lines of text under each other."""
        for place, text in enumerate(texts):
            self.text(x, y + place * step, text, size, font)
        return self

    def rule(self, x0: float, y0: float, x1: float, y1: float) -> "Sheet":
        """A straight line."""
        self.operators.append(f"0.5 w {x0} {self.height - y0} m {x1} {self.height - y1} l S")
        return self

    def picture(self) -> "Sheet":
        """The page's image over all of it."""
        self.operators.append(f"q {self.width} 0 0 {self.height} 0 0 cm /I1 Do Q")
        return self


def pdf(*sheets: Sheet, image: tuple[int, int, bytes] | None = None, encrypt: bool = False) -> bytes:
    """The document. `image` is width, height and gray bytes of the picture that `Sheet.picture` shows."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    for name in FONTS.values():
        objects.append(f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode())
    fonts = " ".join(f"/{key} {3 + place} 0 R" for place, key in enumerate(FONTS))
    pictures = ""
    if image is not None:
        wide, high, gray = image
        head = f"<< /Type /XObject /Subtype /Image /Width {wide} /Height {high} /ColorSpace /DeviceGray /BitsPerComponent 8"
        objects.append(stream(gray, head.removeprefix("<< ")))
        pictures = f"/XObject << /I1 {len(objects)} 0 R >>"
    kids = []
    for sheet in sheets:
        objects.append(stream("\n".join(sheet.operators).encode("cp1252"), ""))
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {sheet.width} {sheet.height}] /Rotate {sheet.rotate} "
            f"/Contents {len(objects)} 0 R /Resources << /Font << {fonts} >> {pictures} >> >>".encode()
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>".encode()
    lock = ""
    if encrypt:
        objects.append(f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{'41' * 32}> /U <{'42' * 32}> >>".encode())
        lock = f"/Encrypt {len(objects)} 0 R /ID [<{'43' * 16}> <{'43' * 16}>]"
    return assembled(objects, lock)


def stream(content: bytes, head: str) -> bytes:
    """A compressed stream object."""
    packed = zlib.compress(content)
    return f"<< {head} /Filter /FlateDecode /Length {len(packed)} >>\nstream\n".encode() + packed + b"\nendstream"


def assembled(objects: list[bytes], more: str = "") -> bytes:
    """Objects as a file with its table of references."""
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {more} >>\n"
    )
    return content + end.encode() + f"startxref\n{len(content)}\n%%EOF\n".encode()
