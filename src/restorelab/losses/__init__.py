"""Losses `(restored, clean) -> scalar` in pure torch, one file per loss."""
