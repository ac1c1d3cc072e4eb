"""How what was measured is written on a terminal."""

MEASURED = {"loss": "loss {:.4g}", "psnr": "PSNR {:.2f} dB", "ssim": "SSIM {:.4f}", "accuracy": "accuracy {:.1%}"}
"""By metric, in the order in which a line has them."""
