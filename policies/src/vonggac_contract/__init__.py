"""The language that agent and collector share: values on the wire and in files.

Nothing here reads a file, a socket or a clock. Facts live in `facts/`, what is decided from them in `rule`
and `finding`, what travels in `report`, `envelope`, `heartbeat`, `receipt` and `enrolment`, the bounds that hold at
every edge in `limits`, and the only door for bytes from outside in `decode`.
"""
