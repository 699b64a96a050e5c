"""check: may this answer stay?

Decides: whether the last answer satisfies the response schema, after a repair of its syntax where it needs one, and
whether it is sure enough for the route. Rejected means that a further tier is permitted; exhausted that none is; unsure
that more is asked for first, which draft does: the errors told to the model that made them, or a further look. Each is
asked for at most once, whether it could be made or not.
May lose or repeat: nothing; it is a pure reading of what the attempts brought, and the same ones are judged the same.
Only where a route asks how earlier drafts fared (`past_errors`) there is a fact of the moment, which is recorded.
Never: touches a document that is valid, asks a model, or lets an answer's own words raise its confidence.

How sure: the confidence is e to the mean log-probability of the tokens that make up *values* (`pipeline.confidence`),
or the probability that the route's calibrator makes of all signals. Where an endpoint gives no log-probabilities, and
the calibrator knows nothing else, further looks alone speak; without any a route with a threshold takes no draft: it
has to say `accept: {confidence: null}` to let the schema alone decide. To the last tier of the stairs no threshold
applies, since nothing better exists; the schema always does.
"""

from stages.check.worker import Check

__all__ = ["Check"]
