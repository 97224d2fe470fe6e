"""Lab cases: small YAML files that say what must be true of a lab, and the runner that finds out."""
