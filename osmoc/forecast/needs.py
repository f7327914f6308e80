"""What a pod takes of a cluster, as the scheduler and quotas count it.

Names are those of a ResourceQuota (`requests.cpu`, `limits.memory`, `pods`), amounts are thousandths.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from osmoc.forecast.quantity import thousandths

Amounts = Mapping[str, int]

PODS: Final = "pods"
CPU: Final = "requests.cpu"
MEMORY: Final = "requests.memory"

# A quota on one of these refuses a pod with a container that does not say it.
_DEMANDED: Final = tuple(f"{kind}.{name}" for kind in ("requests", "limits") for name in ("cpu", "memory"))


@dataclass(frozen=True, slots=True)
class Needs:
    """`unsaid` are the amounts that some container of the pod leaves open."""

    amounts: Amounts
    unsaid: frozenset[str]


def pod_needs(spec: Mapping[str, Any]) -> Needs:
    """Containers and sidecars run together; an init container runs beside the sidecars that stand before it."""
    running: Counter[str] = Counter()
    highest: Counter[str] = Counter()
    unsaid: set[str] = set()
    for container in spec.get("initContainers", ()):
        own = _amounts(container)
        unsaid |= set(_DEMANDED) - own.keys()
        if container.get("restartPolicy") == "Always":
            running += own
            highest |= running
        else:
            highest |= running + own
    for container in spec.get("containers", ()):
        own = _amounts(container)
        unsaid |= set(_DEMANDED) - own.keys()
        running += own
    return Needs({**(highest | running), PODS: 1000}, frozenset(unsaid))


def is_gpu(name: str) -> bool:
    """Of whichever maker: `requests.nvidia.com/gpu`."""
    return name.startswith("requests.") and name.endswith("/gpu")


def gpus(amounts: Amounts) -> int:
    return sum(amount for name, amount in amounts.items() if is_gpu(name))


def _amounts(container: Mapping[str, Any]) -> Counter[str]:
    """A limit without a request is a request too."""
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    given = {f"limits.{name}": amount for name, amount in limits.items()}
    given |= {f"requests.{name}": amount for name, amount in {**limits, **requests}.items()}
    return Counter({name: _thousandths(amount) for name, amount in given.items()})


def _thousandths(amount: Any) -> int:
    """Pod templates of a profile may hold what is no quantity; the cluster will say so, and here it is nothing."""
    try:
        return thousandths(str(amount))
    except ValueError:
        return 0
