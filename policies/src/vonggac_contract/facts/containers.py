"""Docker and containerd."""
