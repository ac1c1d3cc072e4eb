"""How a restored image is measured, and what a network costs."""
