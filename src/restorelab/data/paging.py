"""List each page of a multi-page file as an image."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from restorelab.data.decode import pages
from restorelab.data.item import Encoded, Item, Page, Window
from restorelab.errors import DataError


def each_page(items: Sequence[Item], channels: int) -> list[Item]:
    """Return an item for every page, frame or picture of the items' files: ids `name#1`, `name#2`; groups are kept.

    Files of one page are not changed. Real pairs are matched page by page.

    Raises:
        DataError: for a pair whose images have different numbers of pages.
    """

    def counted(item: Item) -> tuple[int, int]:
        clean = pages(item.clean, channels)
        return clean, clean if item.degraded is None else pages(item.degraded, channels)

    pages_of_all: list[Item] = []
    with ThreadPoolExecutor(thread_name_prefix="pages") as pool:
        for item, (count, partners) in zip(items, pool.map(counted, items), strict=True):
            if count != partners:
                raise DataError(
                    f"{item.id}: the clean file has {count} pages and its degraded partner {partners}; with "
                    "data.pages=all pairs are matched page by page."
                )
            pages_of_all += [item] if count == 1 else [_page(item, number) for number in range(1, count + 1)]
    return pages_of_all


def _page(item: Item, number: int) -> Item:
    def page(encoded: Encoded) -> Page:
        assert not isinstance(encoded, np.ndarray | Page | Window)
        return Page(encoded, number)

    degraded = None if item.degraded is None else page(item.degraded)
    return replace(item, id=f"{item.id}#{number}", clean=page(item.clean), degraded=degraded)
