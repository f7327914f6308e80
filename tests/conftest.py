"""Settings of all tests."""

from hypothesis import HealthCheck, settings

# The same examples in every run, and no verdict on how fast the machine is.
settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("steady")
