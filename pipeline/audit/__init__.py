"""The chained log of decisions: how a record is chained, written, verified and explained.

The store is not trusted to notice its own damage (nats-server was seen to skip a message with a flipped bit, and to
report the stream as whole). So every process chains what it writes, and `verify` finds what the store does not tell.
"""

from pipeline.audit.chain import GENESIS, Chain, Link, audit_id, digest, split_audit_id
from pipeline.audit.verify import Finding, Receipt, Report, Verifier, verify
from pipeline.audit.writer import ChainedAuditLog, producer_name

__all__ = [
    "GENESIS",
    "Chain",
    "ChainedAuditLog",
    "Finding",
    "Link",
    "Receipt",
    "Report",
    "Verifier",
    "audit_id",
    "digest",
    "producer_name",
    "split_audit_id",
    "verify",
]
