"""`osmoc run`: a workflow on this machine, by the runtime of the pods. The only part beside the CLI that does I/O."""
