"""Hold one server of this API beside another, or beside its own contract."""
