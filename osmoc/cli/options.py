"""Options that several commands share, and how `--set a=1 b=2` is read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import click

if TYPE_CHECKING:
    from osmoc.emit.gitops import Controller

_Function = TypeVar("_Function", bound=Callable[..., Any])

_ASSIGNING: Final = ("--set", "--set-string", "--set-env")


def spread_assignments(argv: Sequence[str]) -> list[str]:
    """`--set a=1 b=2` as OSMO's users type it: the words with `=` up to the next option belong to it."""
    words: list[str] = []
    option = ""
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*words, word, *rest]
        if word in _ASSIGNING and rest:
            option = word
            words += [word, rest.pop(0)]
        elif word.startswith("-"):
            option = ""
            words.append(word)
        elif option and "=" in word:
            words += [option, word]
        else:
            option = ""
            words.append(word)
    return words


class _Assignments(click.ParamType[tuple[str, str]]):
    name = "KEY=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        key, equals, rest = str(value).partition("=")
        if not key or not equals:
            self.fail(f"`{value}` is not of the form KEY=VALUE", param, ctx)
        return key, rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The options that every command with a workflow takes."""

    profile: str | None
    target: Literal["argo", "jobs"] | None
    set_: Mapping[str, str]
    set_string: Mapping[str, str]
    set_env: Mapping[str, str]
    labels: Mapping[str, str]
    pool: str
    priority: Literal["", "HIGH", "NORMAL", "LOW"]
    workflow_id: str
    strict: bool
    ignore: tuple[str, ...]
    gitops: "Controller | None" = None


def workflow_options(function: _Function) -> _Function:
    """Adds them, as keyword arguments that `given` gathers."""
    options = _shared_options()
    options.insert(
        1,
        click.option("--target", type=click.Choice(["argo", "jobs"]), help="Argo, or plain Jobs. [profile, else argo]"),
    )
    options.insert(
        -2, click.option("--id", "workflow_id", default="", help="The workflow id. [name and a digest of the result]")
    )
    return _added(options, function)


def run_options(function: _Function) -> _Function:
    """The same for a run on this machine, which is its own target and counts its ids."""
    return _added(_shared_options(), function)


def _shared_options() -> list[Callable[[Any], Any]]:
    return [
        click.option("--profile", metavar="FILE", help="What the cluster offers. [OSMOC_PROFILE, else ./osmoc.yaml]"),
        click.option(
            "--set", "set_", type=_Assignments(), multiple=True, help="A template value; numbers are numbers."
        ),
        click.option("--set-string", type=_Assignments(), multiple=True, help="A template value that stays text."),
        click.option("--set-env", type=_Assignments(), multiple=True, help="An environment variable for every task."),
        click.option("--label", "labels", type=_Assignments(), multiple=True, help="A label for every pod."),
        click.option("-p", "--pool", default="", help="The pool to run in."),
        click.option(
            "--priority",
            type=click.Choice(["HIGH", "NORMAL", "LOW"], case_sensitive=False),
            default=None,
            help="The priority in the pool.",
        ),
        click.option("--strict", is_flag=True, help="Take warnings for errors."),
        click.option("--ignore", multiple=True, metavar="CODE", help="Silence a warning or note, such as W328."),
    ]


def _added(options: Sequence[Callable[[Any], Any]], function: _Function) -> _Function:
    for option in reversed(options):
        function = option(function)
    return function


def given(options: dict[str, Any]) -> Given:
    """Gather the shared options; repeated ones accumulate, the last value of a key counts."""
    codes = [code.strip().upper() for text in options.pop("ignore") for code in text.split(",")]
    for code in codes:
        _check_code(code)
    return Given(
        profile=options.pop("profile"),
        target=options.pop("target"),
        set_=dict(options.pop("set_")),
        set_string=dict(options.pop("set_string")),
        set_env=dict(options.pop("set_env")),
        labels=dict(options.pop("labels")),
        pool=options.pop("pool"),
        priority=options.pop("priority") or "",
        workflow_id=options.pop("workflow_id"),
        strict=options.pop("strict"),
        ignore=tuple(codes),
    )


def _check_code(code: str) -> None:
    from osmoc.codes import TABLE

    if code not in TABLE:
        raise click.UsageError(f"`{code}` is not the code of a finding: `osmoc explain` lists them")
    if code.startswith("E"):
        raise click.UsageError(f"{code} is an error, and errors cannot be ignored")
