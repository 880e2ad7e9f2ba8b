"""The one walker: plans a scan, reads, updates and merges in an order that the data fix."""
