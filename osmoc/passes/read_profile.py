"""Read a profile: its shape, and that it names only what it has."""

from typing import Any

from pydantic import ValidationError

from osmoc import codes
from osmoc.diagnostics import Diagnostics, did_you_mean, listed
from osmoc.graph import Action
from osmoc.names import LABEL_KEY, LABEL_VALUE
from osmoc.profile import Platform, Pool, Profile
from osmoc.yamltree import Path, Scalar, Tree, parse


def read_profile(found: Diagnostics) -> Profile | None:
    """The profile that `found.source` holds; None if it has errors."""
    tree = parse(found.source.text, found)
    if tree is None:
        return None if found.failed else Profile()
    if not isinstance(tree.plain, dict):
        found.report(codes.PROFILE_SHAPE, tree.key(()), "a profile is a mapping")
        return None
    try:
        profile = Profile.model_validate(tree.plain, context=found)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            _report(problem, tree, found)
        return None
    _check_references(profile, tree, found)
    return None if found.failed else profile


def _report(problem: Any, tree: Tree, found: Diagnostics) -> None:
    path: Path = tuple(step for step in problem["loc"] if step != "[key]")
    name = path[-1] if path else "profile"
    if problem["type"] == "extra_forbidden":
        holder = tree.plain
        for step in path[:-1]:
            holder = holder[step]
        message = f"`{name}` is not a key of a profile here"
        found.report(codes.PROFILE_SHAPE, tree.key(path), message, help="`osmoc schema profile` lists the keys")
    elif problem["type"] == "missing":
        found.report(codes.PROFILE_SHAPE, tree.key(path[:-1]), f"`{name}` is missing")
    elif problem["type"] in codes.TABLE:
        found.report(
            codes.PROFILE_SHAPE,
            tree.span(path),
            f"`{name}`: {problem['ctx']['message']}",
            help=problem["ctx"]["help"],
        )
    else:
        value = problem["input"]
        shown = value.text if isinstance(value, Scalar) else "nothing" if value is None else str(value)[:40]
        expected = problem["ctx"].get("expected") if "ctx" in problem else None
        wanted = str(expected).replace("'", "`") if expected else problem["msg"].lower()
        found.report(codes.PROFILE_SHAPE, tree.span(path), f"`{name}` cannot be `{shown}`: {wanted}")


def _check_references(profile: Profile, tree: Tree, found: Diagnostics) -> None:
    _known(profile.default_pool, profile.pools, ("default_pool",), "pool", tree, found)
    _known(
        profile.datasets.default_bucket, profile.datasets.buckets, ("datasets", "default_bucket"), "bucket", tree, found
    )
    for name, pool in profile.pools.items():
        _check_pool(pool, ("pools", name), profile, tree, found)
    for name in profile.priorities:
        if name not in ("HIGH", "NORMAL", "LOW"):
            found.report(
                codes.PROFILE_SHAPE, tree.key(("priorities", name)), f"`{name}` is not a priority: HIGH, NORMAL, LOW"
            )


def _check_pool(pool: Pool, path: Path, profile: Profile, tree: Tree, found: Diagnostics) -> None:
    if not LABEL_VALUE.fullmatch(str(path[-1])):
        found.report(
            codes.PROFILE_SHAPE, tree.key(path), f"`{path[-1]}` cannot be a label, which a pool's name becomes"
        )
    _known(pool.default_platform, pool.platforms, (*path, "default_platform"), "platform", tree, found)
    for action in pool.default_exit_actions:
        if action.upper() not in Action.__members__:
            found.report(
                codes.PROFILE_SHAPE,
                tree.key((*path, "default_exit_actions", action)),
                f"`{action}` is not an exit action",
            )
    for n, topology in enumerate(pool.topology_keys):
        if not LABEL_KEY.fullmatch(topology.label):
            where: Path = (*path, "topology_keys", n, "label")
            found.report(codes.PROFILE_SHAPE, tree.span(where), f"`{topology.label}` cannot be a node label")
    _all_known(pool.common_pod_template, profile.pod_templates, (*path, "common_pod_template"), tree, found)
    validations = (*path, "common_resource_validations")
    _all_known(pool.common_resource_validations, profile.resource_validations, validations, tree, found)
    for name, platform in pool.platforms.items():
        _check_platform(platform, (*path, "platforms", name), profile, tree, found)


def _check_platform(platform: Platform, path: Path, profile: Profile, tree: Tree, found: Diagnostics) -> None:
    if not LABEL_VALUE.fullmatch(str(path[-1])):
        message = f"`{path[-1]}` cannot be a label, which a platform's name becomes"
        found.report(codes.PROFILE_SHAPE, tree.key(path), message)
    _all_known(platform.override_pod_template, profile.pod_templates, (*path, "override_pod_template"), tree, found)
    validations = (*path, "resource_validations")
    _all_known(platform.resource_validations, profile.resource_validations, validations, tree, found)


def _known(name: str, known: dict[str, Any], path: Path, what: str, tree: Tree, found: Diagnostics) -> None:
    if name and name not in known:
        help = did_you_mean(name, known) or f"it has: {listed(known)}" if known else ""
        found.report(codes.PROFILE_REFERENCE, tree.span(path), f"the profile has no {what} `{name}`", help=help)


def _all_known(names: tuple[str, ...], known: dict[str, Any], path: Path, tree: Tree, found: Diagnostics) -> None:
    for n, name in enumerate(names):
        _known(name, known, (*path, n), "entry", tree, found)
