"""What a person at the machine sees: session lock, automatic login, browsers, removable media."""
