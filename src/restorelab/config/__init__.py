"""What a run may be asked: composed by Hydra, checked by name and by value, built."""
