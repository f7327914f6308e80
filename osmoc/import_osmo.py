"""Make a profile of what OSMO's administrators have.

The texts are what `osmo config show` prints, values of a Helm chart, or the ConfigMap that it makes; as JSON or
YAML, together or one by one. What has no counterpart here, and what is left to do, comes back as remarks.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from osmoc.administration.datasets import convert_datasets
from osmoc.administration.fields import Fields, essential
from osmoc.administration.pools import Known, convert_pool
from osmoc.administration.recognise import Config, ConfigKind, recognise
from osmoc.administration.remarks import Kind, Remark, Remarks, UnknownConfig
from osmoc.administration.templates import convert_template, convert_validation
from osmoc.administration.workflow import convert_workflow
from osmoc.profile import Profile

__all__ = ["Imported", "Remark", "UnknownConfig", "import_osmo"]

_LEFT_OUT: Final = {
    ConfigKind.GROUP_TEMPLATE: "no objects are made for a group: apply once what it holds, or let a policy engine do it",
    ConfigKind.BACKEND: "a backend is a cluster, and a profile is for one. To schedule as it does, give a pod template "
    "`schedulerName` and the label of the queue",
    ConfigKind.BACKEND_TEST: "a test of OSMO's",
    ConfigKind.ROLE: "who may do what is for Kubernetes to say",
    ConfigKind.SERVICE: "there is no service",
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
    return Imported(profile, remarks.all())


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
    profile: dict[str, Any] = {
        "pools": pools,
        "default_pool": _default_pool(pools),
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
        for config in configs.values(kind):
            remarks.make(Kind.LEFT_OUT, config.where, f"{kind.value} {reason}")
    return profile
