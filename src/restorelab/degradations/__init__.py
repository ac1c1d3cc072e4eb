"""Degradations: `jpeg(noise(downsample(blur(clean))))`, batched, on the device, with explicit random numbers."""
