"""Charts of the comparison as SVG, drawn without a browser: they print, and follow light and dark by CSS variables."""
