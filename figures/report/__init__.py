"""The report: one HTML file to explore runs in, which works offline and asks for nothing from anywhere."""

from netsparse.figures.report.page import write_report

__all__ = ["write_report"]
