"""What every lane shares: hypothesis judges by results and not by how busy this machine is.

In continuous integration the inputs are the same each time, so that a red run says that the change broke something; new
ones are looked for by every run at a developer's desk and by `make fuzz`.
"""

import os

from hypothesis import settings

settings.register_profile("house", deadline=None, print_blob=True)
settings.register_profile("ci", settings.get_profile("house"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "house")
