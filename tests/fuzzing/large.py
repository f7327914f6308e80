"""Files that are only very large: machines write such, and people make mistakes in them."""

from collections.abc import Iterator
from typing import Any, Final

from fuzzing.sources import Cases, block, flow, task, template

_MANY: Final = 5000


def _names(count: int = _MANY) -> Iterator[str]:
    return (f"t{n}" for n in range(count))


def _many(**keys: Any) -> str:
    return flow(*(task(name, **keys) for name in _names()))


def _chain(count: int, close: bool) -> str:
    upstream = [f"t{count - 1}" if close else "", *(f"t{n}" for n in range(count - 1))]
    return flow(*(task(f"t{n}", inputs=[{"task": up}] if up else []) for n, up in enumerate(upstream)))


def _bipartite(count: int) -> str:
    reads = [{"task": f"a{n}"} for n in range(count)]
    return flow(*(task(f"a{n}") for n in range(count)), *(task(f"b{n}", inputs=reads) for n in range(count)))


LARGE: Final[Cases] = {
    "tasks": (lambda: _many(), ""),
    "tasks with findings": (lambda: _many(inputs=[{"task": "nobody"}], environment={"1": "2"}, backend="x"), "E204"),
    "tasks with near misses": (lambda: flow(*(task(n, inputs=[{"task": n + "x"}]) for n in _names())), "E204"),
    "tasks of one name": (lambda: flow(*(task("a") for _ in range(_MANY))), "E203"),
    "tasks with unknown keys": (lambda: _many(comand="x", enviroment={}, nam="y"), "E101"),
    "tasks without a name": (lambda: flow(*('{"image": "ubuntu"}' for _ in range(_MANY))), "E102"),
    "tasks with wrong types": (lambda: _many(args="x", files={}, inputs=None), "E104"),
    "tasks with unknown resources": (lambda: flow(*(task(n, resource=n) for n in _names())), "E206"),
    "tasks and resources": (
        lambda: flow(*(task(n, resource=n) for n in _names()), resources={n: {} for n in _names()}),
        "",
    ),
    "tasks with near resources": (
        lambda: flow(*(task(n, resource=n + "x") for n in _names()), resources={n: {} for n in _names()}),
        "E206",
    ),
    "a group of tasks": (
        lambda: (
            "workflow:\n  name: flow\n  groups:\n  - name: g\n    tasks:\n"
            + "".join(f"    - {task(n, lead=n == 't0')}\n" for n in _names())
        ),
        "E801",
    ),
    "a group of leads": (
        lambda: (
            "workflow:\n  name: flow\n  groups:\n  - name: g\n    tasks:\n"
            + "".join(f"    - {task(n, lead=True)}\n" for n in _names())
        ),
        "E801",
    ),
    "groups": (
        lambda: (
            "workflow:\n  name: flow\n  groups:\n"
            + "".join(f'  - {{"name": "g{n}", "tasks": [{task(n)}]}}\n' for n in _names())
        ),
        "",
    ),
    "hosts of a group": (
        lambda: (
            "workflow:\n  name: flow\n  groups:\n  - name: g\n    tasks:\n"
            + "".join(f"    - {task(n, lead=n == 't0', args=['{{host:nobody}}'])}\n" for n in _names(2000))
        ),
        "E211",
    ),
    "host network": (
        lambda: (
            "workflow:\n  name: flow\n  groups:\n  - name: g\n    tasks:\n"
            + "".join(f"    - {task(n, lead=n == 't0', hostNetwork=True)}\n" for n in _names())
        ),
        "E801",
    ),
    "a chain": (lambda: _chain(_MANY, False), ""),
    "a cycle": (lambda: _chain(_MANY, True), "E301"),
    "cycles of two": (lambda: flow(*(task(f"t{n}", inputs=[{"task": f"t{n ^ 1}"}]) for n in range(_MANY))), "E301"),
    "a bipartite graph": (lambda: _bipartite(250), ""),
    "a clique": (
        lambda: flow(*(task(f"t{n}", inputs=[{"task": f"t{m}"} for m in range(250) if m != n]) for n in range(250))),
        "E301",
    ),
    "a triangle": (
        lambda: flow(*(task(f"t{n}", inputs=[{"task": f"t{m}"} for m in range(n)]) for n in range(300))),
        "",
    ),
    "environment": (lambda: flow(task(environment={f"V{n}": "x" for n in range(_MANY)})), ""),
    "environment with findings": (lambda: flow(task(environment={f"{n}": "x" for n in range(_MANY)})), "E606"),
    "environment of numbers": (
        lambda: block("    environment:\n" + "".join(f"      {n}: 0{n}\n" for n in range(_MANY))),
        "E606",
    ),
    "environment of nulls": (
        lambda: block("    environment:\n" + "".join(f"      A{n}:\n" for n in range(_MANY))),
        "E103",
    ),
    "environment of tokens": (lambda: flow(task(environment={f"A{n}": "{{input:9}}" for n in range(_MANY)})), "E210"),
    "credentials": (lambda: flow(task(credentials={f"c{n}": f"/c/{n}" for n in range(_MANY)})), ""),
    "credentials as variables": (lambda: flow(task(credentials={f"c{n}": {f"A{n}": "key"} for n in range(_MANY)})), ""),
    "credentials with findings": (lambda: flow(task(credentials={f"c{n}": {"A": "/"} for n in range(_MANY)})), "E607"),
    "files": (lambda: flow(task(files=[{"path": f"/f/{n}", "contents": "x"} for n in range(20_000)])), ""),
    "files with findings": (
        lambda: flow(task(files=[{"path": f"f/{n}", "contents": "x"} for n in range(20_000)])),
        "E601",
    ),
    "files at one path": (lambda: flow(task(files=[{"path": "/f", "contents": "x"}] * 20_000)), "E602"),
    "files within files": (
        lambda: flow(task(files=[{"path": "/f" * n, "contents": ""} for n in range(1, 1000)])),
        "E602",
    ),
    "files and mounts": (
        lambda: flow(
            task(
                files=[{"path": f"/f{n}/x", "contents": ""} for n in range(5000)],
                volumeMounts=[f"/f{n}" for n in range(5000)],
            )
        ),
        "E602",
    ),
    "mounts": (lambda: flow(task(volumeMounts=[f"/m/{n}" for n in range(_MANY)])), ""),
    "mounts at one path": (lambda: flow(task(volumeMounts=["/m"] * _MANY)), "E504"),
    "arguments": (lambda: flow(task(args=["x"] * 100_000)), ""),
    "arguments of the wrong type": (lambda: flow(task(args=[None] * 20_000)), "E103"),
    "arguments of booleans": (lambda: block("    args:\n" + "    - yes\n" * 20_000), "W120"),
    "tokens in one text": (lambda: flow(task(args=["{{output}}" * 100_000])), "E605"),
    "bad tokens in one text": (lambda: flow(task(args=["{{input:1}}" * 100_000])), "E210"),
    "bad tokens in one block": (lambda: block("    args:\n    - |\n" + "      {{input:1}}\n" * 100_000), "E210"),
    "different bad tokens": (lambda: flow(task(args=["".join(f"{{{{host:x{n}}}}}" for n in range(20_000))])), "E211"),
    "bad tokens in many texts": (lambda: flow(task(args=["{{input:1}}"] * 20_000)), "E210"),
    "half tokens": (lambda: flow(task(args=["{{input:{% raw %}{{input:{% endraw %}"] * 5_000)), "E212 E010"),
    "tokens outside": (lambda: flow(task(), pool="{{output}}" * 20_000), "E213"),
    "inputs": (lambda: flow(task(inputs=[{"url": f"s3://b/{n}"} for n in range(_MANY)])), "W328"),
    "inputs of many buckets": (lambda: flow(task(inputs=[{"url": f"s3://b{n}/x"} for n in range(_MANY)])), "W328"),
    "inputs with findings": (
        lambda: flow(task(inputs=[{"url": f"b/{n}", "regex": "*.png"} for n in range(_MANY)])),
        "E303",
    ),
    "inputs of no kind": (lambda: flow(task(inputs=[{"x": n} for n in range(_MANY)])), "E105"),
    "inputs of unknown tasks": (lambda: flow(task(inputs=[{"task": f"t{n}"} for n in range(_MANY)])), "E204"),
    "datasets": (
        lambda: flow(
            task("w", outputs=[{"dataset": {"name": f"d{n}"}} for n in range(_MANY)]),
            task("r", inputs=[{"dataset": {"name": f"d{n}"}} for n in range(_MANY)]),
        ),
        "W328",
    ),
    "writers of one dataset": (lambda: _many(outputs=[{"dataset": {"name": "d"}}]), "W323"),
    "writers of one dataset, in order": (
        lambda: flow(
            *(
                task(f"t{n}", inputs=[{"task": f"t{n - 1}"}] if n else [], outputs=[{"dataset": {"name": "d"}}])
                for n in range(1000)
            )
        ),
        "W327",
    ),
    "writers and readers": (
        lambda: flow(
            *(task(f"w{n}", outputs=[{"dataset": {"name": "d"}}]) for n in range(500)),
            *(task(f"r{n}", inputs=[{"dataset": {"name": "d"}}]) for n in range(500)),
        ),
        "W323",
    ),
    "updates": (lambda: _many(outputs=[{"update_dataset": {"name": "d"}}]), "W330"),
    "checkpoints": (
        lambda: flow(task(checkpoint=[{"path": f"c/{n}", "url": "x", "frequency": "0.5s"} for n in range(_MANY)])),
        "E406",
    ),
    "resources": (lambda: flow(task(), resources={f"r{n}": {"memory": "1G"} for n in range(_MANY)}), "E206"),
    "resources with topology": (
        lambda: flow(
            *(task(n, resource=n) for n in _names()),
            resources={n: {"topology": [{"key": n, "group": n}]} for n in _names()},
        ),
        "E505",
    ),
    "topology": (
        lambda: flow(task(), resources={"default": {"topology": [{"key": f"k{n}"} for n in range(_MANY)]}}),
        "",
    ),
    "excluded nodes": (
        lambda: flow(task(), resources={"default": {"nodesExcluded": [f"n{n}" for n in range(_MANY)]}}),
        "",
    ),
    "excluded nodes with findings": (
        lambda: flow(task(), resources={"default": {"nodesExcluded": ["-"] * _MANY}}),
        "E507",
    ),
    "labels": (lambda: flow(task(), labels={f"l{n}": "x" for n in range(_MANY)}), "E609"),
    "exit ranges": (
        lambda: flow(
            task(
                exitActions={
                    "COMPLETE": ",".join(map(str, range(0, 20000, 2))),
                    "FAIL": ",".join(map(str, range(1, 20000, 2))),
                }
            )
        ),
        "E402",
    ),
    "exit actions": (lambda: flow(task(exitActions={f"a{n}": 1 for n in range(_MANY)})), "E401"),
    "defaults": (lambda: "default-values:\n" + "".join(f"  v{n}: x\n" for n in range(100_000)) + block(""), "W022"),
    "defaults of near names": (
        lambda: "default-values:\n" + "".join(f"  v{n}: x\n" for n in range(_MANY)) + template("{{ w1 }}"),
        "E011",
    ),
    "lines": (lambda: block("    args:\n" + "    - x\n" * 100_000), ""),
    "lines of a text": (lambda: block("    args:\n    - |\n" + "      x\n" * 100_000), ""),
    "lines of tasks": (
        lambda: (
            "workflow:\n  name: flow\n  tasks:\n"
            + "".join(f"  - name: t{n}\n    image: ubuntu\n    command: [sh]\n" for n in range(33_000))
        ),
        "E801",
    ),
    "the same key": (lambda: "workflow:\n" + "  name: x\n" * 100_000, "W020"),
    "keys that nobody knows": (lambda: "workflow:\n" + "".join(f"  k{n}: x\n" for n in range(100_000)), "E101"),
    "keys of a task": (lambda: block("".join(f"    k{n}: x\n" for n in range(100_000))), "E101"),
    "keys that are lists": (lambda: "workflow:\n" + "  ? [a]\n  : x\n" * 50_000, "E003"),
    "kpis": (lambda: flow(task(kpis=[{"index": f"{n}", "path": "../x"} for n in range(_MANY)])), "E307"),
    "dates": (lambda: block("    args:\n" + "    - 2024-01-01\n" * 20_000), "E104"),
    "a template of many lines": (
        lambda: block("    args:\n{% for n in range(50000) %}    - x{{ n }}\n{% endfor %}"),
        "",
    ),
    "a template of many tasks": (
        lambda: (
            "workflow:\n  name: flow\n  tasks:\n{% for n in range(2000) %}  - name: t{{ n }}\n    image: ubuntu\n"
            "    command: [sh, '{{input:1}}']\n{% endfor %}"
        ),
        "E210",
    ),
}
