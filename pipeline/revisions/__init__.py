"""Policies that were applied: immutable, named by their content, with who, when and why; and the one in force."""
