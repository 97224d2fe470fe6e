"""What each built-in kind means beyond its shape: defaults, validation, what may change; pure functions per kind."""
