"""Mail servers: Postfix, Exim, Dovecot."""
