"""Lines and descriptors over a socket."""

import asyncio
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runtime.loop import asynchronous

from osmo_ctrl.lines import LineSocket, LongLineError


def pair(longest: int = 1000) -> tuple[LineSocket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    return LineSocket(ours, longest), theirs


@given(st.lists(st.binary(max_size=50).filter(lambda line: b"\n" not in line), max_size=8), st.integers(1, 20))
def test_lines_come_as_they_were_sent_however_they_are_cut(lines: list[bytes], piece: int) -> None:
    @asynchronous
    async def scene() -> None:
        reader, peer = pair()
        sent = b"".join(line + b"\n" for line in lines)

        async def send() -> None:
            for start in range(0, len(sent), piece):
                peer.sendall(sent[start : start + piece])
                await asyncio.sleep(0)
            peer.close()

        sending = asyncio.create_task(send())
        received = []
        while (line := await reader.read()) is not None:
            received.append(line)
        await sending
        reader.close()
        assert received == lines

    scene()


@asynchronous
async def test_a_line_without_an_end_is_cut_off() -> None:
    reader, peer = pair(longest=100)
    peer.sendall(b"x" * 500)
    with pytest.raises(LongLineError):
        await reader.read()
    reader.close()
    peer.close()


@asynchronous
async def test_a_large_line_waits_for_its_reader() -> None:
    writer, peer = pair()
    peer.setblocking(False)
    line = os.urandom(3_000_000).replace(b"\n", b"-")
    sending = asyncio.create_task(writer.send(line))
    received = b""
    while not received.endswith(b"\n"):
        received += await asyncio.get_running_loop().sock_recv(peer, 1 << 20)
    await sending
    assert received == line + b"\n"
    writer.close()
    peer.close()


def test_descriptors_wait_in_their_order(tmp_path: Path) -> None:
    @asynchronous
    async def scene() -> None:
        reader, peer = pair()
        for name in ("a", "b"):
            (tmp_path / name).write_text(name)
            descriptor = os.open(tmp_path / name, os.O_RDONLY)
            socket.send_fds(peer, [name.encode() + b"\n"], [descriptor])
            os.close(descriptor)
        for name in (b"a", b"b"):
            assert await reader.read() == name
            descriptor = reader.descriptors.popleft()
            assert os.read(descriptor, 10) == name
            os.close(descriptor)
        peer.close()
        reader.close()

    scene()
