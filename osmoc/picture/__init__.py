"""Pictures of a graph for people: `text`, `mermaid`, `dot` and `svg`, each a module with a function of its name."""
