"""One driver at a time: a Lease that the one at work renews. Every patch has its resourceVersion besides, so that two
who both believe to hold it do no harm.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from osmo_driver.cluster import ApiError, Cluster, Object

DURATION: Final = 20.0
RENEW: Final = 5.0


class Lost(Exception):
    """Somebody else holds it."""


class Lease:
    """`is_dead` says of a holder, a pod's name, whether it is certain that it works no more."""

    def __init__(self, cluster: Cluster, name: str, holder: str, is_dead: Callable[[str], bool]) -> None:
        self._cluster = cluster
        self._path = cluster.path("coordination.k8s.io/v1", "leases", name)
        self._holder = holder
        self._is_dead = is_dead
        self._object: Object = {}
        self._renewed = float("-inf")
        # Clocks differ: another's lease is over when it has been the same for its duration, by this clock.
        self._last_seen: tuple[object, ...] = ()
        self._same_since = 0.0

    def acquire(self) -> str:
        """Tries once. Empty if it is held now, else the holder that is waited for."""
        self._object = self._cluster.get(self._path)
        spec = self._object.get("spec") or {}
        other = spec.get("holderIdentity") or ""
        if other not in ("", self._holder):
            said = (other, spec.get("renewTime"), self._object["metadata"]["resourceVersion"])
            now = time.monotonic()
            if said != self._last_seen:
                self._last_seen, self._same_since = said, now
            if now - self._same_since < float(spec.get("leaseDurationSeconds") or DURATION) and not self._is_dead(
                other
            ):
                return other
        try:
            self._write(self._holder, transitions=int(spec.get("leaseTransitions") or 0) + (other != self._holder))
        except ApiError as error:
            if error.status != 409:
                raise
            return other or "another driver"
        return ""

    def renew(self) -> None:
        """If it is time. Raises: Lost; ApiError while there is still time to try again."""
        if time.monotonic() - self._renewed < RENEW:
            return
        try:
            self._write(self._holder)
        except ApiError as error:
            if error.status in (404, 409):
                raise Lost from None
            if time.monotonic() - self._renewed > DURATION:
                raise Lost from None
            raise

    def release(self) -> None:
        """So that the next one need not wait."""
        if (self._object.get("spec") or {}).get("holderIdentity") == self._holder:
            self._write("")

    def _write(self, holder: str, transitions: int | None = None) -> None:
        start = time.monotonic()
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict(self._object.get("spec") or {})
        spec |= {"holderIdentity": holder, "leaseDurationSeconds": int(DURATION), "renewTime": now}
        if transitions is not None:
            spec |= {"leaseTransitions": transitions, "acquireTime": now}
        self._object = self._cluster.put(self._path, {**self._object, "spec": spec})
        self._renewed = start
