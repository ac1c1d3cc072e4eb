"""Networks in use: weights read, images of any size restored."""
