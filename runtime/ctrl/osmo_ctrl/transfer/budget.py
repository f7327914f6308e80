"""How much memory transfers may hold at a time, whatever the size and number of files."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Budget:
    """Bytes that are lent in the order in which they are asked for."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def of(self, size: int) -> AsyncIterator[None]:
        await self.take(size)
        try:
            yield
        finally:
            self.give(size)

    def take_at_once(self, size: int) -> bool:
        """For those who hold something already: if they waited for more, and others too, nobody would go on."""
        needed = min(size, self._size)
        if self._waiting or needed > self._free:
            return False
        self._free -= needed
        return True

    async def take(self, size: int) -> None:
        """What is larger than all gets all."""
        if self.take_at_once(size):
            return
        needed = min(size, self._size)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((needed, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(needed)  # it was lent in the very moment
            self._lend()
            raise

    def give(self, size: int) -> None:
        self._free += min(size, self._size)
        self._lend()

    def _lend(self) -> None:
        while self._waiting:
            needed, turn = self._waiting[0]
            if not turn.cancelled():
                if needed > self._free:
                    return
                self._free -= needed
                turn.set_result(None)
            self._waiting.popleft()
