"""Datasets: sources, the decoded cache, splits, the device-resident loader, frozen evaluation sets."""
