"""How good and how fast the finding of personal data is: `python -m bench.pii.eval` and `python -m bench.pii.speed`."""
