"""Find out what a request contains and which targets may see it.

Decides: the class of the data (the strictest class of what was found), its special categories, and the residency
action of every target under the policy. A scan that failed or ran out of time makes the request restricted.

May lose or repeat: nothing. It writes nothing; a redelivery scans again and finds the same.

Never: refuses a request (plan does, when no target is eligible), and never lets the text of a finding out: what leaves
the scanner is types, counts and scores.
"""

from stages.classify.worker import Classify

__all__ = ["Classify"]
