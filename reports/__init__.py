"""Reports, made from stored traces alone."""
