"""The parts of `make gpu`, a program each: `python -m gpu_parts.NAME ... WORK.json`."""
