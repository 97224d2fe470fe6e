"""A lab's fabric: the policy manager, the hypervisors, the virtual machines on them and what plugs one into the other."""
