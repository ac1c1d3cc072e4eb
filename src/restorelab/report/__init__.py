"""Presentation of results: panels, curves, tables, pages."""
