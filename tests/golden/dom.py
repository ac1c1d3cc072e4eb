"""A page as lines of text, an element a line, that are the same on every machine: for comparisons between versions."""

import base64
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from typing import Any

from PIL import Image

VOID = {"meta", "img", "input", "br", "hr", "path", "circle", "line", "rect", "use", "polyline", "polygon"}
"""Elements without an end tag; those of SVG end themselves."""

CLOSES = {
    "li": {"li"},
    "p": {"p"},
    "dt": {"dt", "dd"},
    "dd": {"dt", "dd"},
    "tr": {"tr", "td", "th"},
    "td": {"td", "th"},
}

FOLDED = ("swatch", "drawing half", "drawing narrow", "axes", "run mark")
"""Classes of elements whose hash stands for their content: a legend's signs, axes, dots and boxes, and small charts."""

LONG, WORDS = 160, 600
"""Characters of an attribute, and of a text, beyond which its hash stands for it."""


def digest(content: str | bytes) -> str:
    content = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(content).hexdigest()[:12]


def steady(text: str, *places: str) -> str:
    """Text without what differs from machine to machine: versions, times, folders and the last digits of numbers."""
    for number, place in enumerate(places):
        text = text.replace(place, f"FOLDER{number or ''}")
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d)?", "TIME", text)
    text = re.sub(r"\b\d+\.\d+\.\d+(\+\w+)?\b", "VERSION", text)
    return re.sub(r"-?\d+\.\d{5,}(e-?\d+)?|-?\d(\.\d+)?e-\d+", lambda found: rounded(float(found.group())), text)


def rounded(value: float) -> str:
    """Five digits: sums and powers differ in their last bits from one processor to another. Rounding noise is 0."""
    return "0" if abs(value) < 1e-12 else f"{value:.5g}"


def lines(page: str, *places: str) -> str:
    """The page's elements, indented by their depth, attributes in order of their names; styles and scripts by hash."""
    return Lines(page, places).text()


class Lines(HTMLParser):
    """Collects the lines. places: folders, which are named by their number."""

    def __init__(self, page: str, places: tuple[str, ...]) -> None:
        super().__init__()
        self.places = places
        self.found: list[str] = []
        self.open: list[tuple[str, int]] = []
        self.feed(page)

    def text(self) -> str:
        return "\n".join(self.found) + "\n"

    def add(self, text: str) -> None:
        self.found.append(" " * len(self.open) + text)

    def handle_decl(self, decl: str) -> None:
        self.add(f"<!{decl}>")

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "wbr":
            return
        while self.open and self.open[-1][0] in CLOSES.get(tag, ()):
            self.open.pop()
        words = [name if value is None else f"{name}={self.value(value)}" for name, value in sorted(attrs)]
        self.add(" ".join([f"<{tag}", *words]) + ">")
        if tag not in VOID:
            self.open.append((tag, len(self.found)))

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in [name for name, _ in self.open]:
            return
        last, began = self.open.pop()
        while last != tag:
            last, began = self.open.pop()
        if any(f'class="{kind}' in self.found[began - 1] for kind in FOLDED):
            folded = digest("\n".join(self.found[began:]))
            self.found[began - 1 :] = [f"{self.found[began - 1]} sha256 {folded}"]

    def handle_data(self, data: str) -> None:
        if not data.strip():
            return
        tag, began = self.open[-1] if self.open else ("", -1)
        text = (
            f"sha256 {digest(steady(data))}"
            if tag in ("style", "script")
            else self.short(" ".join(data.split()), WORDS)
        )
        if began == len(self.found):
            self.found[-1] += f" {text}"  # nothing stands between the element's tag, or its text so far, and this
        else:
            self.add(text)

    def value(self, value: str) -> str:
        if value.startswith("data:"):
            kind, _, content = value[5:].partition(";base64,")
            return f"{kind} {embedded(kind, base64.b64decode(content), self.places)}"
        return json.dumps(self.short(value), ensure_ascii=False)

    def short(self, text: str, most: int = LONG) -> str:
        text = steady(text, *self.places)
        return text if len(text) <= most else f"{text[:60]}... {len(text)} characters, sha256 {digest(text)}"


def embedded(kind: str, content: bytes, places: tuple[str, ...] = ()) -> str:
    """A file inside a page. Of a drawn figure the size is told, which depends on no font; of a WebP the pixels."""
    if not kind.startswith("image/"):
        return f"sha256 {digest(steady(content.decode(), *places))}"
    image = Image.open(io.BytesIO(content))
    pixels = f" sha256 {digest(image.convert('RGB').tobytes())}" if kind == "image/webp" else ""
    return f"{image.width}x{image.height}{pixels}"
