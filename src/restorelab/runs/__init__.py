"""Finished runs: their folders, which may be compared, what tells them apart, and the samples of a metric."""
