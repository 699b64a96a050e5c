"""Write down what was decided, keep the reply, and send it.

Decides: nothing about the answer; only which earlier decision the reply speaks of, when a request comes twice.
May lose or repeat: a record may be written twice, when this worker dies between the record and the reply; the reply
may be sent twice for the same reason; the remembered answer may be lost. A reply never goes out before its record is
durable, and only one final reply counts for a request.
Never does: call a model, change an answer, or write a word of a request or an answer into the log.
"""

from stages.audit.worker import Audit

__all__ = ["Audit"]
