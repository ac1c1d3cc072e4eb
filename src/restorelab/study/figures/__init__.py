"""The figures of a study: one file each; each is called with the runs and gives a matplotlib `Figure`."""
