"""Objects as `kubectl get` shows them: the server decides the columns, clients only align them."""
