"""Networks from degraded to restored images in pure torch, one file per architecture, with variants by flags."""
