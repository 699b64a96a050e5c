"""How sure an answer is: signals of it, and what makes a probability of them. Pure, and asks no model.

The same code decides in production, reads the beginning of a draft, fits calibrators and scores recorded answers.
"""
