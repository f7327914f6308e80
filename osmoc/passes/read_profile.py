"""Read a profile: its shape, that it names only what it has, and that Kubernetes can have what it names."""

import re
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from osmoc import codes, images, pod_templates, template_variables, urls
from osmoc.diagnostics import Diagnostics, advice, did_you_mean, listed
from osmoc.graph import Action
from osmoc.names import LABEL_KEY, LABEL_VALUE, is_owned_label
from osmoc.profile import Bucket, Platform, Pool, Profile
from osmoc.redaction import has_secret
from osmoc.versions import OLDEST_ARGO, OLDEST_KUBERNETES, Version, parse_version, shown
from osmoc.yamltree import Path, Scalar, Tree, parse

_EXPECTED: Final = {
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "mapping_type": "a mapping",
}
_EXPOSED: Final = (
    "a URL with a password or a signature, which would stand in manifests",
    "put it into the Secret that `secret` names",
)
_OBJECT: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def read_profile(found: Diagnostics) -> Profile | None:
    """The profile that `found.source` holds; None if it has errors."""
    tree = parse(found.source.text, found)
    if tree is None or tree.plain is None:
        return None if found.failed else Profile.default()
    if not isinstance(tree.plain, dict):
        found.report(codes.PROFILE_SHAPE, tree.key(()), "a profile is a mapping")
        return None
    try:
        profile = Profile.model_validate(tree.plain, context=found)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            _report(problem, tree, found)
        return None
    _Checker(profile, tree, found).check()
    return None if found.failed else profile


def _report(problem: Any, tree: Tree, found: Diagnostics) -> None:
    path: Path = tuple(step for step in problem["loc"] if step != "[key]")
    name = next((step for step in reversed(path) if isinstance(step, str)), "profile")
    kind, value = problem["type"], problem["input"]
    where, help = tree.span(path), ""
    if kind == "extra_forbidden":
        message, where = f"`{name}` is not a key of a profile here", tree.key(path)
        help = advice(did_you_mean(name, _model(path[:-1]).model_fields), "`osmoc schema profile` lists the keys")
    elif kind == "missing":
        message, where = f"`{name}` is missing", tree.key(path[:-1])
    elif kind in codes.TABLE:
        message, help = f"`{name}`: {problem['ctx']['message']}", problem["ctx"]["help"]
    elif kind in _EXPECTED and value is None:
        empty = "[]" if _EXPECTED[kind] == "a list" else "{}"
        message, where, help = f"`{name}` has no value", tree.key(path), f"leave the key out or write {empty}"
    elif kind in _EXPECTED:
        message = f"`{name}` must be {_EXPECTED[kind]}"
    else:
        shown = value.text if isinstance(value, Scalar) else "nothing" if value is None else str(value)[:40]
        expected = problem["ctx"].get("expected") if "ctx" in problem else None
        wanted = str(expected).replace("'", "`") if expected else problem["msg"].lower()
        message = f"`{name}` cannot be `{shown}`: {wanted}"
    found.report(codes.PROFILE_SHAPE, where, message, help=help)


def _model(path: Path) -> type[BaseModel]:
    """The model whose key a path that ends here would be."""
    kind: Any = Profile
    for step in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[str(step)].annotation
        else:
            kind = get_args(kind)[0 if isinstance(step, int) else -1]  # of a list, or of a mapping of names
        while NoneType in get_args(kind):
            kind = get_args(kind)[0]
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else Profile


