"""A network for each group, where commands run in containers: its tasks know each other by name, and nobody else.

Names stand in `/etc/hosts`, for not every engine answers questions about them; so addresses are chosen here.
"""

import ipaddress
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

_LABEL: Final = "osmoc"
# The first addresses of a network are its gateway's and the engine's own.
_FIRST: Final = 10
_PATIENCE: Final = 60.0
_SUBNETS: Final = {
    "podman": "{{range .Subnets}}{{.Subnet}} {{end}}",
    "docker": "{{range .IPAM.Config}}{{.Subnet}} {{end}}",
}


class NetworkError(Exception):
    """The engine makes no network: `str()` says why."""


@dataclass(frozen=True, slots=True)
class Network:
    """`addresses` are those of its tasks, by their names as hosts."""

    name: str
    addresses: Mapping[str, str]

    def words(self, host: str) -> list[str]:
        """For `podman run` and `docker run` of one task."""
        hosts = [word for name, ip in self.addresses.items() for word in ("--add-host", f"{name}:{ip}")]
        return ["--network", self.name, "--ip", self.addresses[host], *hosts]


def open_network(program: str, engine: str, name: str, hosts: Sequence[str]) -> Network:
    """Raises: NetworkError."""
    _call(program, "network", "create", "--label", _LABEL, name)
    try:
        subnets = _call(program, "network", "inspect", "--format", _SUBNETS[engine], name).split()
        addresses = _addresses(subnets, hosts)
    except NetworkError:
        close_network(program, name)
        raise
    return Network(name, addresses)


def _addresses(subnets: Sequence[str], hosts: Sequence[str]) -> dict[str, str]:
    """Raises: NetworkError, if there is no subnet of IPv4 that is large enough."""
    for text in subnets:
        subnet = ipaddress.ip_network(text)
        if subnet.version == 4 and subnet.num_addresses > _FIRST + len(hosts):
            chosen = islice(subnet.hosts(), _FIRST, None)
            return {host: str(address) for host, address in zip(hosts, chosen, strict=False)}
    raise NetworkError(f"its subnets {', '.join(subnets)} have no room for {len(hosts)} tasks")


def close_network(program: str, name: str) -> None:
    subprocess.run([program, "network", "rm", "--force", name], capture_output=True, check=False)


def remove_leftovers(program: str) -> None:
    """Networks of runs that were killed; what is in use stays, and so does what is new."""
    words = [program, "network", "prune", "--force", "--filter", f"label={_LABEL}", "--filter", "until=24h"]
    subprocess.run(words, capture_output=True, check=False)


def _call(program: str, *words: str) -> str:
    try:
        done = subprocess.run([program, *words], capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NetworkError(str(error)) from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise NetworkError(said[-1].removeprefix("Error: ") if said else f"exit code {done.returncode}")
    return done.stdout.strip()
