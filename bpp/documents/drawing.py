"""The sheet that pages are drawn on: text, rules, panels and QR codes, on A4, measured in points from the top left.

Text is set in Helvetica, which every viewer has. It knows the letters of Western Europe; others are printed as "?", and
the JSON document has them. The bytes depend on nothing but what is drawn (reportlab's ``invariant``).
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from reportlab.graphics import renderPDF
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = 595.28, 841.89
LEFT, RIGHT = 48.0, WIDTH - 48.0
PLAIN, BOLD = "Helvetica", "Helvetica-Bold"

WHITE = HexColor("#ffffff")
INK = HexColor("#17212b")
MUTED = HexColor("#66737f")
RULE = HexColor("#d8dfe3")
PANEL = HexColor("#f2f6f6")
ACCENT = HexColor("#0f6b62")
CHARGED = HexColor("#12867a")
RETURNED = HexColor("#d9822b")


class Sheet:
    """Pages of one document. ``y`` grows downwards."""

    def __init__(self, title: str, author: str) -> None:
        self._written = io.BytesIO()
        self._canvas = Canvas(self._written, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=1)
        self._canvas.setTitle(printable(title))
        self._canvas.setAuthor(printable(author))
        self._canvas.setCreator("beckn-battery")

    def new_page(self) -> None:
        """Finish this page."""
        self._canvas.showPage()

    def pdf(self) -> bytes:
        """Finish the document."""
        self._canvas.showPage()
        self._canvas.save()
        return self._written.getvalue()

    def text(self, x: float, y: float, text: str, size: float = 9, color: Color = INK, font: str = PLAIN) -> None:
        """A line of text that begins at ``x``; ``y`` is its base line."""
        self._canvas.setFillColor(color)
        self._canvas.setFont(font, size)
        self._canvas.drawString(x, HEIGHT - y, printable(text))

    def text_until(self, x: float, y: float, text: str, size: float = 9, color: Color = INK, font: str = PLAIN) -> None:
        """A line of text that ends at ``x``."""
        self.text(x - stringWidth(printable(text), font, size), y, text, size, color, font)

    def text_within(
        self, x: float, y: float, width: float, text: str, size: float = 9, color: Color = INK, font: str = PLAIN
    ) -> None:
        """A line of text that begins at ``x`` and is set smaller where it would be wider than ``width``."""
        needed = stringWidth(printable(text), font, size)
        self.text(x, y, text, size * min(1.0, width / needed) if needed else size, color, font)

    def text_middle(self, x: float, y: float, text: str, size: float = 9, color: Color = INK) -> None:
        """A line of text with its middle at ``x``."""
        self.text(x - stringWidth(printable(text), PLAIN, size) / 2, y, text, size, color)

    def label(self, x: float, y: float, text: str) -> None:
        """What stands small above a value."""
        self.text(x, y, text, 7, MUTED)

    def paragraph(
        self, x: float, y: float, text: str, width: float, size: float = 9, color: Color = INK, lines_max: int = 99
    ) -> float:
        """Text in lines of at most that width, cut off beyond ``lines_max``; the ``y`` of the next line."""
        lines = list(_lines(text, width, size))
        if len(lines) > lines_max:
            lines = [*lines[: lines_max - 1], f"{lines[lines_max - 1]} …"]
        for line in lines:
            self.text(x, y, line, size, color)
            y += size * 1.35
        return y

    def rule(self, y: float, color: Color = RULE, x: float = LEFT, until: float = RIGHT, width: float = 0.6) -> None:
        """A horizontal line."""
        self._canvas.setStrokeColor(color)
        self._canvas.setLineWidth(width)
        self._canvas.line(x, HEIGHT - y, until, HEIGHT - y)

    def panel(self, x: float, y: float, width: float, height: float, color: Color = PANEL, radius: float = 6) -> None:
        """A filled area with its upper left corner at (x, y)."""
        self._canvas.setFillColor(color)
        self._canvas.roundRect(x, HEIGHT - y - height, width, height, radius, stroke=0, fill=1)

    def bar(self, x: float, y: float, width: float, height: float, color: Color) -> None:
        """A filled rectangle with its upper left corner at (x, y)."""
        self._canvas.setFillColor(color)
        self._canvas.rect(x, HEIGHT - y - height, width, height, stroke=0, fill=1)

    def logo(self, x: float, y: float, image: bytes, width: float, height: float) -> None:
        """A picture, as large as fits."""
        reader = ImageReader(io.BytesIO(image))
        pixels_wide, pixels_high = reader.getSize()
        scale = min(width / pixels_wide, height / pixels_high)
        size = (pixels_wide * scale, pixels_high * scale)
        self._canvas.drawImage(reader, x, HEIGHT - y - size[1], *size, mask="auto")

    def qr_code(self, x: float, y: float, side: float, text: str) -> None:
        """A QR code with error correction M, as EPC069-12 asks for."""
        widget = QrCodeWidget(text, barLevel="M", barBorder=0, barFillColor=INK)
        left, bottom, right, top = widget.getBounds()
        drawing = Drawing(side, side, transform=[side / (right - left), 0, 0, side / (top - bottom), 0, 0])
        drawing.add(widget)
        renderPDF.draw(drawing, self._canvas, x, HEIGHT - y - side)


def printable(text: str) -> str:
    """The text in the letters that Helvetica has. Its minus sign is one of them by the dash of the same width."""
    return text.replace("−", "–").encode("cp1252", "replace").decode("cp1252")


def _lines(text: str, width: float, size: float) -> Iterator[str]:
    line = ""
    for word in printable(text).split():
        longer = f"{line} {word}".strip()
        if line and stringWidth(longer, PLAIN, size) > width:
            yield line
            longer = word
        line = longer
    if line:
        yield line
