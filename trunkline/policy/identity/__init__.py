"""Who is calling and what they may do: users, sessions, certificates, roles, lock-out."""
