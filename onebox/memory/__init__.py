"""Results of functions, kept on disk and found again by their arguments."""
