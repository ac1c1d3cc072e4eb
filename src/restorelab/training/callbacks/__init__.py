"""Callbacks of a run: its metrics file, checkpoints, limits, progress bar and pictures."""
