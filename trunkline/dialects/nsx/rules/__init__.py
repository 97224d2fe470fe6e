"""The few rules that single resource types have beyond their shape, one module per subject."""
