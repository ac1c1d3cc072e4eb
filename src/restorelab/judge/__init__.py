"""Whether a difference is real: resampling, the rule of verdicts, findings of reports, importance of keys."""
