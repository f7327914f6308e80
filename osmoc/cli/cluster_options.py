"""What commands that ask a cluster share: which one, and how its refusals are told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeVar

import click

from osmoc.cluster.archive import NoArchiveError
from osmoc.cluster.client import ApiError, Client, NoClusterError, open_client
from osmoc.cluster.runs import UnknownRunError

_Function = TypeVar("_Function", bound=Callable[..., Any])


def cluster_options(function: _Function) -> _Function:
    """Adds `--namespace` and `--context`."""
    function = click.option("--context", metavar="NAME", help="The context of the kubeconfig. [its current one]")(
        function
    )
    return click.option("-n", "--namespace", metavar="NAME", help="The namespace. [that of the context]")(function)


@contextmanager
def connected(context: str | None, namespace: str | None) -> Iterator[Client]:
    """A client of the cluster; what goes wrong with it is told in a line, and not as a fault of osmoc."""
    try:
        yield open_client(context, namespace)
    except (NoClusterError, NoArchiveError, UnknownRunError, TimeoutError) as error:
        raise click.ClickException(str(error)) from None
    except ApiError as error:
        raise click.ClickException(told(error)) from None


def told(error: ApiError) -> str:
    match error.status:
        case HTTPStatus.UNAUTHORIZED:
            return "the cluster does not know you: the login of the kubeconfig has expired, or is of another cluster"
        case HTTPStatus.FORBIDDEN:
            return f"you may not do this: {error}"
        case _:
            return str(error)
