"""Side by side with peers: time and peak memory, each run in a process of its own."""
