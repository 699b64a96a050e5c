"""The eight pairs of H1 on questions with choices: five by probabilities alone, three by answers and texts.

Every score is learned from rows other than those it is given to. What second opinions cost stands beside each pair, in
prices of a draft (`choices_learn.PRICES`).
"""

from evaluation.protocols.choices_mcq import mcq_pairs as probabilities
from evaluation.protocols.choices_pro import pro_pairs as answers

__all__ = ["answers", "probabilities"]
