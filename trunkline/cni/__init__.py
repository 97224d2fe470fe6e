"""The CNI program that a container runtime starts: `plugin.py`, one file that stands alone."""
