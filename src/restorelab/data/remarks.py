"""What there is to say about how a dataset was decoded, counted over its files and kept with its pixels."""

from dataclasses import dataclass, field

from restorelab.data.decode import Decoding
from restorelab.data.pixels import Facts

DEPTHS = {255: 8, 1023: 10, 4095: 12, 16383: 14}
"""White levels of sensors whose samples people keep in 16-bit files, and their bits."""


@dataclass
class _Count:
    files: int = 0
    total: int = 0
    first: str = ""

    def add(self, name: str, number: int) -> None:
        if number:
            self.first = self.first or name
            self.files += 1
            self.total += number

    def does(self, singular: str, plural: str) -> str:
        """How many images, the first by its name, and the verb."""
        if self.files == 1:
            return f"1 image ({self.first}) {singular}"
        return f"{self.files:,} images ({self.first} for one) {plural}"


@dataclass
class Remarks:
    """Counts over the images of one dataset; both images of a pair count."""

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
        """A sentence each of what a reader would not expect."""
        found, asked = [], self.decoding
        if self.warned.files:
            warned = self.warned.does("warned", "warned")
            found.append(f"{warned} while being decoded, and may have wrong pixels: {self.warning}.")
        if self.pages.files:
            found.append(
                f"{self.pages.does('holds', 'hold')} several pages or frames, {self.pages.total:,} in all: the first "
                "of each is taken; data.pages=all takes each as an image."
            )
        if self.dropped.files:
            usual = {1: "the gray or colour bands", 3: "the first three, or a gray one,"}
            found.append(
                f"{self.dropped.does('has', 'have')} more bands than data.channels={asked.channels} shows, none "
                f"of them marked as transparency: {usual.get(asked.channels, f'the first {asked.channels}')} are taken."
            )
        if self.transparent.files:
            found.append(f"{self.transparent.does('is', 'are')} transparent, and laid on white.")
        if self.rounded.files:
            has = self.rounded.does("has", "have")
            found.append(f"{has} floating-point or wider samples, rounded to 16 bits, by at most 1/131070 of white.")
        if self.clipped.files:
            found.append(
                f"{self.clipped.does('has', 'have')} samples below 0 or above data.white={asked.white}, "
                f"{self.clipped.total:,} in all, which were clipped."
            )
        bound = next((white for white in DEPTHS if self.largest <= white), None)
        if self.deep.files and bound is not None:
            found.append(
                f"No sample of the {self.deep.files:,} images with 16 bits exceeds {bound}. If they hold "
                f"{DEPTHS[bound]}-bit values, say data.white={bound}: without it white is 65535, the images are dark, "
                "and their PSNR and SSIM are not those of images whose white is white."
            )
        return found
