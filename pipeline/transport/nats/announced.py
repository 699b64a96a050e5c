"""The service that `nats micro` sees. It tells about itself at inboxes alone."""

from nats.aio.msg import Msg
from nats.micro.service import Service

from pipeline.topology import is_inbox

__all__ = ["Announced"]


class Announced(Service):
    """Answers `$SRV.PING`, `INFO` and `STATS`.

    Whoever asks names the subject of the answer, and this process may publish where the asker may not: into streams and
    buckets. What is no inbox gets none.
    """

    async def _handle_ping_request(self, msg: Msg) -> None:
        if is_inbox(msg.reply):
            await super()._handle_ping_request(msg)

    async def _handle_info_request(self, msg: Msg) -> None:
        if is_inbox(msg.reply):
            await super()._handle_info_request(msg)

    async def _handle_stats_request(self, msg: Msg) -> None:
        if is_inbox(msg.reply):
            await super()._handle_stats_request(msg)
