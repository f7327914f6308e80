"""Make a profile of what OSMO's administrators have.

The texts are what `osmo config show` prints, values of a Helm chart, or the ConfigMap that it makes; as JSON or
YAML, together or one by one. What has no counterpart here, and what is left to do, comes back as remarks.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any, Final, NamedTuple

from osmoc.administration.datasets import convert_datasets
from osmoc.administration.fields import Fields, essential
from osmoc.administration.pools import Known, convert_pool
from osmoc.administration.recognise import Config, ConfigKind, recognise
from osmoc.administration.remarks import Kind, Remark, Remarks, UnknownConfig, Where, refusal
from osmoc.administration.templates import convert_template, convert_validation, looks_at_nodes
from osmoc.administration.workflow import convert_workflow
from osmoc.diagnostics import Diagnostics, Severity, listed
from osmoc.emit.write import document
from osmoc.names import is_credential
from osmoc.passes.read_profile import read_profile
from osmoc.profile import Profile
from osmoc.source import Source

__all__ = ["Imported", "Remark", "UnknownConfig", "import_osmo"]

_LEFT_OUT: Final = {
    ConfigKind.GROUP_TEMPLATE: "no objects are made for a group: apply once what it holds",
    ConfigKind.BACKEND: "a profile is for one cluster, whose default scheduler gets the pods: for another one, write "
    "`schedulerName` and the label of its queue into a pod template",
    ConfigKind.BACKEND_TEST: "tests of OSMO's own",
    ConfigKind.ROLE: "Kubernetes says who may do what",
    ConfigKind.SERVICE: "there is no service of OSMO's here",
}
# They come with OSMO's backend, for the scheduler KAI.
_PRIORITIES: Final = {"HIGH": "osmo-high", "NORMAL": "osmo-normal", "LOW": "osmo-low"}


class Imported(NamedTuple):
    """`profile` is plain data: what differs from the defaults, in the order of the model."""

    profile: dict[str, Any]
    remarks: tuple[Remark, ...]


def import_osmo(files: Mapping[str, str]) -> Imported:
    """The profile that texts by file name make up. No credential is copied into it, nor into a remark.

    Raises:
        UnknownConfig: a text that is no config of OSMO's, or configs that contradict each other.
    """
    remarks = Remarks()
    configs = _Configs()
    for file, text in files.items():
        for config in recognise(file, text, remarks):
            configs.add(config)
    profile = essential(Profile, _profile(configs, remarks))
    _check(profile, files)
    order = list(files)
    return Imported(profile, tuple(sorted(remarks.all(), key=lambda remark: order.index(remark.where.file))))


class _Configs:
    """All configs by kind and name, in the order of the files."""

    def __init__(self) -> None:
        self._by_kind: dict[ConfigKind, dict[str, Config]] = {kind: {} for kind in ConfigKind}

    def add(self, config: Config) -> None:
        known = self._by_kind[config.kind]
        earlier = known.setdefault(config.name, config)
        if earlier.value != config.value:
            what = f"{config.kind.value} `{config.name}`" if config.name else config.kind.value
            raise UnknownConfig(config.where.file, f"{what} stands in {earlier.where.file} too, and differs")

    def of(self, kind: ConfigKind, remarks: Remarks) -> dict[str, Fields]:
        return {name: Fields(item.value or {}, item.where, remarks) for name, item in self._by_kind[kind].items()}

    def values(self, kind: ConfigKind) -> Iterable[Config]:
        return self._by_kind[kind].values()


def _profile(configs: _Configs, remarks: Remarks) -> dict[str, Any]:
    defaults = _default_variables(configs)
    templates = configs.of(ConfigKind.POD_TEMPLATE, remarks)
    rules = {
        config.name: [
            convert_validation(Fields(rule, config.where.below(n), remarks), defaults)
            for n, rule in enumerate(_rules(config))
        ]
        for config in configs.values(ConfigKind.RESOURCE_VALIDATION)
    }
    known = Known(pod_templates=templates.keys(), resource_validations=rules.keys())
    pools = {name: convert_pool(fields, known) for name, fields in configs.of(ConfigKind.POOL, remarks).items()}
    _check_backends(pools, configs, remarks)
    profile: dict[str, Any] = {
        "default_pool": _default_pool(pools, configs, remarks),
        "pools": pools,
        "pod_templates": {name: convert_template(name, fields, defaults) for name, fields in templates.items()},
        "resource_validations": rules,
    }
    for fields in configs.of(ConfigKind.DATASET, remarks).values():
        profile["datasets"] = convert_datasets(fields)
    for fields in configs.of(ConfigKind.WORKFLOW, remarks).values():
        profile |= convert_workflow(fields)
    if pools or list(configs.values(ConfigKind.BACKEND)):
        profile["priorities"] = _PRIORITIES
    for kind, reason in _LEFT_OUT.items():
        _remark(Kind.LEFT_OUT, configs.values(kind), reason, remarks)
    looking = [config for config in configs.values(ConfigKind.RESOURCE_VALIDATION) if looks_at_nodes(_rules(config))]
    _remark(Kind.TO_DO, looking, "skipped until `nodes` of the platforms says what nodes have", remarks)
    return profile


def _remark(kind: Kind, configs: Iterable[Config], reason: str, remarks: Remarks) -> None:
    """One remark for all of them in a file."""
    by_file: dict[str, list[Config]] = {}
    for config in configs:
        by_file.setdefault(config.where.file, []).append(config)
    for file, those in by_file.items():
        names = listed(config.name for config in those if config.name)
        message = f"{those[0].kind.value} {names}: {reason}" if names else f"{those[0].kind.value}: {reason}"
        remarks.make(kind, Where(file), message)


def _rules(config: Config) -> list[Any]:
    """A validation is a list of rules; the database has it under a key."""
    rules = config.value.get("resource_validations") if isinstance(config.value, dict) else config.value
    if not isinstance(rules, list | None):
        raise refusal(config.where, "a list of rules is expected")
    return rules or []


def _default_variables(configs: _Configs) -> frozenset[str]:
    """Names that any pool or platform gives a value."""
    names: set[str] = set()
    for config in configs.values(ConfigKind.POOL):
        pool = config.value if isinstance(config.value, dict) else {}
        platforms = pool.get("platforms")
        holders = [pool, *(platforms.values() if isinstance(platforms, dict) else ())]
        for holder, key in product(holders, ("common_default_variables", "default_variables")):
            variables = holder.get(key) if isinstance(holder, dict) else None
            names |= {name for name in variables if not is_credential(name)} if isinstance(variables, dict) else set()
    return frozenset(names)


def _default_pool(pools: Mapping[str, Any], configs: _Configs, remarks: Remarks) -> str:
    """OSMO's users choose theirs."""
    if len(pools) == 1 or "default" in pools:
        return "default" if "default" in pools else next(iter(pools))
    if pools:
        where = next(iter(configs.values(ConfigKind.POOL))).where
        message = f"choose a `default_pool`, or give `--pool` each time; pools: {listed(pools)}"
        remarks.make(Kind.TO_DO, Where(where.file), message)
    return ""


def _check_backends(pools: Mapping[str, Any], configs: _Configs, remarks: Remarks) -> None:
    backends = dict.fromkeys(pool["backend"] for pool in pools.values() if pool.get("backend"))
    if len(backends) > 1:
        where = next(iter(configs.values(ConfigKind.POOL))).where
        message = (
            f"the pools are on several clusters, {listed(backends)}: keep those of one, and make a profile for each"
        )
        remarks.make(Kind.TO_DO, Where(where.file), message)


def _check(profile: Mapping[str, Any], files: Iterable[str]) -> None:
    """What comes of it must be a profile. If it is none, a name or a URL is one that OSMO allows and Kubernetes not."""
    found = Diagnostics(Source("profile", document(profile)))
    if read_profile(found) is None:
        fault = next(one for one in found if one.severity is Severity.ERROR)
        raise UnknownConfig(", ".join(files), f"no profile comes of it: {fault.message}")
