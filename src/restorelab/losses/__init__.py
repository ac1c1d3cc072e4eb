"""Losses `(restored, clean) -> scalar`: pure torch, one file a loss."""
