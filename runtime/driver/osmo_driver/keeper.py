"""The state in its ConfigMap: read when the Lease is taken, written as it changes, with its resourceVersion."""

from collections.abc import Callable

from osmo_driver.cluster import ApiError, Cluster
from osmo_driver.plan import Plan
from osmo_driver.records import State, from_config_map, to_config_map


class Keeper:
    def __init__(self, cluster: Cluster, name: str, say: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._path = cluster.path("v1", "configmaps", name)
        self._say = say
        self._version = ""
        self._is_kept = True
        self.size = 0

    def read(self, run: str, plan: Plan, own: State | None) -> State | None:
        """What a driver of this run has recorded, or `own` if the state is not kept. Raises: ApiError."""
        if not self._is_kept:
            return own
        try:
            found = self._cluster.get(self._path)
        except ApiError as error:
            if error.status not in (403, 404):
                raise
            self._cannot_keep(error)
            return own
        self._version = found["metadata"]["resourceVersion"]
        try:
            state = from_config_map(found)
        except ValueError as error:
            self._say(f"the recorded state cannot be read, and is made anew: {type(error).__name__}")
            return None
        if state is None:
            return None
        is_ours = state.run == run and {name: set(group.tasks) for name, group in state.groups.items()} == {
            group.name: set(group.tasks) for group in plan.groups
        }
        if not is_ours:
            self._say(f"the recorded state is of run {state.run}; it is made anew")
        return state if is_ours else None

    def write(self, state: State) -> None:
        """Raises: ApiError 409 if somebody else has written it, and what may be over at the next try."""
        if not self._is_kept:
            return
        content, size = to_config_map(state)
        try:
            written = self._cluster.patch(self._path, {"metadata": {"resourceVersion": self._version}, **content})
        except ApiError as error:
            if error.status != 404 and not error.is_refusal:
                raise
            self._cannot_keep(error)
            return
        self._version = written["metadata"]["resourceVersion"]
        self.size = size

    def _cannot_keep(self, error: ApiError) -> None:
        """The run goes on: what is lost is what `osmoc status` shows, and that ends stay ends if the driver dies."""
        self._is_kept = False
        self._say(f"the state is not kept: {error}")
