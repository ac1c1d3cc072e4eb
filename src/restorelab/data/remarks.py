"""Remarks about how a dataset was decoded, counted over its files and stored in the cache entry."""

from dataclasses import dataclass, field

from restorelab.data.decode import Decoding
from restorelab.data.pixels import Facts

DEPTHS = {255: 8, 1023: 10, 4095: 12, 16383: 14}
"""White levels of sensors whose samples are often stored in 16-bit files, and their bits."""


@dataclass
class _Count:
    """Number of affected images, the sum of their numbers, and the name of the first one."""

    files: int = 0
    total: int = 0
    first: str = ""

    def add(self, name: str, number: int) -> None:
        if number:
            self.first = self.first or name
            self.files += 1
            self.total += number

    def does(self, singular: str, plural: str) -> str:
        """Return the subject and verb of a sentence: the number of images, the first one's name, and the verb."""
        if self.files == 1:
            return f"1 image ({self.first}) {singular}"
        return f"{self.files:,} images (such as {self.first}) {plural}"


@dataclass
class Remarks:
    """Counts over the images of a dataset; both images of a pair count."""

    decoding: Decoding
    pages: _Count = field(default_factory=_Count)
    warned: _Count = field(default_factory=_Count)
    transparent: _Count = field(default_factory=_Count)
    dropped: _Count = field(default_factory=_Count)
    rounded: _Count = field(default_factory=_Count)
    clipped: _Count = field(default_factory=_Count)
    deep: _Count = field(default_factory=_Count)
    largest: int = 0
    warning: str = ""

    def add(self, name: str, facts: Facts) -> None:
        """Count one image."""
        self.pages.add(name, facts.pages if facts.pages > 1 else 0)
        self.warned.add(name, len(facts.warnings))
        self.transparent.add(name, facts.transparent)
        self.dropped.add(name, facts.dropped)
        self.rounded.add(name, facts.rounded)
        self.clipped.add(name, facts.clipped)
        if facts.warnings and not self.warning:
            self.warning = facts.warnings[0]
        if facts.largest is not None:
            self.deep.add(name, 1)
            self.largest = max(self.largest, facts.largest)

    def sentences(self) -> list[str]:
        """Return a sentence about each property that a reader would not expect."""
        sentences, channels = [], self.decoding.channels
        if self.warned.files:
            warned = self.warned.does("causes", "cause")
            sentences.append(f"{warned} warnings of the decoder, and may have wrong pixels: {self.warning}.")
        if self.pages.files:
            sentences.append(
                f"{self.pages.does('holds', 'hold')} several pages or frames, {self.pages.total:,} in all: the first "
                "of each is used; data.pages=all uses each as an image."
            )
        if self.dropped.files:
            usual = {1: "the gray or color bands", 3: "the first three, or a gray one,"}
            sentences.append(
                f"{self.dropped.does('has', 'have')} more bands than data.channels={channels}, none of them marked as "
                f"transparency: {usual.get(channels, f'the first {channels}')} are used."
            )
        if self.transparent.files:
            sentences.append(f"{self.transparent.does('is', 'are')} transparent, and composited over white.")
        if self.rounded.files:
            has = self.rounded.does("has", "have")
            sentences.append(f"{has} floating-point or wider samples, rounded to 16 bits by at most 1/131070 of white.")
        if self.clipped.files:
            sentences.append(
                f"{self.clipped.does('has', 'have')} samples below 0 or above data.white={self.decoding.white}, "
                f"{self.clipped.total:,} in all, which were clipped."
            )
        white = next((white for white in DEPTHS if self.largest <= white), None)
        if self.deep.files and white is not None:
            sentences.append(
                f"No sample of the {self.deep.files:,} images with 16 bits exceeds {white}. If they hold "
                f"{DEPTHS[white]}-bit values, set data.white={white}. Without it white is 65535, so the images are "
                "dark and their PSNR and SSIM are not comparable with those of images at full range."
            )
        return sentences
