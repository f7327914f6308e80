"""What is decided on the way from graph to plan, one type for each pass that decides."""

from collections.abc import Mapping
from dataclasses import dataclass

from osmoc import document
from osmoc.graph import Graph
from osmoc.plan import Placement, Requirement, SecretDirectory, SecretVariable, Target
from osmoc.profile import Pool, Profile, Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """A run on this machine. `storage` is a URL, used where the profile names none.

    `root` is empty if tasks find `/osmo` there; else `<root>/<task>/osmo` stands for it. Tasks of a group are known by
    their names where they have a network (`has_networks`), else all are at the loopback.
    """

    storage: str
    root: str = ""
    has_networks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The profile and what was chosen of it. `is_open`: no profile, names are taken on trust."""

    profile: Profile
    is_open: bool
    target: Target
    pool_name: str
    pool: Pool
    priority: str
    priority_class: str
    exec_timeout: float | None
    queue_timeout: float | None
    requirements: tuple[Requirement, ...]
    local: Local | None = None

    @property
    def lacks_pool(self) -> bool:
        """The profile has pools, or one was asked for, and none of its pools was chosen: an error, reported."""
        return not self.is_open and bool(self.pool_name or self.profile.pools) and not self._has_pool

    @property
    def _has_pool(self) -> bool:
        return self.pool_name in self.profile.pools


@dataclass(frozen=True, slots=True)
class Places:
    """Where every task goes, by its name."""

    by_task: Mapping[str, Placement]
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What one task needs of Secrets. `data` are those that only osmo-ctrl gets."""

    pull: str
    variables: tuple[SecretVariable, ...]
    directories: tuple[SecretDirectory, ...]
    access: tuple[document.Access, ...]
    buckets: tuple[document.Bucket, ...]
    data: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """`storage` is None where no task moves data and the profile has none."""

    by_task: Mapping[str, Secrets]
    storage: Storage | None
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """All that is decided about a graph before it gets an id; `digests` are the content digests of its tasks."""

    graph: Graph
    cluster: Cluster
    places: Places
    resolved: Resolved
    labels: Mapping[str, str]
    digests: Mapping[str, str]
