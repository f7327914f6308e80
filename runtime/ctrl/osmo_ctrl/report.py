"""What osmo-ctrl says on its standard output: one line a step, and no secret in it."""

import sys
import time
from collections.abc import Iterable

_MASK = "[MASKED]"


class Reporter:
    """`secrets` are values that must not be seen, however short; the longest are replaced first."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted(
            {line for text in secrets for line in (text, *text.splitlines()) if line.strip()}, key=len, reverse=True
        )

    def say(self, text: str) -> None:
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        sys.stdout.write(f"{stamp} {self.masked(text)}\n")
        sys.stdout.flush()

    def masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return text
