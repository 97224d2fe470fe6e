"""Traceflow: what a packet is, where the logical network would take it, and what was seen of a real one.  Pure."""
