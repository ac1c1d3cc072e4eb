"""Networks from degraded to restored: pure torch, one file an architecture, variants by flags."""
