"""osmoc compiles OSMO workflow YAML to Argo Workflow or plain Kubernetes Job manifests.

The library is one call, `compile_workflow`; it does no I/O. The command line is `osmoc.cli`.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "compile_workflow"]

if TYPE_CHECKING:
    from osmoc.pipeline import compile_workflow


def __getattr__(name: str) -> Any:
    # `osmoc --version` imports this package too: the compiler is loaded when it is asked for.
    if name == "compile_workflow":
        from osmoc.pipeline import compile_workflow

        return compile_workflow
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
