from hypothesis import settings

settings.register_profile("standby", deadline=None)  # a busy machine is no failure; what must be fast has a test of its own
settings.load_profile("standby")
