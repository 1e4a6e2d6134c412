"""What every lane shares: hypothesis judges by results and not by how busy this machine is."""

from hypothesis import settings

settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")
