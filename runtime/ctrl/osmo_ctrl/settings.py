"""What the pod tells osmo-ctrl by environment variables, read once; and where things lie below the root."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    root: Path
    run: str
    attempt: int
    document_digest: str
    pod: str
    node: str
    group_port: int = 0

    @property
    def document(self) -> Path:
        return self.root / "task.json"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def group_key(self) -> Path:
        return self.root / "group-key" / "key"

    @property
    def claim(self) -> Path:
        """Where a PersistentVolumeClaim for the storage is mounted."""
        return self.root / "storage"

    @property
    def inputs(self) -> Path:
        return self.root / "data" / "input"

    @property
    def output(self) -> Path:
        return self.root / "data" / "output"

    @property
    def log(self) -> Path:
        return self.root / "run" / "log"

    @property
    def control_socket(self) -> Path:
        return self.root / "run" / "control.sock"

    @property
    def tool_socket(self) -> Path:
        return self.root / "run" / "tool.sock"

    @property
    def state(self) -> Path:
        return self.root / "state" / "state.json"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Raises: KeyError, ValueError for a variable that is missing or no number."""
    return Settings(
        root=Path(environment.get("OSMO_ROOT", "/osmo")),
        run=environment["OSMO_RUN_ID"],
        attempt=int(environment.get("OSMO_ATTEMPT") or 0),
        document_digest=environment.get("OSMO_DOCUMENT_DIGEST", ""),
        pod=environment["OSMO_POD_UID"],
        node=environment.get("OSMO_NODE_NAME", ""),
        group_port=int(environment.get("OSMO_GROUP_PORT") or 0),
    )
