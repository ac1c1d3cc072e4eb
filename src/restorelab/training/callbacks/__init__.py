"""What happens beside the loop: the record, checkpoints, limits, the bar, pictures."""
