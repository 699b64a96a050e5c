"""Weights of the guard of likeness (`pipeline.likeness`), learned from questions of which the right hits are known.

`asked` holds such questions with their candidates, `measure` what the guard sees of them, `learn` fits weights and a
threshold, `labelled` makes questions out of files, and `train` says whether what was learned may take over.
"""
