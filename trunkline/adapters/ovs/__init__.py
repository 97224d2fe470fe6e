"""The node's Open vSwitch through its database: bridges, ports, settings."""
