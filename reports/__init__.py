"""Reports, made from stored traces alone."""

from reports.report import Report, build

__all__ = ["Report", "build"]
