"""Looks at TLS over connections of the agent's own: hellos made by hand, one ordinary handshake, certificates read."""
