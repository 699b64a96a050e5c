"""The service that `nats micro` sees. It tells about itself at inboxes alone."""

from nats.aio.msg import Msg
from nats.micro.service import Endpoint, EndpointConfig, Service

from pipeline.topology import is_inbox

__all__ = ["Announced", "Tally"]


class Tally:
    """What an endpoint tells of its errors. Our handlers answer with them rather than raise them."""

    __slots__ = ("_endpoint",)

    def __init__(self) -> None:
        self._endpoint: Endpoint | None = None

    def of(self, endpoint: Endpoint) -> None:
        """It is that of this endpoint."""
        self._endpoint = endpoint

    def answered(self, error: str | None) -> None:
        """A request was answered, with this error or none."""
        if error is not None and self._endpoint is not None:
            self._endpoint._num_errors += 1
            self._endpoint._last_error = error  # type: ignore[assignment]  # declared by its first value, None


class Announced(Service):
    """Answers `$SRV.PING`, `INFO` and `STATS`.

    Whoever asks names the subject of the answer, and this process may publish where the asker may not: into streams and
    buckets. What is no inbox gets none.
    """

    async def offer(self, config: EndpointConfig, tally: Tally) -> None:
        """Add an endpoint whose errors are counted by `tally`."""
        await self.add_endpoint(config)
        tally.of(self._endpoints[-1])

    async def _handle_ping_request(self, msg: Msg) -> None:
        if is_inbox(msg.reply):
            await super()._handle_ping_request(msg)

    async def _handle_info_request(self, msg: Msg) -> None:
        if is_inbox(msg.reply):
            await super()._handle_info_request(msg)

    async def _handle_stats_request(self, msg: Msg) -> None:
        if is_inbox(msg.reply):
            await super()._handle_stats_request(msg)
