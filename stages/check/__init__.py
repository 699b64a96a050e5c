"""check: may this answer stay?

Decides: whether the last attempt satisfies the response schema, after a repair of its syntax where it needs one, and
whether it is sure enough for the route. Rejected means that a further tier is permitted; exhausted that none is.
May lose or repeat: nothing; it is a pure reading of what the attempt brought, and the same attempt is judged the same.
Never: touches a document that is valid, asks a model, or lets an answer's own words raise its confidence.

How sure: the confidence is e to the mean log-probability of the tokens that make up *values* (`confidence`), or the
probability that the route's calibrator makes of it. Where an endpoint gives no log-probabilities there is no
confidence, and then a route with a threshold takes no draft: it has to say `accept: {confidence: null}` to let the
schema alone decide. To the last tier of the stairs no threshold applies, since nothing better exists; the schema
always does.
"""

from stages.check.worker import Check

__all__ = ["Check"]
