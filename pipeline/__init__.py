"""The road of the cascade: it moves messages and knows no stage."""
