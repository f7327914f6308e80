"""Find the Secret behind every credential, bucket, registry and storage that a task uses.

Leaves: names of Secrets, never what is in them. In an open world a credential is the Secret of its own name, and all
data is reached with the credential of the storage.
"""

from collections.abc import Mapping

from osmoc import codes, document, images, urls
from osmoc.decisions import Cluster, Resolved, Secrets
from osmoc.diagnostics import Diagnostics, advice, did_you_mean, listed
from osmoc.graph import DatasetRead, DatasetUpdate, DatasetWrite, Graph, Task, UrlRead, UrlWrite
from osmoc.names import kubernetes_name
from osmoc.plan import Requirement, SecretDirectory, SecretVariable
from osmoc.profile import Bucket, Profile, Storage
from osmoc.yamltree import Path, Tree


def resolve_secrets(graph: Graph, cluster: Cluster, tree: Tree, found: Diagnostics) -> Resolved:
    storage = _storage(graph, cluster)
    resolver = _Resolver(cluster, storage, _keys_used(graph), tree, found)
    if storage and storage.claim:
        resolver.require("PersistentVolumeClaim", storage.claim, "storage")
    elif storage:
        keys = "access_key_id, access_key" if storage.url else "url, endpoint, region, access_key_id, access_key"
        resolver.require("Secret", storage.secret, f"storage of task data, with the keys {keys}")
    by_task = {task.name: resolver.secrets(task) for _, task in graph.tasks()}
    return Resolved(by_task, storage, resolver.requirements)


def _storage(graph: Graph, cluster: Cluster) -> Storage | None:
    """The profile's, else the default if data is moved. No machine but those of the cluster has its volumes."""
    storage, local = cluster.profile.storage, cluster.local
    if storage and not (local and storage.claim):
        return storage
    if not any(_moves_data(task) for _, task in graph.tasks()):
        return None
    return Storage(url=local.storage, secret="") if local else Storage.default()


def _moves_data(task: Task) -> bool:
    return bool(task.reads or task.writes or task.checkpoints or task.kpis)


def _keys_used(graph: Graph) -> Mapping[str, tuple[str, ...]]:
    """The keys of each credential that any task takes into its environment, in the order of the file."""
    used: dict[str, dict[str, None]] = {}
    for _, task in graph.tasks():
        for item in task.variables:
            used.setdefault(item.credential, {})[item.key] = None
    return {credential: tuple(keys) for credential, keys in used.items()}


