"""Charts as pure functions from values to SVG markup: geometry by attributes, colour by classes, never by style.

Each chart names itself (`<title>`, `<desc>` or a table), so that it can be read without being seen.
"""
