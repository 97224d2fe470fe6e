"""HTTP: requests in, answers out, in the manner that NSX clients expect.  One module per family of calls."""
