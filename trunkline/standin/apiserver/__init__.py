"""The lab's stand-in Kubernetes API server: the REST that `kubectl` and client libraries speak, kept in Trunkline's store."""