class _Resolver:
    def __init__(
        self,
        cluster: Cluster,
        storage: Storage | None,
        keys_used: Mapping[str, tuple[str, ...]],
        tree: Tree,
        found: Diagnostics,
    ) -> None:
        self._cluster = cluster
        self._profile: Profile = cluster.profile
        self._storage = storage
        self._storage_secret = storage.secret if storage and not storage.claim else ""
        self._keys_used = keys_used
        self._tree = tree
        self._found = found
        self._required: dict[tuple[str, str], Requirement] = {}

    def require(self, kind: str, name: str, reason: str, where: Path = ()) -> None:
        self._required.setdefault((kind, name), Requirement(kind=kind, name=name, reason=reason, where=where))

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        return tuple(self._required.values())

    def secrets(self, task: Task) -> Secrets:
        access = {url.url: url for url in self._access(task)}
        buckets = {bucket.name: bucket for bucket in self._buckets(task)}
        data = [
            self._storage_secret,
            *(item.secret for item in access.values()),
            *(item.secret for item in buckets.values()),
        ]
        return Secrets(
            pull=self._pull_secret(task),
            variables=tuple(
                SecretVariable(item.name, self._credential(item.credential, item.key, task), item.key)
                for item in task.variables
            ),
            directories=tuple(
                SecretDirectory(item.directory, self._credential(item.credential, "", task))
                for item in task.directories
            ),
            access=tuple(access.values()),
            buckets=tuple(buckets.values()),
            data=tuple(dict.fromkeys(filter(None, data))),
        )

    def _pull_secret(self, task: Task) -> str:
        secret = self._profile.registries.get(images.registry_of(task.image), "")
        if secret:
            self.require("Secret", secret, f"pulling from {images.registry_of(task.image)}")
        return secret

    def _credential(self, name: str, key: str, task: Task) -> str:
        where: Path = (*task.where, "credentials", name)
        known = self._profile.credentials
        if self._cluster.is_open:
            secret = kubernetes_name(name).replace(".", "-")
            self._require_credential(name, secret, where)
            return secret
        if name not in known:
            help = advice(
                did_you_mean(name, known),
                f"add `credentials: {{{name}: {{secret: <Secret>}}}}` to the profile",
                f"credentials: {listed(known)}" if known else "",
            )
            message = f"the profile has no credential `{name}`"
            self._found.report(codes.UNKNOWN_CREDENTIAL, self._tree.key(where), message, help=help)
            return name
        credential = known[name]
        if key and credential.keys and key not in credential.keys:
            at = next(item.name for item in task.variables if item.credential == name and item.key == key)
            help = advice(did_you_mean(key, credential.keys), f"keys: {listed(credential.keys)}")
            message = f"the credential `{name}` has no key `{key}`"
            self._found.report(codes.UNKNOWN_CREDENTIAL, self._tree.span((*where, at)), message, help=help)
        self._require_credential(name, credential.secret, where)
        return credential.secret

    def _require_credential(self, name: str, secret: str, where: Path) -> None:
        keys = self._keys_used.get(name, ())
        with_keys = f", with the key{'s' if len(keys) > 1 else ''} {', '.join(keys)}" if keys else ""
        self.require("Secret", secret, f"credential `{name}`{with_keys}", where)

    def _access(self, task: Task) -> list[document.Access]:
        found = []
        for url, where in _urls(task):
            profile = urls.profile_of(url)
            entry = self._profile.data_access.get(profile)
            if entry:
                found.append(
                    document.Access(url=profile, secret=entry.secret, endpoint=entry.endpoint, region=entry.region)
                )
                self.require("Secret", entry.secret, f"data in {profile}")
            elif self._cluster.is_open or self._is_in_storage(profile):
                assert self._storage is not None
                storage = self._storage
                secret = storage.secret or Storage.default().secret  # a folder needs none, the bucket does
                found.append(
                    document.Access(url=profile, secret=secret, endpoint=storage.endpoint, region=storage.region)
                )
                self.require("Secret", secret, f"data in {profile}", where)
            else:
                help = f"add `data_access: {{{profile}: {{secret: <Secret>}}}}` to the profile"
                message = f"the profile has no credential for `{profile}`"
                self._found.report(codes.NO_DATA_CREDENTIAL, self._tree.span(where), message, help=help)
        return found

    def _is_in_storage(self, profile: str) -> bool:
        return bool(self._storage and self._storage.url and urls.profile_of(self._storage.url) == profile)

    def _buckets(self, task: Task) -> list[document.Bucket]:
        found = []
        uses = [("inputs", n, item) for n, item in enumerate(task.reads)]
        for side, n, item in [*uses, *(("outputs", n, item) for n, item in enumerate(task.writes))]:
            if not isinstance(item, DatasetRead | DatasetWrite | DatasetUpdate):
                continue
            key = "update_dataset" if isinstance(item, DatasetUpdate) else "dataset"
            where: Path = (*task.where, side, n, key, "name")
            name = item.dataset.bucket or self._profile.datasets.default_bucket
            bucket = self._bucket(name, where)
            if bucket is None:
                continue
            if side == "outputs" and bucket.mode == "read-only":
                message = f"the bucket `{name}` is read-only"
                self._found.report(codes.READ_ONLY_BUCKET, self._tree.span(where), message)
            if bucket.secret:
                self.require("Secret", bucket.secret, f"datasets of the bucket `{name}`", where)
            found.append(
                document.Bucket(
                    name=name,
                    url=bucket.url,
                    secret=bucket.secret or self._storage_secret,
                    endpoint=bucket.endpoint,
                    region=bucket.region,
                    single_writer=bucket.single_writer,
                )
            )
        return found

    def _bucket(self, name: str, where: Path) -> Bucket | None:
        known = self._profile.datasets.buckets
        if name in known:
            return known[name]
        if not name:
            return Bucket(url="")  # `<storage>/datasets`
        if self._cluster.is_open:
            self.require("dataset bucket", name, f"`<storage>/buckets/{name}`, unless a profile says otherwise", where)
            return Bucket(url="")
        buckets = f"buckets: {listed(known)}" if known else ""
        help = advice(did_you_mean(name, known), "add it to `datasets.buckets` of the profile", buckets)
        self._found.report(
            codes.UNKNOWN_BUCKET, self._tree.span(where), f"the profile has no bucket `{name}`", help=help
        )
        return None


def _urls(task: Task) -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for n, read in enumerate(task.reads):
        if isinstance(read, UrlRead):
            found.append((read.url, (*task.where, "inputs", n, "url")))
    for n, write in enumerate(task.writes):
        if isinstance(write, UrlWrite):
            found.append((write.url, (*task.where, "outputs", n, "url")))
    for n, checkpoint in enumerate(task.checkpoints):
        found.append((checkpoint.url, (*task.where, "checkpoint", n, "url")))
    return found
