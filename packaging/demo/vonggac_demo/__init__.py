"""The demonstration: this machine measured for real, beside a sample country that is marked as such everywhere."""
