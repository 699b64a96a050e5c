"""A download goes on where it stopped, and a server that is away is said to be away."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes_weights import CONTENT, tiny

from pipeline.embedded.home import Home
from pipeline.embedded.pull import Quiet, pull
from pipeline.embedded.sources import Hub
from pipeline.errors import SourceUnreachable


class Shop:
    """Serves the tiny model, with or without Range, and remembers which ranges were asked for."""

    def __init__(self, *, ranges=True, status=200):
        self.ranges = ranges
        self.status = status
        self.asked = []

    async def get(self, request):
        asked = request.headers.get("Range")
        self.asked.append(asked)
        if self.status != 200:
            return web.Response(status=self.status)
        if asked and self.ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            return web.Response(body=CONTENT[start:], status=206)
        return web.Response(body=CONTENT)


@pytest.fixture
async def open_shop():
    servers = []

    async def opened(shop):
        app = web.Application()
        app.router.add_get("/tiny.gguf", shop.get)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return tiny(url=str(server.make_url("/tiny.gguf")))

    yield opened
    for server in servers:
        await server.close()


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def begun(home, body):
    home.parts.mkdir(parents=True)
    (home.parts / "tiny.gguf.partial").write_bytes(body)


async def test_the_whole_file_is_fetched(home, open_shop):
    shop = Shop()
    path = await pull(await open_shop(shop), home, [Hub(home.parts)], Quiet())
    assert path.read_bytes() == CONTENT
    assert shop.asked == [None]


async def test_a_download_goes_on_where_it_stopped(home, open_shop):
    shop = Shop()
    model = await open_shop(shop)
    begun(home, CONTENT[:1000])
    assert (await pull(model, home, [Hub(home.parts)], Quiet())).read_bytes() == CONTENT
    assert shop.asked == ["bytes=1000-"]


async def test_a_server_without_range_is_read_from_the_start(home, open_shop):
    model = await open_shop(Shop(ranges=False))
    begun(home, CONTENT[:1000])
    assert (await pull(model, home, [Hub(home.parts)], Quiet())).read_bytes() == CONTENT


async def test_a_spoilt_beginning_is_thrown_away_and_the_next_try_succeeds(home, open_shop):
    model = await open_shop(Shop())
    begun(home, b"spoilt" * 100)
    with pytest.raises(SourceUnreachable, match="another file than the pinned one"):
        await pull(model, home, [Hub(home.parts)], Quiet())
    assert (await pull(model, home, [Hub(home.parts)], Quiet())).read_bytes() == CONTENT


async def test_an_address_that_answers_no_is_named_with_its_status(home, open_shop):
    with pytest.raises(SourceUnreachable, match="the model's own address answered 404"):
        await pull(await open_shop(Shop(status=404)), home, [Hub(home.parts)], Quiet())


async def test_a_server_that_is_away_is_said_to_be_away(home):
    with pytest.raises(SourceUnreachable, match="did not answer"):
        await pull(tiny(url="http://127.0.0.1:9/tiny.gguf"), home, [Hub(home.parts)], Quiet())
