"""Networks of groups: `osmoc.local.network`; that containers meet in them is for tests/containers."""

import pytest

from osmoc.local.network import Network, NetworkError, _addresses


def test_each_task_has_an_address_in_the_first_subnet_with_room() -> None:
    found = _addresses(["fd00::/64", "10.1.0.0/29", "10.2.0.0/24"], ["a", "b"])
    assert found == {"a": "10.2.0.11", "b": "10.2.0.12"}
    with pytest.raises(NetworkError, match="no room for 300 tasks"):
        _addresses(["10.2.0.0/24"], [str(n) for n in range(300)])


def test_every_task_knows_all_by_name() -> None:
    network = Network("n", {"a": "10.2.0.11", "b": "10.2.0.12"})
    hosts = ["--add-host", "a:10.2.0.11", "--add-host", "b:10.2.0.12"]
    assert network.words("b") == ["--network", "n", "--ip", "10.2.0.12", *hosts]
