"""The comparison of many runs: finds them in folders, compares those that may be compared, and shows them on a page."""
