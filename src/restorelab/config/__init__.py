"""The configuration of a run: composed by Hydra, checked by name and by value, and built."""
