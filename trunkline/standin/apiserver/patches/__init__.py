"""The three patch languages of the Kubernetes API, each a pure function from object and patch to a new object."""