class _Checker:
    def __init__(self, profile: Profile, tree: Tree, found: Diagnostics) -> None:
        self._profile = profile
        self._tree = tree
        self._found = found

    def check(self) -> None:
        profile = self._profile
        self._check_versions()
        self._check_storage()
        self._check_objects()
        self._known(profile.default_pool, profile.pools, ("default_pool",), "pool")
        for name, pool in profile.pools.items():
            self._check_pool(pool, ("pools", name))
        for name, template in profile.pod_templates.items():
            for path, fault in pod_templates.faults_of(template):
                self._refuse_key(("pod_templates", name, *path), fault)
        for name in profile.priorities:
            if name not in ("HIGH", "NORMAL", "LOW"):
                self._refuse_key(("priorities", name), f"`{name}` is not a priority: HIGH, NORMAL, LOW")
        if not LABEL_KEY.fullmatch(f"{profile.label_prefix}x") or is_owned_label(profile.label_prefix):
            self._refuse(("label_prefix",), f"`{profile.label_prefix[:80]}` cannot begin the key of a label")
        for key, policy in profile.labels.items():
            if len(policy.assert_message) > 256 or "\n" in policy.assert_message:
                self._refuse(("labels", key, "assert_message"), "a message of more than a line, or of 256 characters")
            if not LABEL_KEY.fullmatch(key):
                self._refuse_key(("labels", key), f"`{key}` cannot be a label")
            for n, value in enumerate(policy.allow_list):
                if not LABEL_VALUE.fullmatch(value):
                    self._refuse(("labels", key, "allow_list", n), f"`{value}` cannot be the value of a label")

    def _refuse(self, path: Path, message: str, help: str = "") -> None:
        self._found.report(codes.PROFILE_SHAPE, self._tree.span(path), message, help=help)

    def _refuse_key(self, path: Path, message: str, help: str = "") -> None:
        self._found.report(codes.PROFILE_SHAPE, self._tree.key(path), message, help=help)

    def _check_versions(self) -> None:
        profile = self._profile
        self._check_version("kubernetes", profile.kubernetes, OLDEST_KUBERNETES)
        # A cluster without Argo has no version of it to be right about.
        self._check_version("argo", profile.argo, OLDEST_ARGO if profile.target == "argo" else (0, 0))

    def _check_version(self, key: str, text: str, oldest: Version) -> None:
        version = parse_version(text)
        if version is None:
            self._refuse((key,), f"`{text[:80]}` is not a version", "such as `1.33` or `v1.33.2`")
        elif version < oldest:
            message = f"{text} is older than {shown(oldest)}, the first with the native sidecars that tasks need"
            self._refuse((key,), message)

    def _check_storage(self) -> None:
        profile = self._profile
        if storage := profile.storage:
            if storage.url and storage.claim:
                self._refuse_key(("storage", "claim"), "`url` and `claim` exclude each other")
            if not (storage.url or storage.claim or storage.secret):
                help = "give it a `url`, a `claim`, or a `secret` with the key `url`"
                self._refuse_key(("storage",), "a storage that is nowhere", help)
            self._check_url(storage.url, ("storage", "url"))
            self._check_endpoint(storage.endpoint, ("storage", "endpoint"))
        for name, bucket in profile.datasets.buckets.items():
            self._check_bucket(name, bucket)
        default = profile.datasets.default_bucket
        self._known(default, profile.datasets.buckets, ("datasets", "default_bucket"), "bucket")
        for url, access in profile.data_access.items():
            self._check_endpoint(access.endpoint, ("data_access", url, "endpoint"))
            if has_secret(url):
                self._refuse_key(("data_access", url), *_EXPOSED)
            elif fault := urls.fault_of(url):
                # A credential may be for a whole account, which is no place to put data.
                if urls.fault_of(f"{url.rstrip('/')}/data"):
                    self._refuse_key(("data_access", url), fault[0], fault[1])
            elif urls.profile_of(url) != url:
                help = f"write `{urls.profile_of(url)}`"
                self._refuse_key(("data_access", url), f"a credential is for all of a bucket, not for `{url}`", help)

    def _check_bucket(self, name: str, bucket: Bucket) -> None:
        path: Path = ("datasets", "buckets", name)
        self._check_url(bucket.url, (*path, "url"))
        self._check_endpoint(bucket.endpoint, (*path, "endpoint"))
        if self._profile.storage and self._profile.storage.claim and bucket.url and not bucket.secret:
            self._refuse_key(path, f"the bucket `{name}` needs a `secret`: a storage that is a claim has none")

    def _check_url(self, url: str, path: Path) -> None:
        if has_secret(url):
            self._refuse(path, *_EXPOSED)
        elif url and (fault := urls.fault_of(url)):
            self._refuse(path, fault[0], fault[1])

    def _check_endpoint(self, url: str, path: Path) -> None:
        if has_secret(url):
            self._refuse(path, *_EXPOSED)
        elif fault := urls.endpoint_fault(url):
            self._refuse(path, fault)

    def _check_objects(self) -> None:
        """Names of objects. They stand in manifests, where Argo would substitute what stands in braces."""
        profile = self._profile
        named: dict[Path, str] = {("namespace",): profile.namespace, ("cluster_domain",): profile.cluster_domain}
        if profile.storage:
            named |= {("storage", "secret"): profile.storage.secret, ("storage", "claim"): profile.storage.claim}
        buckets, access = profile.datasets.buckets, profile.data_access
        named |= {("datasets", "buckets", name, "secret"): item.secret for name, item in buckets.items()}
        named |= {("data_access", url, "secret"): item.secret for url, item in access.items()}
        named |= {("credentials", name, "secret"): item.secret for name, item in profile.credentials.items()}
        named |= {("registries", host): secret for host, secret in profile.registries.items()}
        named |= {("priorities", name): priority for name, priority in profile.priorities.items()}
        for path, name in named.items():
            shape = _NAMESPACE if path == ("namespace",) else _OBJECT
            if name and not (len(name) <= 253 and shape.fullmatch(name)):
                self._refuse(path, f"`{name[:80]}` cannot be the name of an object", "lower case, digits, `-` and `.`")
        for host in profile.registries:
            if images.registry_of(f"{host}/image") != host:
                self._refuse_key(("registries", host), f"`{host}` is not the host of a registry", "such as `nvcr.io`")
        own = profile.images
        for key, image in (("init", own.init), ("ctrl", own.ctrl), ("prefix", f"{own.prefix}osmo-init")):
            if image and (fault_of := images.fault_of(image)):
                self._refuse(("images", key), f"`{getattr(own, key)}` cannot be part of an image's name: {fault_of}")

    def _check_pool(self, pool: Pool, path: Path) -> None:
        if not LABEL_VALUE.fullmatch(str(path[-1])):
            self._refuse_key(path, f"`{path[-1]}` cannot be a label, which a pool's name becomes")
        self._known(pool.default_platform, pool.platforms, (*path, "default_platform"), "platform")
        for action in pool.default_exit_actions:
            if action.upper() not in Action.__members__:
                help = advice(did_you_mean(action, Action.__members__), f"actions: {listed(Action.__members__)}")
                self._refuse_key((*path, "default_exit_actions", action), f"`{action}` is not an exit action", help)
        for n, topology in enumerate(pool.topology_keys):
            where: Path = (*path, "topology_keys", n)
            if not LABEL_KEY.fullmatch(topology.label):
                self._refuse((*where, "label"), f"`{topology.label}` cannot be a node label")
            if topology.key in [other.key for other in pool.topology_keys[:n]]:
                self._refuse((*where, "key"), f"the topology key `{topology.key}` stands twice")
        self._check_variables(pool.common_default_variables, (*path, "common_default_variables"))
        self._all_known(pool.common_pod_template, self._profile.pod_templates, (*path, "common_pod_template"))
        validations: Path = (*path, "common_resource_validations")
        self._all_known(pool.common_resource_validations, self._profile.resource_validations, validations)
        for name, platform in pool.platforms.items():
            self._check_platform(platform, (*path, "platforms", name))

    def _check_platform(self, platform: Platform, path: Path) -> None:
        if not LABEL_VALUE.fullmatch(str(path[-1])):
            self._refuse_key(path, f"`{path[-1]}` cannot be a label, which a platform's name becomes")
        for n, directory in enumerate(platform.allowed_mounts):
            if not directory.startswith("/"):
                self._refuse((*path, "allowed_mounts", n), f"`{directory}` is a relative path")
        for key, value in platform.node_selector.items():
            if not LABEL_KEY.fullmatch(key) or not (value == "" or LABEL_VALUE.fullmatch(value)):
                self._refuse_key((*path, "node_selector", key), f"`{key}: {value}` cannot be a node label")
        for n, toleration in enumerate(platform.tolerations):
            if any("{{" in text for text in (*toleration, *map(str, toleration.values()))):
                where: Path = (*path, "tolerations", n)
                self._refuse_key(where, "a toleration is no template", "templates belong into `pod_templates`")
        self._check_variables(platform.default_variables, (*path, "default_variables"))
        self._all_known(platform.override_pod_template, self._profile.pod_templates, (*path, "override_pod_template"))
        validations: Path = (*path, "resource_validations")
        self._all_known(platform.resource_validations, self._profile.resource_validations, validations)

    def _check_variables(self, variables: Mapping[str, Any], path: Path) -> None:
        for name, value in variables.items():
            if fault := template_variables.fault_of(name, value):
                self._refuse((*path, name), f"`{name}`: {fault}")

    def _known(self, name: str, known: Iterable[str], path: Path, what: str) -> None:
        """`name` may be empty."""
        if name and name not in known:
            self._miss(name, known, path, what)

    def _all_known(self, names: tuple[str, ...], known: Iterable[str], path: Path) -> None:
        what = "pod template" if "pod_template" in str(path[-1]) else "resource validation"
        for n, name in enumerate(names):
            if name not in known:
                self._miss(name, known, (*path, n), what)

    def _miss(self, name: str, known: Iterable[str], path: Path, what: str) -> None:
        help = did_you_mean(name, known) or (f"it has: {listed(known)}" if known else "")
        message = f"the profile has no {what} `{name}`"
        self._found.report(codes.PROFILE_REFERENCE, self._tree.span(path), message, help=help)
