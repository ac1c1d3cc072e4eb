"""Use trained networks: restore images of any size."""
