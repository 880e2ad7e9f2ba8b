"""One file a format: how rows get from where they lie into blocks."""
