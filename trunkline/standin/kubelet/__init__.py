"""A lab kubelet: pods become network namespaces with real processes in them, wired by the real CNI plugin."""
