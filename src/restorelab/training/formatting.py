"""Format measured values for the terminal."""

MEASURED = {"loss": "loss {:.4g}", "psnr": "PSNR {:.2f} dB", "ssim": "SSIM {:.4f}", "accuracy": "accuracy {:.1%}"}
"""Formats by metric, in the order of a line."""
