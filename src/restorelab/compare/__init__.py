"""The comparison of many runs: found in folders, held against each other where that is fair, and shown on one page."""
