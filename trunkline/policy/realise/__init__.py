"""The part of the manager that makes the network do what the policy objects say, and tells how far it does."""
