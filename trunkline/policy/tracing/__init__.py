"""Traceflow at work: where the packet should go, a real one sent there, and what hypervisors saw of it."""
