"""The NSX Policy API as data and pure functions: what the resources are, what a write means, what an answer looks like."""
