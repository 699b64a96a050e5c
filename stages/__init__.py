"""The decisions along the road: one package per verb, wired together in `stages.app` alone."""
