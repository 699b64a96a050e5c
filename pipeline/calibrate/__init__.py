"""Fitting what `pipeline.confidence` applies: calibrators, thresholds with a promise, their files and their plots."""
