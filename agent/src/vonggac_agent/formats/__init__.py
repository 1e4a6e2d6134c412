"""Syntax of configuration files, read into plain values. Pure: text in, values out, ValueError for what is refused.

What a setting means is known to the topic that reads it, under `facts`. Every parser here takes text of any content;
lines are split at line feeds, and more than `lines.MAX_LINES` of them are no configuration.
"""
