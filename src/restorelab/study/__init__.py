"""Studies: a named set of runs of one report, with the tables, figures and claims that compare them."""
