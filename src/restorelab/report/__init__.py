"""What people look at: panels, curves, tables, pages."""
