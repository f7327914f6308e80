"""One module per pass; each exports one function with the name of its module."""
