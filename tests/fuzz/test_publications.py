"""Requests over HTTP that no server would make by mistake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.protocol import SUBPROTOCOL
from tests.fuzz.server import SETTINGS, MemoryServer, Server, fuzz, serving, token
from tests.fuzz.strategies.frames import ROOMS, publications
from tests.fuzz.strategies.handshakes import forged_tokens
from tests.fuzz.strategies.values import ODD_TEXTS, broken, garbage, written
from tests.fuzz.tried import tried

if TYPE_CHECKING:
    from collections.abc import Sequence

READER = "reader="
PATHS = ("/rooms/{room}/messages", "/users/{user_id}/messages")

names = st.one_of(
    st.sampled_from((*ROOMS, "%ff", "%00", "%", "..", "a%2fb")),
    st.sampled_from(ODD_TEXTS).map(lambda text: quote(text, errors="surrogatepass")),
)
bodies = st.one_of(written(publications), written(broken(publications)), garbage)
requests = st.lists(st.tuples(st.sampled_from(PATHS), names, bodies), min_size=5, max_size=20)


def post(server: Server, path: str, name: str, body: str, authorization: str) -> int:
    """Make a request; what is refused has changed nothing. The answer is its status."""
    tried["publications"] += 1
    before = server.state()
    status, answer = server.post(path, name, body, {"Authorization": authorization})
    if status == 202:
        assert answer["id"]
    else:
        assert server.state() == before
    return status


@fuzz
@given(requests)
def test_no_publication_breaks_anything(requests: Sequence[tuple[str, str, str]]) -> None:
    """Each is queued, or refused with a status for what is wrong with it."""
    with serving(MemoryServer(SETTINGS)) as server:
        offer = f"{SUBPROTOCOL}, {token('reader')}"
        assert server.connect(READER, {"Sec-WebSocket-Protocol": offer}) == 200
        server.frame(READER, '{"action":"join","room":"tea"}')
        good = f"Bearer {token('service', join=['tea', 'lobby'], publish=['tea'], moderate=['*'])}"
        for path, name, body in requests:
            status = post(server, path, name, body, good)
            assert status in {202, 400, 403, 413}
            if status == 202:
                assert isinstance(json.loads(body), dict)
                assert path == PATHS[1] or name == "tea"
        server.work()
        assert server.graph.job_queue.buried == []
        server.kept()


@fuzz
@given(requests, st.data())
def test_nobody_publishes_without_a_token(
    requests: Sequence[tuple[str, str, str]], data: Any
) -> None:
    """Any request gets 401, with no word about what is wrong."""
    shown = st.one_of(
        forged_tokens.map(lambda forged: f"Bearer {forged}"),
        st.sampled_from(("", "Bearer", "Bearer  ", "Basic YTpi", "bearer \0", *ODD_TEXTS)),
    )
    with serving(MemoryServer(SETTINGS)) as server:
        for path, name, body in requests:
            assert post(server, path, name, body, data.draw(shown)) == 401
