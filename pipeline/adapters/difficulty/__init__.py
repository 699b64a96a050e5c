"""Learning how hard questions are: examples out of files, the fitting (extra `train`), and what it gained."""
