"""One file for each implementation of a port."""
