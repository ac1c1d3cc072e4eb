"""Degradations: `noise(downsample(blur(clean)))`, batched, on the image's device, from one explicit stream of draws."""
