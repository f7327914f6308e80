"""Random DAGs, the same for the same seed: `dag.py TASKS OUT.json` also writes OUT.yaml, the DAG as OSMO workflow.

Every task has a command, an environment and a file of its own, and one of a few shapes: image, hardware, file path.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

SEED = 20261122
# How far back a task looks for what it reads, and how many tasks it reads at most.
WINDOW = 50
MOST_INPUTS = 3


@dataclass(frozen=True, slots=True)
class Shape:
    name: str
    image: str
    cpu: int
    memory: str
    gpu: int
    file_path: str


@dataclass(frozen=True, slots=True)
class Task:
    name: str
    shape: int
    command: list[str]
    args: list[str]
    environment: dict[str, str]
    file: str
    upstream: list[str]


@dataclass(frozen=True, slots=True)
class Dag:
    name: str
    shapes: list[Shape]
    tasks: list[Task]


def make_dag(tasks: int, shapes: int, seed: int = SEED) -> Dag:
    random = Random(f"{seed}-{tasks}-{shapes}")
    names = [f"{random.choice(_STAGES)}-{n}" for n in range(tasks)]
    return Dag(
        name=f"bench-{tasks}",
        shapes=[_shape(n, random) for n in range(shapes)],
        tasks=[_task(n, names, shapes, random) for n in range(tasks)],
    )


_STAGES = ("sim", "draw", "label", "train", "eval")


def _shape(number: int, random: Random) -> Shape:
    return Shape(
        name=f"machine-{number}",
        image=f"registry.example.com/robotics/stage-{number % 7}:1.{number}",
        cpu=random.choice((1, 2, 4, 8)),
        memory=f"{random.choice((2, 4, 8, 16))}Gi",
        gpu=random.choice((0, 0, 1)),
        file_path=f"/app/stage_{number % 4}.py",
    )


def _task(number: int, names: list[str], shapes: int, random: Random) -> Task:
    near = names[max(0, number - WINDOW) : number]
    scene = random.randrange(10**6)
    return Task(
        name=names[number],
        shape=random.randrange(shapes),
        command=["python3", "-u"],
        args=["/app/stage.py", "--scene", f"scene-{scene}", "--steps", str(random.randrange(100, 9999))],
        environment={
            "SEED": str(random.randrange(10**9)),
            "LEARNING_RATE": f"{random.random() / 1000:.1e}",
            "RUN_LABEL": f"{names[number]}: scene {scene}",
        },
        file=_file(scene, random),
        upstream=sorted(random.sample(near, min(len(near), random.randint(0, MOST_INPUTS)))),
    )


def _file(scene: int, random: Random) -> str:
    return (
        "import json\nimport sys\n\n\ndef main() -> None:\n"
        f'    config = {{"scene": {scene}, "speed": {random.random():.4f}, "objects": {random.randrange(50)}}}\n'
        "    json.dump(config, sys.stdout)\n\n\nmain()\n"
    )


def to_osmo(dag: Dag) -> str:
    """As a person writes it: block style, one key a line; the file as a literal block."""
    lines = ["workflow:", f"  name: {dag.name}", "  resources:"]
    for shape in dag.shapes:
        lines += [f"    {shape.name}:", f"      cpu: {shape.cpu}", f"      memory: {shape.memory}"]
        lines += [f"      gpu: {shape.gpu}"] if shape.gpu else []
    lines.append("  tasks:")
    for task in dag.tasks:
        shape = dag.shapes[task.shape]
        lines += [f"  - name: {task.name}", f"    image: {shape.image}", f"    resource: {shape.name}"]
        args = [*task.args, *[word for n in range(len(task.upstream)) for word in ("--input", f"{{{{input:{n}}}}}")]]
        lines += [
            f"    command: {json.dumps(task.command)}",
            "    args:",
            *[f"    - {json.dumps(word)}" for word in args],
        ]
        lines += ["    environment:", *[f"      {key}: {json.dumps(text)}" for key, text in task.environment.items()]]
        lines += ["    files:", f"    - path: {shape.file_path}", "      contents: |"]
        lines += [f"        {line}" if line else "" for line in task.file.splitlines()]
        if task.upstream:
            lines += ["    inputs:", *[f"    - task: {name}" for name in task.upstream]]
    return "\n".join(lines) + "\n"


def load(path: str) -> Dag:
    plain = json.loads(Path(path).read_text())
    return Dag(plain["name"], [Shape(**item) for item in plain["shapes"]], [Task(**item) for item in plain["tasks"]])


def main(tasks: str, shapes: str, out: str) -> None:
    dag = make_dag(int(tasks), int(shapes))
    Path(out).write_text(json.dumps(asdict(dag)))
    Path(out).with_suffix(".yaml").write_text(to_osmo(dag))


if __name__ == "__main__":
    main(*sys.argv[1:])
