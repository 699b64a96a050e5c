"""Configurations of other gateways, read into policies of ours; what has no counterpart is listed, never dropped."""
