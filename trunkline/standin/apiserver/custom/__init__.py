"""CustomResourceDefinitions: kinds that users bring along, and the conversion between their versions."""
