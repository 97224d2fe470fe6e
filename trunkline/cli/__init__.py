"""What people type: `trunkline ...`.  One module per group of commands, imported only when used."""
