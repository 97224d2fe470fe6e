"""Traceflow in NSX's words: its packets read, what became of them told as observations.  Pure."""
