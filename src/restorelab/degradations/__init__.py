"""Degradations: `jpeg(noise(downsample(blur(clean))))`, batched, on the image's device, with explicit random numbers."""
