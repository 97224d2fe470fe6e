"""Small shared vocabulary: problems, addresses, identifiers, time, and YAML that remembers where it stood."""
