"""osmo-ctrl's side of the control socket: who may speak, what is said again, and when a peer is lost."""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from osmo_ctrl import agent as agent_module
from osmo_ctrl.agent import Agent, AgentLostError
from osmo_ctrl.messages import Finish, Stop


class Peer:
    """Whoever connects: the agent, or somebody who says to be it."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.setblocking(False)
        self._socket.connect(str(path))
        self._buffer = b""

    async def say(self, **message: Any) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, json.dumps(message).encode() + b"\n")

    async def hear(self) -> dict[str, Any] | None:
        while b"\n" not in self._buffer:
            data = await asyncio.get_running_loop().sock_recv(self._socket, 65536)
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        heard: dict[str, Any] = json.loads(line)
        return heard

    def send_descriptor(self, descriptor: int, **message: Any) -> None:
        socket.send_fds(self._socket, [json.dumps(message).encode() + b"\n"], [descriptor])

    def close(self) -> None:
        self._socket.close()


def hello(key: str = "", state: str = "waiting", **more: Any) -> dict[str, Any]:
    return {"kind": "hello", "version": 1, "key": key, "state": state, **more}


def run(
    scene: Callable[[Agent, Path], Awaitable[None]], folder: Path, key: str = "", has_started: bool = False
) -> list[str]:
    """Plays a scene with an osmo-ctrl; gives the keys that it kept."""
    kept: list[str] = []

    async def play() -> None:
        path = folder / "control.sock"
        agent = Agent(path, key, has_started, kept.append)
        try:
            await asyncio.wait_for(scene(agent, path), 20)
        finally:
            await agent.close()

    asyncio.run(play())
    return kept


def test_the_first_one_gets_a_key_and_a_second_is_not_answered(tmp_path: Path) -> None:
    async def scene(agent: Agent, path: Path) -> None:
        first = Peer(path)
        await first.say(**hello())
        welcome = await first.hear()
        assert welcome is not None and len(welcome["key"]) == 64
        second = Peer(path)
        await second.say(**hello())
        assert await second.hear() is None
        third = Peer(path)
        await third.say(**hello("0" * 64))
        assert await third.hear() is None
        assert agent.here.is_set()
        first.close(), second.close(), third.close()

    assert len(run(scene, tmp_path)) == 1


def test_who_comes_back_with_the_key_hears_the_last_word_again(tmp_path: Path) -> None:
    async def scene(agent: Agent, path: Path) -> None:
        first = Peer(path)
        await first.say(**hello())
        welcome = await first.hear()
        assert welcome is not None
        await agent.say(Stop(epoch=1, grace=1))
        assert await first.hear() == {"kind": "stop", "epoch": 1, "grace": 1.0}
        first.close()
        await agent.gone.wait()
        await agent.say(Finish())
        again = Peer(path)
        await again.say(**hello(welcome["key"], "running", epoch=1))
        assert await again.hear() == {"kind": "welcome", "version": 1, "key": welcome["key"]}
        assert await again.hear() == {"kind": "finish", "failure": None}
        again.close()

    run(scene, tmp_path)


def test_after_the_start_nobody_gets_in_without_the_key(tmp_path: Path) -> None:
    """The command runs by then, and could say to be the agent."""

    async def scene(agent: Agent, path: Path) -> None:
        peer = Peer(path)
        await peer.say(**hello())
        assert await peer.hear() is None
        peer.close()
        peer = Peer(path)
        await peer.say(**hello("k" * 64))
        assert await peer.hear() == {"kind": "welcome", "version": 1, "key": "k" * 64}
        peer.close()

    assert run(scene, tmp_path, key="k" * 64, has_started=True) == []


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        b'{"kind":"hello","version":2,"key":"","state":"waiting"}',
        b'{"kind":"started","epoch":1,"at":1}',
    ],
)
def test_whoever_does_not_begin_with_hello_is_not_answered(line: bytes, tmp_path: Path) -> None:
    async def scene(agent: Agent, path: Path) -> None:
        peer = Peer(path)
        await asyncio.get_running_loop().sock_sendall(peer._socket, line + b"\n")
        assert await peer.hear() is None
        peer.close()

    assert run(scene, tmp_path) == []


def test_files_are_listed_and_opened_by_the_agent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")

    async def scene(agent: Agent, path: Path) -> None:
        peer = Peer(path)
        await peer.say(**hello())
        await peer.hear()

        async def answer() -> None:
            question = await peer.hear()
            assert question == {"kind": "list", "id": 1, "path": "/c", "regex": ""}
            await peer.say(
                kind="listing", id=1, files=[{"path": "file", "size": 7, "modified": 5, "mode": 420}], error=""
            )
            question = await peer.hear()
            assert question is not None
            descriptor = os.open(tmp_path / "file", os.O_RDONLY)
            peer.send_descriptor(descriptor, kind="opened", id=question["id"], error="")
            os.close(descriptor)
            question = await peer.hear()
            assert question is not None
            await peer.say(kind="opened", id=question["id"], error="permission denied")

        answering = asyncio.create_task(answer())
        [file] = await agent.list("/c", "")
        assert (file.path, file.size, file.modified) == ("file", 7, 5)
        descriptor = await agent.open("/c/file")
        assert os.read(descriptor, 100) == b"content"
        os.close(descriptor)
        with pytest.raises(OSError, match="permission denied"):
            await agent.open("/c/other")
        await answering
        waiting = asyncio.create_task(agent.list("/c", ""))
        await peer.hear()
        peer.close()
        with pytest.raises(AgentLostError):
            await waiting

    run(scene, tmp_path)


def test_it_is_lost_when_it_stays_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_module, "_ABSENCE", 0.3)

    async def scene(agent: Agent, path: Path) -> None:
        peer = Peer(path)
        await peer.say(**hello())
        welcome = await peer.hear()
        assert welcome is not None
        lost = asyncio.create_task(agent.lost())
        peer.close()
        await asyncio.sleep(0.1)
        peer = Peer(path)
        await peer.say(**hello(welcome["key"]))
        await peer.hear()
        await asyncio.sleep(0.5)
        assert not lost.done()
        peer.close()
        await asyncio.wait_for(lost, 2)

    run(scene, tmp_path)
