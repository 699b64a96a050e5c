"""Metrics of early exits: how many drafts were left, and of those finished all the same, what that tells of the others.

A draft that was left does not say what it would have become. A share of them is finished all the same
(`early_exit.explore`): of those it is known how many would have stayed (wrong exits), and how many tokens each exit
spares; both hold for the others too, since chance alone chose them.
"""

from prometheus_client import CollectorRegistry, Counter

from pipeline.contracts import Envelope, Reply

__all__ = ["EarlyExits"]


class EarlyExits:
    """Counts them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._exits = Counter(
            "stepwell_early_exits",
            "Drafts whose beginning was too unsure: left; finished all the same; and of these, those that sufficed",
            ("kind",),
            registry=registry,
        )
        self._spared = Counter(
            "stepwell_early_exit_tokens", "Tokens that exits would have spared, of drafts finished all the same",
            registry=registry,
        )  # fmt: skip

    def noted(self, envelope: Envelope, reply: Reply) -> None:
        """A request ended."""
        for made in envelope.attempts:
            if made.left_early:
                self._exits.labels("left").inc()
            elif made.exit_at is not None:
                self._exits.labels("finished").inc()
                self._spared.inc(max(0, made.answer_usage.output_tokens - made.exit_at))
                served = reply.served if reply.status == "answered" and reply.degraded is None else None
                if served is not None and (served.tier, served.variant) == (made.tier, made.variant):
                    self._exits.labels("wrong").inc()
