"""Web servers and what runs in them: nginx, Apache, PHP, Tomcat."""
