"""Frames at a connection that takes a little at a time."""

import threading
import time
from typing import Any

from osmoc.cluster.channels import Channels


class Narrow:
    """A socket under pressure."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def send(self, data: Any) -> int:
        part = bytes(data[:1000])
        self.taken += part
        time.sleep(0)  # lets another thread come between
        return len(part)


class FakeWebSocket:
    def __init__(self) -> None:
        self.sock = Narrow()

    def settimeout(self, _: float) -> None:
        pass

    def getheaders(self) -> dict[str, str]:
        return {"Sec-WebSocket-Protocol": "v5.channel.k8s.io"}


class FakeClient:
    def __init__(self) -> None:
        self.made = FakeWebSocket()

    def websocket(self, *_: Any) -> FakeWebSocket:
        return self.made


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """Channel and content of masked binary frames."""
    found = []
    while data:
        assert data[0] == 0x82, data[:20]
        long = {126: 2, 127: 8}.get(data[1] & 127, 0)
        size = int.from_bytes(data[2 : 2 + long], "big") if long else data[1] & 127
        start = 2 + long + 4
        mask, body = data[start - 4 : start], data[start : start + size]
        plain = bytes(byte ^ mask[place % 4] for place, byte in enumerate(body))
        found.append((plain[0], plain[1:]))
        data = data[start + size :]
    return found


def test_frames_of_many_writers_stay_whole() -> None:
    client: Any = FakeClient()
    channels = Channels(client, "pod", "exec", [], ["v5.channel.k8s.io"])
    assert channels.protocol == "v5.channel.k8s.io"
    sent = [(channel, bytes([channel]) * size) for channel, size in ((0, 70_000), (4, 30), (5, 20_000), (6, 1))]
    writers = [threading.Thread(target=channels.send, args=one) for one in sent]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(frames(bytes(client.made.sock.taken))) == sent
