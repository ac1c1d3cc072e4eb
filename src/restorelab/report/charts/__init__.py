"""Charts as data (`data.py`), drawn as SVG for pages and listed as numbers below each.

To add a kind of chart: its data class in `data.py`, a module that draws it (such as `bars.py`), which `DRAW` of
`draw.py` names, and its table of numbers, which `NUMBERS` of `numbers.py` names.
SVG of our own, as a page of them takes kilobytes where a charting library's takes megabytes.
"""
